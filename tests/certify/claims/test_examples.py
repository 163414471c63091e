"""The claims of examples/claims: torch.autograd keeps each, and one mistake for each is refuted with its cause."""

import sys
from functools import partial
from pathlib import Path

import pytest

from gradcert.certify import certify
from gradcert.certify.claims import read_claim

pytest.importorskip("torch", reason="needs PyTorch: pip install torch")
FOLDER = Path(__file__).parents[3] / "examples" / "claims"
SAID = {
    "padded": "a mean over time that is divided by the padded steps too",
    "sequences": "carried over a beginning",
    "trained_start": "initial.layers.0.v, initial.layers.1.v: zero in every entry",
    "carried_state": "the initial values are not read",
    "dropout": "the mask of the first step at every step",
    "zoneout": "the masks are not read",
    "spike_count": "the loss of mean in the place of sum",
    "largest": "the loss of last in the place of max",
    "potential": "the loss of z in the place of v",
    "rate": "activity pushed away from where it should go",
    "spike_cost": "no terms about activity",
    "bernoulli": "a squared error for the loss",
    "outputs": "times the number of outputs",
    "pooled": "a mean over time that is divided by the padded steps too",
}


@pytest.fixture(scope="module")
def lif():
    sys.path.insert(0, str(FOLDER))
    try:
        import lif as module
    finally:
        sys.path.remove(str(FOLDER))
    return module


@pytest.mark.long(keep=3)
@pytest.mark.parametrize("name", SAID)
def test_a_claim_is_kept_and_its_mistake_is_named(lif, name):
    claim = read_claim(FOLDER / f"{name}.toml")
    right = certify(partial(lif.gradients), claim=claim, profile="quick")
    wrong = certify(getattr(lif, f"wrong_{name}"), claim=claim, profile="quick")
    assert (right.verdict, wrong.verdict) == ("certified", "refuted")
    assert SAID[name] in wrong.reason


def test_every_claim_of_the_folder_is_here():
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(SAID)
