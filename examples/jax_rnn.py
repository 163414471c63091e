"""JAX: recurrent layers written as step functions, differentiated by ``jax.grad`` through ``jax.lax.scan``.

Claim: BPTT for one or two tanh layers in float64, with weights in the layout of Flax: (in, out), one kernel for input
and state. `gradients_float32` is the same function as JAX runs it by default.
"""

import jax.numpy as jnp

import gradcert
from gradcert.adapters.jax import stacked, subject, transposed

PARAMETERS = {"dense/kernel": transposed(stacked("W", "H", axis=1)), "dense/bias": "b"}
OPTIONS = {"activation": "tanh"}


def cell(p, x, h):
    """One step: output and new state."""
    h = jnp.tanh(jnp.concatenate([x, h], axis=1) @ p["dense"]["kernel"] + p["dense"]["bias"])
    return h, h


@gradcert.claim(rule="bptt", cells=("rnn",), options=OPTIONS)
@subject(parameters=PARAMETERS, call="step")
def gradients(layer):
    """In double precision."""
    return cell


@gradcert.claim(rule="bptt", cells=("rnn",), dtype="float32", options=OPTIONS)
@subject(parameters=PARAMETERS, call="step")
def gradients_float32(layer):
    """In single precision."""
    return cell
