"""A step function of JAX as people write it: LIF with a custom_jvp and a detached reset, leaky readout.

    gradcert read examples/read_jax.py:step --params make --example "x=(8,12)" --state zeros
"""

import jax
import jax.numpy as jnp

INPUTS, HIDDEN, OUTPUTS = 12, 32, 4


@jax.custom_jvp
def spike(v):
    """Return whether v is above 0."""
    return (v > 0).astype(jnp.float32)


@spike.defjvp
def spike_jvp(primals, tangents):
    """Return the step, and the pseudo-derivative's share of the tangent."""
    (v,), (dv,) = primals, tangents
    return spike(v), dv / (1 + 10 * jnp.abs(v)) ** 2


def make():
    """Return parameters."""
    keys = jax.random.split(jax.random.key(0), 3)
    shapes = {"w": (INPUTS, HIDDEN), "rec": (HIDDEN, HIDDEN), "out": (HIDDEN, OUTPUTS)}
    return {name: jax.random.normal(k, s) / s[0] ** 0.5 for k, (name, s) in zip(keys, shapes.items(), strict=True)}


def zeros():
    """Return the state before the first step, for the eight samples of the example."""
    return tuple(jnp.zeros((8, n)) for n in (HIDDEN, HIDDEN, OUTPUTS))


def step(params, state, x):
    """Take one step."""
    v, z, y = state
    v = 0.9 * v + x @ params["w"] + z @ params["rec"] - jax.lax.stop_gradient(z)
    z = spike(v - 1.0)
    y = 0.8 * y + z @ params["out"]
    return (v, z, y), y
