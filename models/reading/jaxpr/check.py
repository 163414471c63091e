"""A reading certifies itself: the recorded step gives the function's outputs, the network read jax.grad's gradients.

As for PyTorch (`gradcert.models.reading.pytorch.check`): nine steps on fresh inputs, in float64, where right ones
differ by roundings and wrong ones by a share of the largest value.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcert.models.reading.jaxpr.gradients import run
from gradcert.models.reading.jaxpr.play import Played, play
from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.network.passes import AS_CODED, Run
from gradcert.models.reading.network.rows import CLOSE, ROWS, STEPS, apart, check_spikes
from gradcert.models.reading.network.written import Written
from gradcert.models.reading.reading import Reading
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


def _inputs(reading: Reading) -> Array:
    """Return fresh inputs, (time, batch, ...)."""
    x = np.asarray(reading.example, dtype="float64")
    scale = 1.3 * float(np.abs(x).mean() + 0.1)
    return scale * np.random.default_rng(1).standard_normal((STEPS, *x.shape))


def _own(reading: Reading, xs: Array, output: int, delta: Array) -> tuple[list[Array], dict[str, Array]]:
    """Return the function's outputs for a sequence, and jax.grad's gradients of one of them times delta."""

    def outputs(parameters: Mapping[str, Any]) -> list[Any]:
        def one(held: list[Any], x: Any) -> Any:
            found, new = reading.way(parameters, x, held)
            return new, [jnp.reshape(out, (reading.batch, -1)) for out in found]

        out: list[Any] = jax.lax.scan(one, [slot.initial for slot in reading.step.slots], jnp.asarray(xs))[1]
        return out

    def both(parameters: Mapping[str, Any]) -> Any:
        found, pull = jax.vjp(outputs, parameters)
        return found, pull([delta if k == output else jnp.zeros_like(o) for k, o in enumerate(found)])[0]

    with double():
        found, gradients = jax.jit(both)(parameters_of(reading))
    return [np.asarray(o) for o in found], {name: np.asarray(g) for name, g in gradients.items()}


def parameters_of(reading: Reading) -> dict[str, Any]:
    """Return the function's parameters by name, in float64."""
    return {name: jnp.asarray(p, dtype="float64") for name, p in reading.way.parameters().items()}


def _off(a: Array, b: Array) -> float:
    """Return the largest difference, as a share of the largest value."""
    return float(np.abs(a - b).max()) / max(float(np.abs(b).max()), float(np.abs(a).max()), 1e-300)


def _checked(reading: Reading, output: int) -> tuple[Array, Played, Array, dict[str, Array]]:
    """Return inputs, the recorded step run on them, a derivative at an output, the function's gradients."""
    xs = _inputs(reading)
    units = prod(reading.step.nodes[reading.step.outputs[output]].shape[1:])
    delta = np.random.default_rng(2).standard_normal((STEPS, reading.batch, units))
    theirs, gradients = _own(reading, xs, output, delta)
    with double():
        played = play(reading, parameters_of(reading), xs)
    for k, (own, mine) in enumerate(zip(theirs, played.outputs, strict=True)):
        if _off(own, mine) > CLOSE:
            raise GradcertError(f"the recorded step is not the function: output {k} differs; a defect of gradcert")
    return xs, played, delta, gradients


def check_outputs(reading: Reading) -> None:
    """Raise unless the recorded step gives the function's outputs."""
    _checked(reading, 0)


def check_gradients(written: Written, output: int = 0) -> tuple[Run, Array, dict[str, Array]]:
    """Raise unless BPTT of the network, with the user's cuts cut, is what jax.grad gives.

    Returns
    -------
    What `rows_of` takes: the run that was compared, the derivative at its outputs, the gradients.
    """
    reading = written.reading
    xs, played, delta, theirs = _checked(reading, output)
    with double():
        found = run(written, parameters_of(reading), xs, played)
        own = {name: np.asarray(g) for name, g in found.gradients(AS_CODED, delta).items()}
    network = found.as_cut.outputs
    if float(np.abs(network - played.outputs[output]).max()) > CLOSE * max(float(np.abs(network).max()), 1.0):
        raise GradcertError("the network that was read has other outputs than the function; a defect of gradcert")
    check_spikes(found)
    if (name := apart(own, theirs)) is not None:
        raise GradcertError(
            f"the gradient of {name} is not that of the graph that was read",
            allowed="operations whose derivative is JAX's, and spikes",
            do="look for a custom_jvp or custom_vjp that is no spike, or a derivative that is changed on its way",
        )
    return found, delta, own


def rows_of(found: Run, delta: Array, own: Mapping[str, Array]) -> tuple[str, ...]:
    """Return the rows of the table that give a run's gradients with the function's cuts."""
    return tuple(name for name in ROWS if _is_row(found.gradients(name, delta), own))


def rows_by_cuts(written: Written, output: int = 0) -> tuple[str, ...]:
    """Return the rows that a function's cuts make, whatever its own derivatives are."""
    xs, played, delta, _ = _checked(written.reading, output)
    with double():
        found = run(written, parameters_of(written.reading), xs, played)
        own = {name: np.asarray(g) for name, g in found.gradients(AS_CODED, delta).items()}
        return rows_of(found, delta, own)


def _is_row(gradients: Mapping[str, Any], own: Mapping[str, Array]) -> bool:
    theirs = {name: np.asarray(g) for name, g in gradients.items()}
    return apart(theirs, {name: own[name] for name in theirs}) is None
