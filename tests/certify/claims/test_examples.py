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
from gradcert.certify.certificates import from_dict
from gradcert.certify.claims import Claim, read_claim
from gradcert.certify.problems import plan

pytest.importorskip("torch", reason="needs PyTorch: pip install torch")
SCHEMA = Path(__file__).parents[3] / "certify" / "certificates" / "claim.schema.json"
FOLDER = Path(__file__).parents[3] / "examples" / "claims"
LIF = {
    "padded": "a mean over time that is divided by the padded steps too",
    "sequences": "carried over a beginning",
    "trained_start": "initial.layers.0.v, initial.layers.1.v: zero in every entry",
    "carried_state": "the initial values are not read",
    "dropout": "the mask of the first step at every step",
    "zoneout": "the mask of the first step at every step",
    "spike_count": "the loss of mean in the place of sum",
    "largest": "the loss of last in the place of max",
    "potential": "the loss of z in the place of v",
    "stored_potential": "the membrane potential before the reset as the output",
    "rate": "activity pushed away from where it should go",
    "spike_cost": "no terms about activity",
    "bernoulli": "a squared error for the loss",
    "outputs": "times the number of outputs",
    "pooled": "a mean over time that is divided by the padded steps too",
    "labels": "with a loss at last step, and so are the gradients",
    "one_hot": "targets one step late",
    "first_spike": "the opposite sign",
    "final_state": "the loss of every in the place of last",
    "error_window": "the loss's weights are not read",
    "fixed_sizes": "layers.0.b, layers.1.b: equals bptt times 2",
    "sparsity": "no terms about activity",
    "huber": "a squared error for the loss",
    "poisson": "divided by the number of entries",
    "trained_leak": "layers.0.leak, layers.1.leak: zero in every entry",
}
SPIKES = {
    "formula": "psi taken at -|v - threshold|, the side below the threshold on both",
    "own_function": "psi taken at v in place of v - threshold",
    "amplitude": "psi = triangle(scale=0.5, width=1.5)",
    "scaling": "psi undivided",
    "refractory": "psi not zeroed in the refractory period",
    "synaptic": "the path i<-i' dropped",
    "synaptic_old": "the path v<-i' followed within the step",
    "cuba": "which is bptt-detached-reset",
    "own_cell": "the path g<-g' dropped",
    "several_spikes": "the factor of z<-v times threshold",
}
RULES = {
    "decolle": "the output's loss in every hidden layer",
    "chunked_reset": "tbptt-chunks(3) - reset with RESET",
    "own_edges": "with RESET in the layers above",
    "first_synapse": "sltt then ottt with STATE in layer 0",
    "mixed_reset": "bptt then bptt - reset without RESET in layer 0",
    "untraced_bias": "ottt + untraced bias with a trace on the bias",
    "ottt_code": "traces with the postsynaptic leak",
    "sltt_k": "sltt-k(k=2) with the factor T / K",
    "otpe": "otpe with no membrane trace",
    "es_d_rtrl": "es-d-rtrl(decay=0.75) with no division by 1 - alpha^t",
    "fptt": "fptt(form=code, parts=3) with Lambda updated with the opposite sign",
    "update_per_step": "update-per-step with contributions that are kept from step to step",
}
STACKS = {
    "mixed": "the outputs are those of reset='subtract_before_leak', and so are the gradients",
    "frozen": "layers.0.H, which the claim says is not trained",
    "head": "divided by B, as of a mean over the batch that is taken twice",
    "spiking_readout": "it is zero in every entry",
}
HALVES = {
    "float16": "float16 ends at 65504",
    "bfloat16": "times a power of two, as of a loss scale that is not divided out",
}
EPROP = {
    "readout_trace": "z<-z' = decay of the layer below",
    "hidden_signal": "layers.0.W, layers.0.H, layers.0.b: zero in every entry",
    "rate_trace": "terms about activity through the trace that the readout filters",
}
GRAPHS = {
    "skip": "it equals bptt with no credit through low -> out",
    "feedback": "the weight of high -> low fed with its source at lag 0 in the place of 1",
    "two_inputs": "its inputs in the order context, image, and so are the gradients",
    "delay": "low -> out at lag 2 in the place of 3, and so are the gradients",
    "convolution": "the kernel features.W turned by 180 degrees in its gradient",
    "pooling": "the credit of max pooling to every one of the largest of a window, in the place of the first",
    "shared": "the gradient of low.leak of its first unit alone",
}
NORMAL = {
    "normalised": "mean and variance of the normalised sums as constants",
    "standardised": "standardised weights by the weight that acts, in the place of the raw one",
}
SUPERVISED = {
    "auxiliary": "bptt with auxiliary losses without their strength",
    "auxiliary_below": "ostl with auxiliary losses that act in their own layer alone, and not below",
}
TERMS = {
    "quiet_skip": "one rate of all samples together in the place of each sample's, and so are the gradients",
    "taught_skip": "bptt with auxiliary losses without their strength",
}
ONLINE = {"delay_line": "memory: what the learner holds in NumPy arrays grows with every step"}
SAID = {
    "lif": LIF,
    "spikes": SPIKES,
    "rules": RULES,
    "eventprop": {"eventprop": "eventprop(dt=0.5) with lam_v lost at a spike"},
    "stacks": STACKS,
    "supervised": SUPERVISED,
    "eprop": EPROP,
    "halves": HALVES,
    "graphs": GRAPHS,
    "terms": TERMS,
    "normal": NORMAL,
    "directions": {"bidirectional": "the outputs of low_back left in the order in which it runs"},
    "online": ONLINE,
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
    if claim.online:  # a class, which a process of its own imports
        mine, mistake = (f"{FOLDER / where}.py:{attribute}" for attribute in (name, f"wrong_{name}"))
    else:
        several = ("rules", "eventprop", "graphs", "directions", "supervised", "terms")  # a subject for each claim
        found = getattr(subjects(where), name if where in several else "gradients")
        mine, mistake = partial(found), partial(getattr(subjects(where), f"wrong_{name}"))
    right = certify(mine, claim=claim, profile="quick")
    wrong = certify(mistake, claim=claim, profile="quick", repair=0.0)
    assert (right.verdict, wrong.verdict) == ("certified", "refuted")
    assert SAID[where][name] in wrong.reason
    for one in (right, wrong):  # what is written can be read
        assert from_dict(json.loads(json.dumps(one.to_dict()))).to_dict() == one.to_dict()


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


def test_the_cases_of_every_claim_can_be_planned():  # quickly: every kind of claim, without an answer to judge
    for path in sorted(FOLDER.glob("*.toml")):
        assert plan(read_claim(path, run=True)), path.name
