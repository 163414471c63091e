"""Soft SNU (sSNU): the SNU with a graded output (arXiv 2007.12723; mathematics.md 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import options, snu_equations
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Link, Use
from gradcert.reference.numbers import Array, Numbers, activation


@dataclass(frozen=True)
class Ssnu:
    """sSNU: the equations of `Snu` with z^t = h(v^t - threshold), h smooth, so that the reset is graded.

    Parameters
    ----------
    leak, threshold : a number, or a tuple of one per unit. Ignored where `train` names them.
    transfer : g, any smooth activation.
    output : h, ``sigmoid`` in the paper, any smooth activation.
    recurrent, bias, train : as in `Snu`.

    Examples
    --------
    >>> Ssnu(recurrent=False).nodes
    ('a', 'v', 'z')
    """

    name: ClassVar[str] = "ssnu"
    conventions: ClassVar[tuple[options.Convention, ...]] = (
        options.activations("transfer"),
        options.activations("output"),
    )
    leak: Any = 0.8
    threshold: Any = 1.0
    transfer: str = "identity"
    output: str = "sigmoid"
    recurrent: bool = True
    bias: bool = True
    train: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        options.check_unit_interval("leak", self.leak)
        options.check_conventions(self)
        options.check_trained(self.train, snu_equations.PARAMETERS)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drive a, membrane potential v, output z."""
        return snu_equations.NODES

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        return snu_equations.links(recurrent=self.recurrent)

    @property
    def uses(self) -> tuple[Use, ...]:
        """Where b, leak and threshold act."""
        return snu_equations.uses(bias=self.bias)

    @property
    def trained(self) -> tuple[str, ...]:
        """Trained per-unit parameters."""
        return (*(("b",) if self.bias else ()), *self.train)

    def constants(self) -> Mapping[str, Any]:
        """Return leak and threshold."""
        return {"leak": self.leak, "threshold": self.threshold}

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        return snu_equations.step(n, p, drive, prev, g=activation(self.transfer), h=activation(self.output))

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        g, h = activation(self.transfer), activation(self.output)
        return snu_equations.factors(n, p, prev, now, g=g, h=h, trained=self.trained)
