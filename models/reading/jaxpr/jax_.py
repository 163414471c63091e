"""JAX as reading asks for it (`gradcert.models.reading.framework.Framework`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcert.models.reading.framework import Function, Puller
from gradcert.models.reading.jaxpr.functions import find
from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.jaxpr.run import DOUBLE, evaluate, on_arrays
from gradcert.models.reading.record import Node
from gradcert.models.reading.spikes import Found
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


def sliced(value: Any, axis: int, start: int, stop: int) -> Any:
    """Return a slice."""
    return jax.lax.slice_in_dim(value, start, stop, axis=axis)


class Jax:
    """Runs and differentiates nodes of a record with JAX, in float64."""

    sliced = staticmethod(sliced)

    def find(self, nodes: list[Node], moving: frozenset[int]) -> dict[int, Found]:
        """Return node -> spike."""
        return find(nodes, moving, self)

    def evaluate(
        self,
        nodes: list[Node],
        k: int,
        given: Mapping[int, Any],
        parameters: Mapping[str, Any] | None = None,
        lifted: frozenset[int] = frozenset(),
    ) -> Any:
        """Return the value of a node."""
        with double():
            return evaluate(nodes, k, given, parameters, lifted)

    def constant(self, value: Array) -> Any:
        """Return an array of JAX."""
        with double():
            return jnp.asarray(value)

    def array(self, value: Any) -> Array:
        """Return a NumPy array."""
        return np.asarray(value)

    def double(self, value: Any) -> Any:
        """Return an array in float64."""
        with double():
            return jnp.asarray(value, dtype=DOUBLE)

    def spread(self, value: Any, shape: tuple[int, ...]) -> Any:
        """Return a value broadcast to a shape, and made flat; leading axes of one are left out."""
        extra = value.ndim - len(shape)
        if extra > 0 and set(value.shape[:extra]) == {1}:
            value = value.reshape(value.shape[extra:])
        if value.ndim > len(shape):
            raise GradcertError(f"a parameter spread to {tuple(value.shape)}, samples included", do="let it broadcast")
        return jnp.broadcast_to(value, shape).reshape(-1)

    def alone(self, nodes: list[Node], k: int, root: int, offset: float) -> tuple[Function, Function]:
        """Return a node as a function of another one less an offset, and the derivative of that."""
        return on_arrays(lambda x: evaluate(nodes, k, {root: x + offset}), nodes[root].shape)

    def puller(self, function: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Puller:
        """Return what takes gradients with respect to a function's results back to its parameters."""

        def pull(own: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
            found, back = jax.vjp(function, own)
            return back({k: given[k].reshape(v.shape) for k, v in found.items()})[0]

        compiled = jax.jit(pull)

        def pulled(parameters: Mapping[str, Any], gradients: Mapping[str, Array]) -> dict[str, Any]:
            with double():
                own = {name: jnp.asarray(p, dtype=DOUBLE) for name, p in parameters.items()}
                out: dict[str, Any] = compiled(own, {k: jnp.asarray(g, dtype=DOUBLE) for k, g in gradients.items()})
            return out

        return pulled


JAX = Jax()
