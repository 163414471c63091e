"""Leaky rate cell (mathematics.md 1.5), the network of RFLO (Murray 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import options
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import Array, Numbers, activation

PARAMETERS = ("rate",)

INPUT = Link("a", "x", weight="W")
RECURRENT = Link("a", "z", lag=1, edge=Edge.RECURRENT, weight="H")
STATE = Link("z", "z", lag=1, edge=Edge.STATE)
OUTPUT = Link("z", "a")
BIAS = Use("a", "b")
RATE = Use("z", "rate")


@dataclass(frozen=True)
class LeakyRnn:
    """z^t = (1 - rate) z^(t-1) + rate phi(W x^t + H z^(t-1) + b).

    RFLO keeps the STATE edge, whose factor is 1 - rate, and drops the RECURRENT one.

    Parameters
    ----------
    rate : inverse time constant in steps, a number in [0, 1] or a tuple of one per unit; ``rate = 1`` is the vanilla
        cell. Ignored where `train` names it.
    activation : phi, any smooth activation.
    recurrent, bias : whether H and b exist.
    train : ``("rate",)`` to train it.

    Examples
    --------
    >>> [link.edge.value for link in LeakyRnn().links if link.lag]
    ['recurrent', 'state']
    """

    name: ClassVar[str] = "leaky_rnn"
    conventions: ClassVar[tuple[options.Convention, ...]] = (options.activations("activation"),)
    rate: Any = 0.2
    activation: str = "tanh"
    recurrent: bool = True
    bias: bool = True
    train: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        options.check_unit_interval("rate", self.rate)
        options.check_conventions(self)
        options.check_trained(self.train, PARAMETERS)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drive a, output z (which is the state)."""
        return ("a", "z")

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        return (INPUT, *((RECURRENT,) if self.recurrent else ()), STATE, OUTPUT)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where b and rate act."""
        return (*((BIAS,) if self.bias else ()), RATE)

    @property
    def trained(self) -> tuple[str, ...]:
        """Trained per-unit parameters."""
        return (*(("b",) if self.bias else ()), *self.train)

    def constants(self) -> Mapping[str, Any]:
        """Return the rate."""
        return {"rate": self.rate}

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        a = drive("a", z=prev["z"])
        return {"a": a, "z": (1 - p["rate"]) * prev["z"] + p["rate"] * n.apply(activation(self.activation), a)}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        phi = activation(self.activation)
        out: dict[Link | Use, Any] = {
            STATE: 1 - p["rate"],
            OUTPUT: p["rate"] * n.slope(phi, now["a"]),
        }
        if self.train:
            out[RATE] = n.apply(phi, now["a"]) - prev["z"]
        return {**out, BIAS: 1} if self.bias else out
