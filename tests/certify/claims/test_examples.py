"""The claims of examples/claims: torch.autograd keeps each, and one mistake for each is refuted with its cause."""

import importlib
import json
import sys
import tomllib
from dataclasses import fields
from functools import partial
from pathlib import Path

import jsonschema
import pytest

from gradcert.certify import certify
from gradcert.certify.claims import Claim, read_claim

pytest.importorskip("torch", reason="needs PyTorch: pip install torch")
SCHEMA = Path(__file__).parents[3] / "certify" / "certificates" / "claim.schema.json"
FOLDER = Path(__file__).parents[3] / "examples" / "claims"
LIF = {
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
SPIKES = {
    "formula": "psi taken at -|v - threshold|, the side below the threshold on both",
    "own_function": "psi taken at v in place of v - threshold",
    "amplitude": "psi = triangle(scale=0.5, width=1.5)",
    "scaling": "psi undivided",
    "refractory": "psi not zeroed in the refractory period",
    "synaptic": "the path i<-i' dropped",
    "synaptic_old": "the path v<-i' followed within the step",
}
STACKS = {
    "mixed": "the outputs are those of reset='subtract_before_leak', and so are the gradients",
    "frozen": "layers.0.H, which the claim says is not trained",
    "head": "divided by B, a mean over the batch",
    "spiking_readout": "it is zero in every entry",
}
SAID = {
    "lif": LIF,
    "spikes": SPIKES,
    "stacks": STACKS,
}  # the file that holds the subjects -> claim -> what is said of its mistake
CLAIMS = [(where, name) for where, names in SAID.items() for name in names]


def subjects(where):
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(where)
    finally:
        sys.path.remove(str(FOLDER))


@pytest.mark.long(keep=3)
@pytest.mark.parametrize(("where", "name"), CLAIMS)
def test_a_claim_is_kept_and_its_mistake_is_named(where, name):
    claim = read_claim(FOLDER / f"{name}.toml", run=True)
    right = certify(partial(subjects(where).gradients), claim=claim, profile="quick")
    wrong = certify(getattr(subjects(where), f"wrong_{name}"), claim=claim, profile="quick", repair=0.0)
    assert (right.verdict, wrong.verdict) == ("certified", "refuted")
    assert SAID[where][name] in wrong.reason


def test_every_claim_of_the_folder_is_here():
    assert sorted(path.stem for path in FOLDER.glob("*.toml")) == sorted(name for _, name in CLAIMS)


def test_every_claim_of_the_folder_is_one_of_the_schema():
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == {"loss", *(f.name for f in fields(Claim))}
    for path in FOLDER.glob("*.toml"):
        jsonschema.validate(tomllib.loads(path.read_text()), schema)
    wrong = {"rule": "bptt", "cells": "lif", "options": {"surrogate": {"scale": 2.0}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)
