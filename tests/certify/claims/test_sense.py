"""Claims that make no sense are refused at once, in one sentence; what legitimately has no gradient is judged."""

import inspect

import numpy as np
import pytest

from gradcert.certify.claims import Claim, from_dict, read_claim
from gradcert.certify.problems import Spec, generate
from gradcert.reference.errors import GradcertError

LIF = {"rule": "bptt", "cells": "lif"}
ATAN = {"name": "atan"}


def net(**changed):
    populations = [{"name": "low", "cell": "lif"}, {"name": "out", "cell": "integrator"}]
    connections = [{"source": "x", "target": "low"}, {"source": "low", "target": "out"}]
    whole = {"inputs": {"x": 3}, "populations": populations, "connections": connections}
    return {"rule": "bptt", "network": {**whole, **changed}}


def low(**more):
    return net(populations=[{"name": "low", "cell": "lif", **more}, {"name": "out", "cell": "integrator"}])


CONV = {"kind": "conv2d", "in_channels": 1, "height": 4, "width": 4}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({**LIF, "options": {"threshold": 0.0, "scaling": "threshold"}}, "which divides by it"),
        ({**LIF, "options": {"threshold": [0.0, 1.0], "scaling": ["none", "threshold"]}}, None),
        ({**LIF, "options": {"threshold": [1.0, 0.0], "scaling": ["none", "threshold"]}}, "which divides by it"),
        ({**LIF, "rule": "ostl - reset + reset"}, "takes reset out of a place and puts it in again"),
        ({**LIF, "rule": "ostl - reset own + reset above"}, None),
        ({**LIF, "rule": "ostl - rest"}, r"the edge 'rest' in a change of ostl \(did you mean 'reset'\?\)"),
        ({**LIF, "rule": "tbptt(0)"}, "0 for the steps .*; allowed: a whole number from 1 to 9999"),
        ({**LIF, "rule": "snap-0"}, "0 for the steps .*; allowed: a whole number from 1 to 9999"),
        ({**LIF, "rule": "tbptt-chunks(-2)"}, "-2 for the steps .*; allowed: a whole number from 1 to 9999"),
        ({**LIF, "rule": "fptt(parts=0)"}, "fptt with parts=0; allowed: 1 or more"),
        ({**LIF, "rule": "s-tllr(lq=nan)"}, "lq='nan'; allowed: a number, such as 0.5"),
        ({**LIF, "activity": [{"kind": "l1", "target": 0.1}]}, "activity l1 with a target"),
        ({**LIF, "activity": [{"kind": "l1", "strength": -1.0}]}, "a strength not below 0"),
        ({**LIF, "activity": [{"kind": "l1", "strenght": 1.0}]}, r"'strenght' \(did you mean 'strength'\?\)"),
        ({**LIF, "depths": [1, 2], "activity": [{"layers": [7]}]}, "a stack of 1; allowed: 0; or none"),
        ({**LIF, "level": float("nan"), "when": "first"}, "level=nan; allowed: a number"),
        ({**LIF, "readout_options": {"kappa": 0.5}}, "readout_options without a readout"),
        ({**LIF, "losses": "{lgo(o) - y}"}, r"the function 'lgo' in the loss .*; allowed: abs, cos"),
        ({**LIF, "losses": "{(o - y}"}, "never closed.*sqrt, tanh, where$"),
        ({**LIF, "node": "v", "rule": "e-prop", "options": {"stored": "post"}}, "after its reset"),
        ({"rule": "bptt", "cells": "lfi"}, r"'lfi' is unknown \(did you mean 'lif'\?\)"),
        ({"rule": "bptt", "layers": []}, "a claim without cells, layers or a network"),
        (low(units=0), "the units of 'low': 0; allowed: a whole number from 1 to 4096$"),
        (low(sahred=["leak"]), r"the population 'low' with 'sahred' \(did you mean 'shared'\?\)"),
        (net(inputs={"x": 0}), "the size of the input 'x': 0; allowed: a whole number from 1 to 4096$"),
        (net(connections=[{"source": "x", "target": "low", "lag": -1}]), "-1; allowed: a whole number from 0 to 100$"),
        (net(connections=[{"source": "x", "target": "low", "synapse": CONV}]), "conv2d without out_channels"),
        (
            net(connections=[{"source": "lwo", "target": "out"}]),
            r"'lwo' \(did you mean 'low'\?\); allowed: x, low, out$",
        ),
    ],
)
def test_one_sentence(spec, said):
    if said is None:
        Claim(**spec)
        return
    with pytest.raises(GradcertError, match=said) as caught:
        Claim(**spec)
    assert str(caught.value).count("allowed:") <= 1
    assert "__" not in str(caught.value)


def test_what_is_left_out_is_named():
    with pytest.raises(GradcertError, match="a claim without a rule; to fix it"):
        from_dict({"cells": "lif"})
    with pytest.raises(GradcertError, match="without a rule, and without cells, layers or a network"):
        from_dict({})
    with pytest.raises(GradcertError, match=r"there is no file nofile\.py"):  # before anybody is asked for --run
        from_dict({**LIF, "losses": [{"given": "nofile.py:nope"}]})
    with pytest.raises(GradcertError, match=r"there is no file nofile\.py"):
        from_dict({"rule": "bptt", "cells": "nofile.py:Cell"})


def test_a_misspelt_key(tmp_path):
    (tmp_path / "claim.toml").write_text('reuls = "bptt"\ncells = "lif"\n')
    with pytest.raises(GradcertError, match=r"'reuls', which a claim has not \(did you mean 'rule'\?\)"):
        read_claim(tmp_path / "claim.toml")


def test_a_rate_without_a_target_is_one_towards_0():
    assert "activity rate strength 1 target 0" in str(Claim(**LIF, activity=[{"kind": "rate", "strength": 1}]))


def test_numbers_out_of_all_range_are_said_after_a_dozen_draws():
    claim = Claim(**LIF, depths=1, options={"surrogate": {"name": "atan", "amplitude": 1e300}})
    with pytest.raises(GradcertError, match=r"the amplitude of the pseudo-derivative = 1e\+300"):
        generate(Spec("lif", 1, "squared_error", "every", "bounded"), claim)


def test_a_population_that_runs_backwards_under_a_loss_of_the_last_step_is_judged():
    """It has run one step there: its lateral weights have no gradient, and no draw gives them one."""
    populations = [
        {"name": "fw", "cell": "rnn"},
        {"name": "bw", "cell": "rnn", "backwards": True},
        {"name": "out", "cell": "rnn", "options": {"recurrent": False}},
    ]
    pairs = (("x", "fw"), ("x", "bw"), ("fw", "out"), ("bw", "out"))
    connections = [{"source": a, "target": b} for a, b in pairs]
    network = {"inputs": {"x": 3}, "populations": populations, "connections": connections}
    claim = Claim(rule="bptt", network=network, losses="squared_error", when="last")
    case = generate(Spec("graph", 3, "squared_error", "last", "bounded"), claim)
    assert case is not None and case.facts["no gradient"] == ["bw.H"]
    found = case.expected.gradients
    assert not found["bw.H"].value.any() and not found["bw.H"].budget.any()
    assert all(np.abs(b.value).max() > 0 for name, b in found.items() if name != "bw.H")


def test_a_part_of_a_claim_that_is_nearly_right_is_asked_about():
    with pytest.raises(TypeError, match=r"Claim\(\) got an unexpected keyword argument 'rulee' .did you mean 'rule'"):
        Claim(rulee="bptt", cells="lif")
    assert Claim("bptt", "lif").rule == "bptt" and inspect.signature(Claim).parameters["rule"].name == "rule"
