"""Spyx's ``LIF``: a neuron that answers one step late.

The spike of a step is taken from the membrane potential of the step before, and the input arrives after it::

    spike = [V > threshold]        V = beta V + input - spike * threshold

So x^t cannot cause z^t, and each layer delays by one step. Up to that delay it is a LIF neuron that fires at ``>`` and
subtracts the threshold after the leak, with the reset in the graph: full BPTT.

* `gradients` feeds one more step and drops the first output of every layer, which takes the delay out. Under a
  threshold below 0 a potential of 0 fires before anything has arrived, so that what is dropped is a spike: such
  thresholds are ruled out;
* `gradients_as_is` leaves it in, and is refuted on its outputs.
"""

import flax.nnx as nnx
import jax
import jax.numpy as jnp
import spyx

import gradcert
from gradcert.adapters.jax import subject, transposed

OPTIONS = {
    "reset": "subtract_after_leak",
    "strict": True,
    "recurrent": False,
    "surrogate": {"name": "fast_sigmoid", "slope": 25.0},
}


def neuron(layer):
    """Return the sequence function of a linear map and a neuron."""

    def outputs(p, x):
        lif = spyx.nn.LIF((layer.units,), beta=layer.cell.leak, threshold=layer.cell.threshold, rngs=nnx.Rngs(0))
        first = jnp.zeros((x.shape[1], layer.units), dtype=x.dtype)

        def step(state, current):
            spikes, state = lif(current, state)
            return state, spikes

        return jax.lax.scan(step, first, x @ p["kernel"] + p["bias"])[1]

    return outputs


def early(outputs):
    """Take the delay out: one more step at the end, and the first output dropped."""
    return lambda p, x: outputs(p, jnp.concatenate([x, x[-1:]]))[1:]


@gradcert.claim(rule="bptt", cells=("lif",), options=OPTIONS, without={"threshold": ["below 0"]})
@subject(parameters={"kernel": transposed("W"), "bias": "b"})
def gradients(layer):
    """Without its delay."""
    return early(neuron(layer))


@gradcert.claim(rule="bptt", cells=("lif",), options=OPTIONS)
@subject(parameters={"kernel": transposed("W"), "bias": "b"})
def gradients_as_is(layer):
    """As it is."""
    return neuron(layer)
