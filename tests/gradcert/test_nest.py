"""NEST's e-prop gets the verdicts that the matrix says, in an environment of its own (``make peers``)."""

from pathlib import Path

import pytest

import gradcert

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers-nest" / "bin" / "python"
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PYTHON.is_file(), reason="needs NEST in .venv-peers-nest: make peers PEERS=nest"),
]
SUBJECTS = {
    "nest_eprop_2020.py:regularised": "certified",
    "nest_eprop_2020.py:second_step": "refuted",
    "nest_eprop.py:iaf": "certified",
    "nest_eprop.py:hard_reset_of_the_state": "refuted",
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_verdict_is_the_one_of_the_matrix(name):
    found = gradcert.certify(str(ROOT / "examples" / name), profile="quick", python=str(PYTHON), run_cells=True)
    assert found.verdict == SUBJECTS[name], found.reason
