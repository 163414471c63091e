"""Leaky integrator, the readout of e-prop and of most spiking networks (mathematics.md 1.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import options
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import Array, Numbers

PARAMETERS = ("kappa",)

INPUT = Link("a", "x", weight="W")
STATE = Link("z", "z", lag=1, edge=Edge.STATE)
GAIN = Link("z", "a")
BIAS = Use("a", "b")
KAPPA = Use("z", "kappa")


@dataclass(frozen=True)
class Integrator:
    """z^t = kappa z^(t-1) + gain (W x^t + b).

    A rule may keep this cell's STATE edge although it cuts those of other upper layers (`Rule.readout`): that is how
    e-prop's filtered eligibility trace comes about, with the same kappa and the same gain (mathematics.md 6).

    Parameters
    ----------
    kappa : decay per step, a number or a tuple of one per unit. Ignored where `train` names it.
    gain : ``one``, or ``one_minus_kappa`` on the input.
    bias : whether b exists.
    train : ``("kappa",)`` to train the decay.

    Examples
    --------
    >>> Integrator(bias=False).links[1]
    Link(target='z', source='z', lag=1, edge=<Edge.STATE: 'state'>, weight=None)
    """

    name: ClassVar[str] = "integrator"
    conventions: ClassVar[tuple[options.Convention, ...]] = (options.Convention("gain", ("one", "one_minus_kappa")),)
    kappa: Any = 0.9
    gain: str = "one"
    bias: bool = True
    train: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        options.check_unit_interval("kappa", self.kappa)
        options.check_conventions(self)
        options.check_trained(self.train, PARAMETERS)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drive a, output z (which is the state)."""
        return ("a", "z")

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        return (INPUT, STATE, GAIN)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where b and kappa act."""
        return (*((BIAS,) if self.bias else ()), KAPPA)

    @property
    def trained(self) -> tuple[str, ...]:
        """Trained per-unit parameters."""
        return (*(("b",) if self.bias else ()), *self.train)

    def constants(self) -> Mapping[str, Any]:
        """Return kappa."""
        return {"kappa": self.kappa}

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        a = drive("a")
        return {"a": a, "z": p["kappa"] * prev["z"] + (a if self.gain == "one" else (1 - p["kappa"]) * a)}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        one = self.gain == "one"
        out: dict[Link | Use, Any] = {
            STATE: p["kappa"],
            GAIN: 1 if one else 1 - p["kappa"],
        }
        if self.train:
            out[KAPPA] = prev["z"] if one else prev["z"] - now["a"]
        return {**out, BIAS: 1} if self.bias else out
