"""The comparison with gradcheck: a small sample of what docs/gradcheck.md says, run here."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'gradcert[torch]'")
from benchmarks import gradcheck as bench  # noqa: E402
from benchmarks import in_the_loop  # noqa: E402

ROOT = Path(__file__).parents[2]


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
def test_who_refutes_what(cell, name, gradcheck, gradcert):
    problem = bench.problem_of(bench.CELLS[cell], 4, 5)
    gradients = dict(bench.everything())[name]
    assert bench.by_gradcheck(problem, gradients, fast=False).refuted == gradcheck
    assert bench.by_budget(problem, gradients).refuted == gradcert
    assert (in_the_loop.judged(problem, gradients).verdict == "wrong") == gradcert


@pytest.mark.parametrize("cell", ["ssnu", "snu"])
def test_the_loss_is_the_networks(cell):
    """gradcheck differentiates this forward pass: it has to be the one that the gradients are of."""
    problem = bench.problem_of(bench.CELLS[cell], 4, 5)
    theirs = bench.loss_of(problem, {k: torch.from_numpy(v) for k, v in problem.parameters.items()})
    expected = bench.expect(problem, bench.RULES["ostl"], "float64")
    assert bench.judge_all({"loss": theirs.numpy()}, {"loss": expected.loss})["loss"].ok
    outputs = in_the_loop.sequence(in_the_loop.module_of(problem), torch.from_numpy(problem.inputs))
    own = in_the_loop.loss_of(outputs, torch.from_numpy(problem.targets)).detach().numpy()
    assert bench.judge_all({"loss": own}, {"loss": expected.loss})["loss"].ok


def test_every_member_is_on_the_page():
    page = (ROOT / "docs" / "gradcheck.md").read_text()
    assert len(bench.MEMBERS) == 10
    assert [name for name in bench.MEMBERS if page.count(f"| {name.partition('_')[0]}, ") != 3] == []


def test_what_is_said_of_the_loop_is_renewed_alone():
    page = (ROOT / "docs" / "gradcheck.md").read_text()
    section = page.partition(bench.WATCH)[2].partition("\n## ")[0]
    assert "**" not in section  # a verdict in bold is wrong
    other = bench.rewatched(page, [bench.WATCH, "", "other"])
    assert other == page.replace(section, "\n\nother\n")
    assert bench.rewatched(other, (bench.WATCH + section).rstrip().splitlines()) == page
