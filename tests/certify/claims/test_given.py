"""What a claim may say of its problems' data and losses, in Python, files and words; what does not fit is refused."""

import json

import pytest

from gradcert.certify.claims import Claim, claim, claim_of, made, read_claim, read_loss, said_loss, whole
from gradcert.certify.claims.claim import SILENT
from gradcert.reference import GradcertError

OLD = {"rule", "cells", "depths", "dtype", "acceptance", "options", "losses", "when", "time", "batch", "readout",
       "readout_options"}  # fmt: skip
FILE = """
rule = "e-prop"
cells = ["lif"]
depths = [1]
loss = "cross_entropy of sum, mean over batch"
targets = "classes"
inputs = "spikes"
initial = "given"
weights = true
masks = ["output", "v"]
T = 7
readout = "integrator"

[options]
recurrent = true

[without]
B = ["1"]

[[activity]]
kind = "rate"
target = 0.2
"""


def test_an_old_claim_is_written_as_before():
    assert set(Claim(rule="bptt", cells="lif").to_dict()) == OLD
    assert set(SILENT) >= {"weights", "begins", "masks", "initial", "activity", "sizes", "T", "B", "node", "outputs"}


def test_a_claim_in_toml_is_the_claim_in_python(tmp_path):
    (tmp_path / "claim.toml").write_text(FILE)
    found = read_claim(tmp_path / "claim.toml")
    assert found == Claim(
        rule="e-prop",
        cells="lif",
        depths=1,
        losses="cross_entropy",
        when="sum",
        batch="mean",
        targets="classes",
        inputs="spikes",
        initial="given",
        weights=True,
        masks=("output", "v"),
        T=7,
        readout="integrator",
        options={"recurrent": True},
        without={"B": ["1"]},
        activity={"kind": "rate", "target": 0.2},
    )
    (tmp_path / "claim.json").write_text(json.dumps({"claim": found.to_dict(), "verdict": "certified"}))
    assert read_claim(tmp_path / "claim.json") == whole(tmp_path / "claim.json") == found
    assert made(found, {"weights": False, "loss": "bernoulli of last"}).losses == ("bernoulli",)


def test_a_cell_in_a_file_is_found_beside_the_claim_and_run_where_that_is_allowed(tmp_path):
    (tmp_path / "mine.py").write_text("from gradcert.reference import Rnn\nclass Mine(Rnn):\n    pass\n")
    (tmp_path / "claim.toml").write_text('rule = "bptt"\ncells = "mine.py:Mine"\n')
    with pytest.raises(GradcertError, match=r"mine\.py"):
        read_claim(tmp_path / "claim.toml")
    assert read_claim(tmp_path / "claim.toml", run=True).cells == (f"{tmp_path / 'mine.py'}:Mine",)


@pytest.mark.parametrize(
    "text",
    ["squared_error of every", "bernoulli of max, mean over batch and outputs", "cross_entropy of first or last"],
)
def test_a_loss_in_words_is_read_back(text):
    assert (
        said_loss({"losses": ["squared_error", "cross_entropy"], "when": ["every", "last"], **read_loss(text)}) == text
    )


def test_a_decorator_takes_a_loss_in_words():
    @claim(rule="bptt", cells="lif", loss="cross_entropy of sum", masks="output")
    def mine(problem):
        return {}

    assert claim_of(mine) == Claim("bptt", "lif", losses="cross_entropy", when="sum", masks="output")


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"losses": "hinge"}, "losses: 'hinge'; allowed: squared_error, cross_entropy, bernoulli"),
        ({"when": "median"}, "when: 'median' .did you mean 'mean'..; allowed: every, last, sum, mean, max, first"),
        ({"time": "pooled", "batch": "mean"}, "do: batch='sum'|batch='sum'"),
        ({"node": "q"}, "node, of a last layer of lif: 'q'; allowed: a, v, z"),
        ({"node": "v", "readout": "rnn"}, "node, of a last layer of rnn: 'v'"),
        ({"level": "high"}, "level='high'"),
        ({"initial": "random"}, "initial: 'random'; allowed: zero, given, trained"),
        ({"initial_nodes": "v"}, "initial nodes, and initial values of zero"),
        ({"initial": "given", "initial_nodes": "w"}, "initial_nodes: 'w'; allowed: a, v, z"),
        ({"initial": "trained", "rule": "snap-1"}, "trained initial values under snap-1"),
        ({"masks": "hidden"}, "masks: 'hidden'; allowed: a, output, v, z"),
        ({"weights": 1}, "weights=1; allowed: true, false"),
        ({"begins": True, "when": "sum"}, "sequences that begin inside a row, and a loss of the row as a whole"),
        ({"begins": True, "activity": [{"kind": "rate"}]}, "sequences that begin inside a row"),
        ({"targets": "real", "losses": "cross_entropy"}, "real targets of a cross-entropy"),
        ({"targets": "labels"}, "targets: 'labels'; allowed: real, one-hot, classes"),
        ({"inputs": "events"}, "inputs: 'events'; allowed: real, spikes"),
        ({"activity": [{"kind": "l3"}]}, "activity kind='l3'"),
        ({"activity": [{"goal": 1}]}, "activity with 'goal'"),
        ({"activity": [{"kind": "l1", "layers": [1]}]}, "activity of layers"),
        ({"T": 0}, "T=0; allowed: a whole number from 1"),
        ({"sizes": (3, 4)}, "sizes .3, 4.; allowed: 2 or 3 whole numbers"),
        ({"online": True, "when": "max"}, "an online claim with a loss of max"),
        ({"online": True, "activity": [{"kind": "rate"}]}, "an online claim with a loss of a rate"),
    ],
)
def test_what_does_not_fit_is_refused(parts, said):
    with pytest.raises(GradcertError, match=said):
        Claim(**{"rule": "bptt", "cells": "lif", **parts})


def test_what_is_no_claim_is_refused(tmp_path):
    (tmp_path / "claim.toml").write_text('rule = "bptt"\ncells = "lif"\nlos = "cross_entropy"\n')
    with pytest.raises(
        GradcertError, match=r"claim\.toml: 'los', which a claim has not .did you mean 'loss'..; allowed: rule, cells"
    ):
        read_claim(tmp_path / "claim.toml")
    for given in (3, {"rule": "bptt"}):
        with pytest.raises(GradcertError, match="a claim "):
            whole(given)
