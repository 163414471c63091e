"""A few inputs of every kind of file and message, changed by Hypothesis; ``scripts/attack/fuzz.py`` makes thousands."""

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("hypothesis", reason="needs hypothesis: pip install 'gradcert[properties]'")
PATH = Path(__file__).resolve().parents[3] / "scripts" / "attack" / "fuzz.py"
SPEC = importlib.util.spec_from_file_location("attack_fuzz", PATH)
fuzz = importlib.util.module_from_spec(SPEC)
sys.modules["attack_fuzz"] = fuzz
SPEC.loader.exec_module(fuzz)
NEEDS = {"equations": "sympy", "NIR": "nir"}
INPUTS = 25


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    return fuzz.prepared(tmp_path_factory.mktemp("ground"))


@pytest.mark.long(keep=4)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", fuzz.READERS)
def test_nothing_gets_through(ground, kind):
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    found = fuzz.fuzz(ground, kind, INPUTS)
    assert found.inputs == INPUTS == found.read + found.refused
    assert found.faults == []


def test_a_reader_that_trusts_is_found(ground, monkeypatch):
    """What the fuzzing would say of one that runs code, one that raises, and one that prints what it was given."""

    def trusting(ground, text):
        (ground.folder / "canary.ran").touch()
        return text + "\x1b"

    monkeypatch.setitem(fuzz.READERS, "problem", trusting)
    found = fuzz.fuzz(ground, "problem", 5).faults
    assert any(line.startswith("code ran") for line in found) and any(line.startswith("printed") for line in found)
    monkeypatch.setitem(fuzz.READERS, "problem", lambda ground, text: __import__("json").loads(text)["id"] * 10)
    assert any("Error" in line for line in fuzz.fuzz(ground, "problem", 30).faults)
