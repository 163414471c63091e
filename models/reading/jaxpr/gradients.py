"""The reference engine's passes around a step function's own spikes, and a loss's derivative at its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcert.models.reading.jaxpr.play import Played
from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.network.passes import Run, passed
from gradcert.models.reading.network.written import Written
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.spikes import fired
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


def run(
    written: Written, parameters: Mapping[str, Any], xs: Any, played: Played, states: list[Any] | None = None
) -> Run:
    """Run the networks of a step in float64, around the spikes that it had.

    Parameters
    ----------
    parameters : name -> array. `xs` : inputs, (time, batch, ...). `played` : the recorded step, run on them.
    states : those that it began with, leaf by leaf; None for those that it was read with.
    """
    inputs = np.asarray(xs, dtype="float64").reshape(*xs.shape[:2], -1)
    own = {name: np.asarray(p, dtype="float64") for name, p in parameters.items()}
    columns = None
    if all(k in played.spikes for nodes in written.spiking for k in nodes):
        columns = tuple(tuple(fired(played.spikes[k]).astype("float64") for k in nodes) for nodes in written.spiking)
    initial = {
        name: np.broadcast_to(v, (xs.shape[1], v.shape[-1])) if v.ndim > 1 and len(v) == 1 else v
        for name, v in (written.initial if states is None else written.initial_of(states)).items()
    }
    with double():
        arrays = written.arrays(own)
    return passed(written, own, inputs, initial=initial, masks={}, columns=columns, arrays=arrays, played=played)


def delta_of(
    loss: Callable[..., Any], target: Any, reading: Reading, outputs: Array, output: int = 0
) -> tuple[float, Array]:
    """Return a loss, and its derivative with respect to the outputs of all steps, (time, batch, units).

    Parameters
    ----------
    loss : (outputs, target) -> number, on the outputs of all steps, (time, batch, ...).
    outputs : of all steps, (time, batch, units).
    """
    shape = (*outputs.shape[:2], *reading.step.nodes[reading.step.outputs[output]].shape[1:])
    with double():
        given = jnp.asarray(target)
        given = given.astype("float64") if jnp.issubdtype(given.dtype, jnp.floating) else given
        value, pull = jax.vjp(lambda o: loss(o, given), jnp.asarray(outputs, dtype="float64").reshape(shape))
        if jnp.shape(value) != () or not jnp.issubdtype(jnp.result_type(value), jnp.floating):
            raise GradcertError(f"a loss that returns {jnp.shape(value)}", allowed="one number")
        return float(value), np.asarray(pull(jnp.ones((), dtype=value.dtype))[0]).reshape(outputs.shape)
