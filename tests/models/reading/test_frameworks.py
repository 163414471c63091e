"""Which framework a model is written in, and one sentence where it is missing."""

import functools
import importlib.util

import numpy as np
import pytest

import gradcert
from gradcert.models.reading import framework_of
from gradcert.reference import GradcertError


def step(params, state, x):
    return state, x


class Named:
    """A callable object of nobody's."""

    def __call__(self, x):
        return x


def test_a_function_is_jaxs_and_an_object_pytorchs():
    x = np.ones((2, 3))
    assert framework_of(step, (None, x)) == "jax"
    assert framework_of(functools.partial(step, {}), (None, x)) == "jax"
    assert framework_of(Named(), (x,)) == "torch"
    assert framework_of(Named(), (), {"params": None}) == "jax"
    assert framework_of(3) == framework_of(Named) == "torch"
    torch = pytest.importorskip("torch")
    assert framework_of(torch.nn.Linear(2, 2), (x,)) == "torch"
    assert framework_of(step, (torch.ones(2, 2),)) == "torch"


@pytest.mark.parametrize("missing, says", [("jax", "without JAX"), ("sympy", "without SymPy")])
def test_what_is_missing_is_said(monkeypatch, missing, says):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else there("sys"))
    for ask in (lambda: gradcert.read(step, {}, np.ones((2, 3))), lambda: gradcert.compute(step, {}, (1, 2), loss=abs)):
        with pytest.raises(GradcertError, match=rf"{says}; to fix it: pip install .*\[jax\]"):
            ask()


def test_too_many_arguments_and_one_twice():
    with pytest.raises(GradcertError, match=r"read\(model, params, x, state\)"):
        gradcert.read(step, {}, np.ones((2, 3)), 0, 0)
    with pytest.raises(GradcertError, match="read with 2 arguments and x"):
        gradcert.read(step, {}, np.ones((2, 3)), x=0)
