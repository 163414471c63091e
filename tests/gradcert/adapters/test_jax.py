"""The JAX adapter, in an environment of its own (``make peers``): JAX is not in the one that runs the tests."""

from pathlib import Path

import pytest

from gradcert import certify

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


@needs_jax
@pytest.mark.parametrize("name", ["gradients", "gradients_float32"])
def test_the_example_is_certified(name):
    done = certify(f"{ROOT}/examples/jax_rnn.py:{name}", profile="quick", python=str(PYTHON))
    assert done.verdict == "certified", done.reason


@needs_jax
@pytest.mark.parametrize(("name", "says"), [("swapped", "outputs"), ("memoryless", "no parameter is made of H")])
def test_a_wrong_map_is_found(name, says, tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text(WRONG)
    done = certify(f"{path}:{name}", rule="bptt", cells="rnn", depths=1, profile="quick", python=str(PYTHON))
    assert done.verdict == "refuted"
    assert says in str([done.reason, done.findings])
