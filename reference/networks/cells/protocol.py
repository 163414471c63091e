"""What a cell is: named nodes, links labelled by edge, one step, and the local Jacobian factors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from gradcert.reference.networks.edges import Link, Use
from gradcert.reference.numbers import Array, Numbers

Nodes = Mapping[str, Array]
Drive = Callable[..., Array]  # drive("a", z=previous z): sum of the weighted inputs of a node


class Cell(Protocol):
    """A neuron model. Frozen dataclasses implement it; their fields are the cell's options.

    ``nodes`` are in topological order within one step and end with ``z``, the output. A node fed by weights is a
    linear node: the engine computes it (`Drive`), so a cell never sees a weight matrix or knows its geometry.

    A cell answers for its own conventions: ``conventions``, a tuple of `Convention`, says which options implementations
    choose differently and what they call them (`options.conventions`).
    """

    name: ClassVar[str]

    def __hash__(self) -> int:
        """Equal cells hash alike."""
        ...

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names in topological order."""
        ...

    @property
    def links(self) -> tuple[Link, ...]:
        """All links, weighted and elementwise."""
        ...

    @property
    def uses(self) -> tuple[Use, ...]:
        """Per-unit parameters and the nodes they act on; only the trained ones become parameters."""
        ...

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the per-unit parameters that are trained."""
        ...

    def constants(self) -> Mapping[str, Any]:
        """Return the values of the per-unit parameters that are not trained."""
        ...

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute all nodes at step t from those of t - 1; arrays (batch, units)."""
        ...

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the elementwise local derivative of every unweighted link and of every use that is trained.

        Arrays carry any leading axes (all steps at once, or one). A factor that is the same number for every unit,
        sample and step is returned as a scalar: the engines then keep traces factorised.
        """
        ...
