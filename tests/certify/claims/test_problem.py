"""Problems and claims as JSON, subjects by name, and the room that can be called."""

import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcert
from gradcert.certify import claims
from gradcert.certify.campaign.campaign import certify
from gradcert.certify.subjects.subject import Subject
from gradcert.reference import RULES, GradcertError, Layer, Lif, Network, Rnn, Surrogate
from gradcert.reference.engines import reverse
from gradcert.reference.networks import Problem, problem_from_json

NETWORK = Network(layers=(Layer(Lif(surrogate=Surrogate("atan")), inputs=2, units=3), Layer(Rnn(), inputs=3, units=1)))


def bptt(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["float64", "float32"]))
def test_json_loses_nothing(value, dtype):
    value = np.float64(value).astype(dtype) if abs(value) < 3e38 else np.dtype(dtype).type(1)
    parameters = {k: v.astype(dtype) for k, v in NETWORK.parameters().items()}
    parameters["layers.0.b"][1] = value
    x, y = np.full((4, 2, 2), value, dtype=dtype), np.zeros((4, 2, 1), dtype=dtype)
    problem = Problem(id="p", network=NETWORK, parameters=parameters, inputs=x, targets=y)
    again = problem_from_json(problem.to_json())
    assert again.network == NETWORK
    assert again.dtype == dtype
    assert again.inputs.tobytes() == x.tobytes()
    assert all(again.parameters[k].tobytes() == v.tobytes() for k, v in parameters.items())


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"dtype": "float16"}', "null", '{"dtype": "float64", "network": 3}'])
def test_what_is_no_problem_is_refused(line):
    with pytest.raises(GradcertError):
        problem_from_json(line)


def test_a_claim_survives_json():
    claim = claims.Claim(
        rule="ostl", cells=("snu",), options={"surrogate": [Surrogate("atan"), "tanh"], "strict": True}
    )
    again = claims.from_dict(json.loads(json.dumps(claim.to_dict())))
    assert again.to_dict() == claim.to_dict()
    with pytest.raises(GradcertError):
        claims.from_dict({"rule": "ostl", "cells": ["snu"], "colour": "red"})


def test_the_room_can_be_called_and_sent():
    room: Any = gradcert.certify
    certificate = room(bptt, rule="bptt", cells="rnn", depths=1, profile="quick")
    assert certificate.verdict == "certified"
    assert pickle.loads(pickle.dumps(room)) is room


def test_a_closure_is_a_subject():
    calls = []
    certificate = certify(
        lambda problem: calls.append(1) or bptt(problem), rule="bptt", cells="rnn", depths=1, profile="quick"
    )
    assert certificate.verdict == "certified"
    assert calls == []  # it ran in another process


@pytest.mark.long
def test_two_runs_differ_in_their_seconds_only():
    first, second = (certify(bptt, rule="bptt", cells="snu", depths=2, profile="quick").to_dict() for _ in range(2))
    assert first.pop("seconds") >= 0
    assert second.pop("seconds") >= 0
    assert first.pop("timing").keys() == second.pop("timing").keys()
    assert first == second


@pytest.mark.parametrize("name", ["nothing", "file.py:", ":f", "no_such_file.py:f", 3])
def test_a_name_that_is_none(name):
    with pytest.raises(GradcertError):
        Subject(name)


def test_no_claim_is_a_usage_error():
    with pytest.raises(GradcertError, match="declares no claim"):
        certify(bptt)


def test_names_are_not_shadowed_by_files():
    # a module and a name it holds may not be called alike
    assert callable(gradcert.claim)
    assert gradcert.Claim(rule="bptt", cells="rnn").rule == "bptt"
    assert gradcert.Problem is Problem
    with pytest.raises(AttributeError):
        _ = gradcert.nothing
