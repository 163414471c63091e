"""Vanilla recurrent cell (mathematics.md 1.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import options
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import Array, Numbers, activation

INPUT = Link("a", "x", weight="W")
RECURRENT = Link("a", "z", lag=1, edge=Edge.RECURRENT, weight="H")
OUTPUT = Link("z", "a")
BIAS = Use("a", "b")


@dataclass(frozen=True)
class Rnn:
    """z^t = phi(W x^t + H z^(t-1) + b).

    Parameters
    ----------
    activation : phi, any smooth activation.
    recurrent, bias : whether H and b exist; without H the layer is a stateless readout.

    Examples
    --------
    >>> Rnn(activation="identity", recurrent=False).links
    (Link(target='a', source='x', lag=0, edge=<Edge.SPACE: 'space'>, weight='W'), \
Link(target='z', source='a', lag=0, edge=<Edge.SPACE: 'space'>, weight=None))
    """

    name: ClassVar[str] = "rnn"
    conventions: ClassVar[tuple[options.Convention, ...]] = (options.activations("activation"),)
    activation: str = "tanh"
    recurrent: bool = True
    bias: bool = True

    def __post_init__(self) -> None:
        options.check_conventions(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drive a, output z."""
        return ("a", "z")

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        return (INPUT, *((RECURRENT,) if self.recurrent else ()), OUTPUT)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where b acts."""
        return (BIAS,) if self.bias else ()

    @property
    def trained(self) -> tuple[str, ...]:
        """Trained per-unit parameters."""
        return ("b",) if self.bias else ()

    def constants(self) -> Mapping[str, Any]:
        """Return nothing: there are no per-unit constants."""
        return {}

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        a = drive("a", z=prev["z"])
        return {"a": a, "z": n.apply(activation(self.activation), a)}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        slope = 1 if self.activation == "identity" else n.slope(activation(self.activation), now["a"])
        return {OUTPUT: slope, **({BIAS: 1} if self.bias else {})}
