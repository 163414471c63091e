"""A training loop of JAX with Optax, compiled, watched: the step function of read_jax.py.

python examples/watch_optax.py                 # right: the reset is cut, as the claim says
python examples/watch_optax.py bptt            # wrong: a step in which it is not
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import optax

import gradcert

sys.path.insert(0, str(Path(__file__).parent))
from read_jax import INPUTS, OUTPUTS, make, spike, step, zeros

STEPS, BATCH = 12, 8


def without_stop(params, state, x):
    """Take the step of read_jax.py without its stop_gradient."""
    v, z, y = state
    v = 0.9 * v + x @ params["w"] + z @ params["rec"] - z
    z = spike(v - 1.0)
    y = 0.8 * y + z @ params["out"]
    return (v, z, y), y


def loss(outputs, target):
    """Return the mean squared error of the outputs of all steps, (time, batch, units)."""
    return jnp.mean((outputs - target) ** 2)


def main(function, count=21):
    """Train, and return what was found."""
    watching = gradcert.watch(function, rule="bptt-detached-reset", every=10, loss=loss, state=zeros())
    optimiser = watching.optax(optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2)))

    @jax.jit
    def train(params, held, x, y):
        def error(params):
            outputs = jax.lax.scan(lambda state, now: function(params, state, now), zeros(), x)[1]
            return loss(outputs, y)

        gradients = jax.grad(error)(params)
        updates, held = optimiser.update(gradients, held, params, batch=(x, y))
        return optax.apply_updates(params, updates), held

    params = make()
    held = optimiser.init(params)
    for key in jax.random.split(jax.random.key(1), count):
        one, other = jax.random.split(key)
        x = 1.5 * jax.random.normal(one, (STEPS, BATCH, INPUTS))
        params, held = train(params, held, x, jax.random.normal(other, (STEPS, BATCH, OUTPUTS)))
    return watching


if __name__ == "__main__":
    print(main(without_stop if "bptt" in sys.argv else step).report())
