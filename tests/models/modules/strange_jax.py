"""Step functions of JAX whose gradients are right, and wrong in one way each, as their authors would not know."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

DRAW = np.random.default_rng(0)


def made(**shapes):
    return {name: DRAW.standard_normal(shape).astype("float32") / shape[0] ** 0.5 for name, shape in shapes.items()}


params = made(w=(3, 4), r=(4, 4))
square = made(w=(4, 4), r=(4, 4))
trained = params | {"leak": np.float32(0.3)}
large = made(w=(784, 10), r=(10, 10))


def small():
    raise ValueError("no file of weights")


@jax.custom_jvp
def spike(v):
    return (v > 0).astype(jnp.float32)


@spike.defjvp
def spike_jvp(primals, tangents):
    return spike(primals[0]), tangents[0] / (1 + 10 * jnp.abs(primals[0])) ** 2


@jax.custom_jvp
def own(v):
    """Its pseudo-derivative is in no table, and is 0 at the threshold."""
    return (v > 0).astype(v.dtype)


@own.defjvp
def own_jvp(primals, tangents):
    (v,) = primals
    return own(v), jnp.where(jnp.abs(v) < 0.5, 1 - v**2, 0.1) * tangents[0] * jnp.clip(v, -1, 1)


@jax.custom_jvp
def leaked(v):
    return 0.9 * v


@leaked.defjvp
def leaked_jvp(primals, tangents):
    return leaked(primals[0]), 0.8 * tangents[0]  # another decay than forwards


def lif(params, state, x):
    v, z = state
    v = 0.9 * v + x @ params["w"] + z @ params["r"] - jax.lax.stop_gradient(z)
    z = spike(v - 1.0)
    return (v, z), z


def forgets(params, state, x):
    """The reset is in the graph."""
    v, z = state
    v = 0.9 * v + x @ params["w"] + z @ params["r"] - z
    z = spike(v - 1.0)
    return (v, z), z


def decays(params, state, x):
    v, z = state
    v = leaked(v) + x @ params["w"] + z @ params["r"] - jax.lax.stop_gradient(z)
    z = spike(v - 1.0)
    return (v, z), z


def learns(params, state, x):
    """A trained leak, through a sigmoid, and a pseudo-derivative of its own."""
    v, z = state
    v = jax.nn.sigmoid(params["leak"]) * v + x @ params["w"] + z @ params["r"] - jax.lax.stop_gradient(z)
    z = own(v - 1.0)
    return (v, z), z


def fixed(params, h, x):
    """Its code has one number of units, and of samples."""
    h = jnp.tanh(x @ params["w"] + h @ params["r"] + jnp.ones((2, 4)))
    return h, h


def rnn(params, h, x):
    h = jnp.tanh(x @ params["w"] + h @ params["r"])
    return h, h


def no_step(params, state, x):
    return x.sum()


gru = nn.GRUCell(features=4)
