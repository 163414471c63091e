"""The JAX adapter, in an environment of its own (``make peers``): JAX is not in the one that runs the tests."""

from pathlib import Path

import pytest

from gradcert import certify
from gradcert.reference import GradcertError

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-peers-jax" / "bin" / "python"
needs_jax = pytest.mark.skipif(not PYTHON.is_file(), reason="needs JAX in .venv-peers-jax: make peers")

WRONG = """
import jax.numpy as jnp
from gradcert.adapters.jax import stacked, subject, transposed

def cell(p, x, h):
    h = jnp.tanh(jnp.concatenate([x, h], axis=1) @ p["dense"]["kernel"] + p["dense"]["bias"])
    return h, h

def last(p, x):
    return jnp.tanh(x @ p["kernel"] + p["bias"])

MAPS = {"dense/kernel": transposed(stacked("H", "W", axis=1)), "dense/bias": "b"}
swapped = subject(lambda layer: cell, parameters=MAPS, call="step")
memoryless = subject(lambda layer: last, parameters={"kernel": transposed("W"), "bias": "b"})
"""


@pytest.mark.long(keep=1)
@needs_jax
@pytest.mark.parametrize("name", ["gradients", "gradients_float32"])
def test_the_example_is_certified(name):
    done = certify(f"{ROOT}/examples/jax_rnn.py:{name}", profile="quick", python=str(PYTHON))
    assert done.verdict == "certified", done.reason


@pytest.mark.long
@needs_jax
def test_a_wrong_map_is_found(tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text(WRONG)
    claimed = {"rule": "bptt", "cells": "rnn", "depths": 1, "profile": "quick", "python": str(PYTHON)}
    done = certify(f"{path}:swapped", **claimed)
    assert done.verdict == "refuted" and done.reason.startswith("outputs")
    with pytest.raises(GradcertError, match="no parameter is made of H"):  # nothing of the subject was run
        certify(f"{path}:memoryless", **claimed)


KEEPING = """
import jax.numpy as jnp
from gradcert.adapters.jax import subject, transposed

MAPS = {"kernel": transposed("W"), "bias": "b"}

def keeping(layer):
    calls = []

    def outputs(p, x):
        calls.append(x)
        return jnp.tanh(x @ p["kernel"] + p["bias"]) * (1.0 if len(calls) < 40 else 2.0)

    return outputs

lives = subject(keeping, parameters=MAPS, jit=False)
fresh = subject(keeping, parameters=MAPS, jit=False, fresh=True)
"""


@pytest.mark.long
@needs_jax
def test_a_function_lives_through_calls_or_the_certificate_says_that_it_does_not(tmp_path):
    path = tmp_path / "keeping.py"
    path.write_text(KEEPING)
    claimed = {"rule": "bptt", "cells": "rnn", "depths": 1, "options": {"recurrent": False}, "python": str(PYTHON)}
    lives, fresh = (certify(f"{path}:{name}", **claimed) for name in ("lives", "fresh"))
    assert lives.verdict == "refuted" and lives.findings[0].cause == "state kept between calls"
    assert fresh.verdict == "certified" and any("built anew for every call" in note for note in fresh.notes)
