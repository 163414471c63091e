"""What reading asks of the framework that a model is written in: to run nodes of a record, and to differentiate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gradcert.models.reading.record import Node
from gradcert.models.reading.spikes import Found
from gradcert.reference.numbers import Array

Function = Callable[[Array], Array]
Puller = Callable[[Mapping[str, Any], Mapping[str, Array]], dict[str, Any]]  # (parameters, gradients)


class Framework(Protocol):
    """PyTorch (`pytorch`) or JAX (`jaxpr.jax_`).

    Attributes
    ----------
    sliced : the operation (value, axis, start, stop) -> slice.
    """

    @property
    def sliced(self) -> Any:
        """The operation (value, axis, start, stop) -> slice."""

    def find(self, nodes: list[Node], moving: frozenset[int]) -> dict[int, Found]:
        """Return node -> spike; `moving` are the nodes that depend on input or state."""

    def evaluate(
        self,
        nodes: list[Node],
        k: int,
        given: Mapping[int, Any],
        parameters: Mapping[str, Any] | None = None,
        lifted: frozenset[int] = frozenset(),
    ) -> Any:
        """Return the value of a node from given ones, with derivatives as the user's code has them.

        Parameters
        ----------
        lifted : nodes that cut in the user's code, and do not here.
        """

    def constant(self, value: Array) -> Any:
        """Return an array of the framework."""

    def array(self, value: Any) -> Array:
        """Return a NumPy array, without a history."""

    def double(self, value: Any) -> Any:
        """Return a value in float64, without a history."""

    def spread(self, value: Any, shape: tuple[int, ...]) -> Any:
        """Return a value broadcast to a shape, and made flat."""

    def alone(self, nodes: list[Node], k: int, root: int, offset: float) -> tuple[Function, Function]:
        """Return a node as a function of another one less an offset, unit by unit, and the derivative of that."""

    def puller(self, function: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Puller:
        """Return what takes gradients with respect to a function's results back to its parameters."""
