"""Reading a step function of JAX: every step of it in order; and what a reading can be asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcert.models.reading.assemble import assembled
from gradcert.models.reading.jaxpr.call import Call, call_of
from gradcert.models.reading.jaxpr.check import check_gradients, check_outputs, rows_of
from gradcert.models.reading.jaxpr.jax_ import JAX
from gradcert.models.reading.jaxpr.lower import JaxLowering, check_shapes
from gradcert.models.reading.jaxpr.modules import as_step
from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.jaxpr.trace import traced
from gradcert.models.reading.network.graphs import as_graph
from gradcert.models.reading.network.written import Written, is_stack, written
from gradcert.models.reading.page import fragment
from gradcert.models.reading.reading import Reading
from gradcert.reference.errors import GradcertError


class ReadStep(Reading):
    """A step function as it was read, which can be shown in a notebook and written as networks of the vocabulary."""

    def _repr_html_(self) -> str:
        return fragment(self)

    @property
    def title(self) -> str:
        """What is read is called."""
        call: Call = self.way
        return call.title

    def network(self, output: int = 0) -> Written:
        """Return the function as networks of the vocabulary.

        Parameters
        ----------
        output : which of its outputs the loss reads, from 0.

        Raises
        ------
        GradcertError : for what the vocabulary does not have, and if the network's gradient is not jax.grad's.
        """
        made = self.unchecked(output)
        return replace(made, rows=rows_of(*check_gradients(made, output)))

    def unchecked(self, output: int = 0) -> Written:
        """Return the same without a look at jax.grad's gradients."""
        return written(self, output) if is_stack(self, output) else as_graph(self, output)


def read_step(function: Any, params: Any, x: Any, state: Any = None, order: str | None = None) -> ReadStep:
    """Read a step function from one step on an example input (`gradcert.models.reading.read`)."""
    made = recorded(function, params, x, state, order)
    with double():
        notes, rows = _checked(made)
    return replace(made, notes=(*made.notes, *notes), rows=rows)


def read_network(
    function: Any, params: Any, x: Any, state: Any = None, order: str | None = None, output: int = 0
) -> Written:
    """Read a step function as networks of the vocabulary: its gradients are compared, rows not looked for.

    Raises
    ------
    GradcertError : as `read_step` and `ReadStep.network`.
    """
    reading = recorded(function, params, x, state, order)
    with double():
        try:
            made = reading.unchecked(output)
        except GradcertError:
            check_outputs(reading)
            raise
        check_gradients(made, output)
    return made


def recorded(function: Any, params: Any, x: Any, state: Any, order: str | None) -> ReadStep:
    """Return the reading of a step function before anything is compared with the function itself."""
    step = as_step(function, params, x, state)
    if not hasattr(x, "dtype") or x.ndim < 2:
        raise GradcertError(
            f"an example x of shape {getattr(x, 'shape', type(x).__name__)}",
            allowed="an array (batch, ...)",
            do="map the function of one sample over a batch: jax.vmap(step, in_axes=(None, 0, 0))",
        )
    with double():
        example = _double(x)
        held = jax.tree_util.tree_map(_double, step.state)
        call = call_of(step.function, jax.tree_util.tree_map(_double, step.params), example, held, order, step.title)
        record = traced(call, example, jax.tree_util.tree_leaves(held))
        lowered = JaxLowering(record, JAX)
        check_shapes(lowered)
        made = assembled(ReadStep, lowered, function, example, state, call)
    return replace(made, notes=(*step.notes, *record.notes, *lowered.notes))


def _double(leaf: Any) -> Any:
    """Return a leaf in float64 if it is an array of floats."""
    if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.asarray(np.asarray(leaf).astype("float64"))  # NumPy casts without a compiler
    return leaf


def _checked(reading: ReadStep) -> tuple[list[str], tuple[str, ...] | None]:
    """Raise unless the record is the function; return what has to be said beside it, and the rows that it is."""
    try:
        return [], reading.network().rows
    except GradcertError as error:
        check_outputs(reading)
        if "gradient of" in str(error):
            raise
        return [f"not written as a network: {error}"], None
