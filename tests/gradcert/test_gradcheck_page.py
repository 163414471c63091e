"""The comparison with gradcheck: a small sample of what docs/gradcheck.md says, run here."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'gradcert[torch]'")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("gradcheck_benchmark", ROOT / "benchmarks" / "gradcheck.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("cell", "name", "gradcheck", "gradcert"),
    [
        ("ssnu", "nothing", False, False),
        ("ssnu", "T05_reset_term_dropped", True, True),
        ("ssnu", "T122_float32_inside", False, True),
        ("snu", "nothing", True, False),
        ("snu", "T05_reset_term_dropped", True, True),
    ],
)
def test_who_refutes_what(bench, cell, name, gradcheck, gradcert):
    problem = bench.problem_of(bench.CELLS[cell], 4, 5)
    gradients = dict(bench.everything())[name]
    assert bench.by_gradcheck(problem, gradients, fast=False).refuted == gradcheck
    assert bench.by_budget(problem, gradients).refuted == gradcert


@pytest.mark.parametrize("cell", ["ssnu", "snu"])
def test_the_loss_is_the_networks(bench, cell):
    """gradcheck differentiates this forward pass: it has to be the one that the gradients are of."""
    import torch

    problem = bench.problem_of(bench.CELLS[cell], 4, 5)
    theirs = bench.loss_of(problem, {k: torch.from_numpy(v) for k, v in problem.parameters.items()})
    expected = bench.expect(problem, bench.RULES["ostl"], "float64")
    assert bench.judge_all({"loss": theirs.numpy()}, {"loss": expected.loss})["loss"].ok


def test_every_member_is_on_the_page(bench):
    page = (ROOT / "docs" / "gradcheck.md").read_text()
    assert len(bench.MEMBERS) == 10
    assert [name for name in bench.MEMBERS if f"| {name.partition('_')[0]}, " not in page] == []
