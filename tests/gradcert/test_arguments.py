"""Public functions that are given something else: one `GradcertError`, never an error of Python's own insides."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import gradcert
from gradcert import GradcertError
from gradcert.certify.campaign.options import check_options
from gradcert.models.equations import check, define, weighted

torch = pytest.importorskip("torch", reason="needs torch: pip install 'gradcert[torch]'")
pytest.importorskip("sympy", reason="needs sympy: pip install 'gradcert[derivations]'")

STRANGE = [None, 3, -1, 0.5, float("nan"), True, "", "a b", b"x", [], (), {}, object(), int, print]
CELL = {"v": "W @ x + leak*v_prev", "z": "spike(v - threshold)"}
CONSTANTS = {"leak": 0.5, "threshold": 1.0}
NET, X, Y = torch.nn.RNNCell(3, 4), torch.zeros(5, 2, 3), torch.zeros(5, 2, 4)


def loss(outputs, target):
    return ((outputs - Y) ** 2).sum()


def subject(problem):
    return {name: 0 * value for name, value in problem.parameters.items()}


def made(**other):
    given = {"equations": CELL, "edges": {"v -> v": "state"}, "constants": CONSTANTS, **other}
    return define("own", given.pop("equations"), **given)


def of_define(name):
    return lambda value: made(**{name: value})


def of_compute(name):
    return lambda value: gradcert.compute(NET, (X, Y), **{"loss": loss, name: value})


def of_claim(name):
    return lambda value: gradcert.claim(**{"rule": "bptt", "cells": "rnn", name: value})


def of_options(name):
    plain = dict.fromkeys(("progress", "cluster", "python", "resume")) | {"jobs": 1, "repair": 0}
    return lambda value: check_options(**{"limits": gradcert.Limits(), **plain, name: value})


CALLS = {
    **{f"define {n}": of_define(n) for n in ("equations", "edges", "constants", "surrogate", "strict", "floor")},
    "define parameters": of_define("parameters"),
    "define name": lambda value: define(value, CELL, edges={"v -> v": "state"}, constants=CONSTANTS),
    "equation": lambda value: made(equations={**CELL, "v": value}),
    "label": lambda value: made(edges={"v -> v": value}),
    "constant": lambda value: made(constants={**CONSTANTS, "leak": value}),
    "check": check,
    "check instance": lambda value: check(made()()),
    "weighted": lambda value: weighted(value, "x"),
    "weighted source": lambda value: weighted("W", value),
    "read model": gradcert.read,
    "read x": partial(gradcert.read, NET),
    "read time": lambda value: gradcert.read(NET, X[0], time=value),
    "compute batch": lambda value: gradcert.compute(NET, value, loss=loss),
    "compute inputs": lambda value: gradcert.compute(NET, (value, Y), loss=loss),
    "compute model": lambda value: gradcert.compute(value, (X, Y), loss=loss),
    **{f"compute {name}": of_compute(name) for name in ("rule", "output", "time", "ruel")},
    "compute nothing": lambda value: gradcert.compute(NET, (X, Y)),
    **{f"claim {n}": of_claim(n) for n in ("rule", "cells", "depths", "when", "dtype", "options", "masks", "within")},
    "claimed": gradcert.claim(rule="bptt", cells="rnn"),
    "cases": gradcert.cases(rule="bptt", cells="rnn"),
    **{f"certify {n}": of_options(n) for n in ("limits", "progress", "jobs", "cluster", "python", "repair", "resume")},
    "problem": lambda value: gradcert.Problem(value, {}, np.ones((1, 1, 1)), np.ones((1, 1, 1))),
}


@pytest.mark.parametrize("name", CALLS)
def test_one_sentence(name):
    for value in STRANGE:
        try:
            CALLS[name](value)
        except GradcertError as error:
            assert "allowed: " in str(error) or "to fix it: " in str(error), (value, str(error))
        except TypeError as error:  # a call that Python itself refuses: of an argument that there is not
            assert "argument" in str(error) and "()" in str(error), (value, error)


@pytest.mark.parametrize(
    ("call", "value", "says"),
    [
        ("define edges", ["v"], "edges of the cell 'own' in a list; allowed: such as {'v -> v': 'state'}"),
        ("define name", 3, "a cell called 3; allowed: a text"),
        ("check", 3, "check of 3; allowed: the class that define returned"),
        ("check instance", 3, "check of an instance of the cell own"),
        ("compute loss", None, "compute with loss=None; allowed: a function"),
        ("compute nothing", None, "compute without loss"),
        ("compute batch", (X,), "compute with a batch that is a tuple of 1"),
        ("compute batch", 3, "compute with a batch that is an int"),
        ("compute inputs", X[:0], r"compute with inputs of shape \(0, 2, 3\)"),
        ("compute inputs", X * float("nan"), "compute with inputs that are not finite"),
        ("compute inputs", 3, "compute with inputs that are an int"),
        ("compute rule", 3, "compute with rule=3"),
        ("compute ruel", "bptt", r"compute with ruel \(did you mean 'rule'\?\)"),
        ("read model", 3, "read without x"),
        ("read x", 3, "an example input that is a int"),
        ("certify limits", 3, "limits=3"),
        ("certify repair", None, "repair=None"),
        ("certify jobs", 0, "jobs 0"),
        ("claimed", 3, "a claim of 3"),
        ("cases", 3, "of 3"),
    ],
)
def test_what_was_given_is_said(call, value, says):
    calls = {**CALLS, "compute loss": of_compute("loss")}
    with pytest.raises(GradcertError, match=says):
        calls[call](value)


@pytest.mark.long
def test_a_journal_may_be_named_by_a_text(tmp_path):
    file = tmp_path / "run.journal"
    found = gradcert.certify(subject, rule="bptt", cells="rnn", depths=1, profile="quick", resume=str(file))
    assert found.verdict == "refuted" and Path(file).is_file()


def test_a_step_that_raises_or_takes_something_else_is_said():
    def raises(prev, x, p):
        return {"z": undefined(p.W @ x)}  # noqa: F821

    with pytest.raises(GradcertError, match="a step that raises NameError"):
        define("own", raises, edges={})
    with pytest.raises(GradcertError, match="the step <lambda> of 2 arguments"):
        define("own", lambda prev, x: {"z": x}, edges={})
