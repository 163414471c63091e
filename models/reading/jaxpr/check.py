"""A reading certifies itself: the recorded step gives the function's outputs, the network read jax.grad's gradients.

As for PyTorch (`gradcert.models.reading.check`): nine steps on fresh inputs, in float64, where right ones differ by
roundings and wrong ones by a share of the largest value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcert.models.reading.jaxpr.gradients import run
from gradcert.models.reading.jaxpr.play import play
from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.network import Written
from gradcert.models.reading.passes import AS_CODED
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.rows import CLOSE, ROWS, STEPS
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


def _inputs(reading: Reading) -> Array:
    """Return fresh inputs, (time, batch, ...)."""
    x = np.asarray(reading.example, dtype="float64")
    scale = 1.3 * float(np.abs(x).mean() + 0.1)
    return scale * np.random.default_rng(1).standard_normal((STEPS, *x.shape))


def outputs_of(reading: Reading, parameters: Mapping[str, Any], xs: Any) -> list[Any]:
    """Return what the function itself returns for a sequence, of every output (time, batch, units)."""
    held = [slot.initial for slot in reading.step.slots]
    found: list[list[Any]] = [[] for _ in reading.step.outputs]
    for x in xs:
        outputs, held = reading.way(parameters, jnp.asarray(x), held)
        for k, out in enumerate(outputs):
            found[k].append(jnp.reshape(out, (reading.batch, -1)))
    return [jnp.stack(o) for o in found]


def _own(reading: Reading) -> dict[str, Any]:
    return {name: jnp.asarray(p, dtype="float64") for name, p in reading.way.parameters().items()}


def _off(a: Array, b: Array) -> float:
    """Return the largest difference, as a share of the largest value."""
    return float(np.abs(a - b).max()) / max(float(np.abs(b).max()), float(np.abs(a).max()), 1e-300)


def check_outputs(reading: Reading) -> None:
    """Raise unless the recorded step gives the function's outputs."""
    with double():
        xs, parameters = _inputs(reading), _own(reading)
        theirs = outputs_of(reading, parameters, xs)
        played = play(reading, parameters, xs)
    for k, (own, mine) in enumerate(zip(theirs, played.outputs, strict=True)):
        if _off(np.asarray(own), mine) > CLOSE:
            raise GradcertError(
                f"the recorded step is not the function: output {k} differs",
                allowed="a function of parameters, state and x alone",
                do="take out what Python keeps from call to call: a counter, a list, a random number",
            )


def check_gradients(written: Written, output: int = 0) -> tuple[str, ...]:
    """Raise unless BPTT of the network, with the user's cuts cut, is what jax.grad gives; return its rows."""
    reading = written.reading
    check_outputs(reading)
    with double():
        xs, parameters = _inputs(reading), _own(reading)
        out, pull = jax.vjp(lambda p: outputs_of(reading, p, xs)[output], parameters)
        delta = np.random.default_rng(2).standard_normal(out.shape)
        theirs = {name: np.asarray(g) for name, g in pull(jnp.asarray(delta))[0].items()}
        found = run(written, parameters, xs)
        own = {name: np.asarray(g) for name, g in found.gradients(AS_CODED, delta).items()}
        network = found.as_cut.outputs
        if float(np.abs(network - np.asarray(out)).max()) > CLOSE * max(float(np.abs(network).max()), 1.0):
            raise GradcertError(
                "the network that was read has other outputs than the function; this is a defect of gradcert"
            )
        for name, mine in own.items():
            if _off(mine, theirs[name]) > CLOSE:
                raise GradcertError(
                    f"the gradient of {name} is not that of the graph that was read",
                    allowed="operations whose derivative is JAX's, and spikes",
                    do="look for a custom_jvp or custom_vjp that is no spike, or has another derivative than its name",
                )
        return tuple(name for name in ROWS if _is_row(found.gradients(name, delta), own))


def _is_row(gradients: Mapping[str, Any], own: Mapping[str, Array]) -> bool:
    return all(_off(np.asarray(g), own[name]) <= CLOSE for name, g in gradients.items())
