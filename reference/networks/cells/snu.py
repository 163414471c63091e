"""Spiking neural unit (SNU) of OSTL (arXiv 2007.12723; mathematics.md 1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.networks.cells import firing, options, snu_equations
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Link, Use
from gradcert.reference.numbers import Array, Numbers, Surrogate, activation, spike


@dataclass(frozen=True)
class Snu:
    """SNU: a^t = W x^t + H z^(t-1) + b + leak v^(t-1) (1 - z^(t-1)), v^t = g(a^t), z^t = step(v^t - threshold).

    Parameters
    ----------
    leak, threshold : a number, or a tuple of one per unit. Ignored where `train` names them.
    transfer : g, ``relu`` (IBM/ostl layer), ``identity`` (its notebook) or any smooth activation.
    surrogate : pseudo-derivative h'; OSTL uses 1 - tanh^2.
    strict : fire at ``>`` (IBM/ostl) rather than ``>=``.
    scaling : what psi's argument, and psi, are divided by: ``none``, or the ``threshold`` (`firing`).
    recurrent, bias : whether H and b exist. OSTL's additive bias b' inside h is minus the threshold.
    train : per-unit parameters that are trained, of ``leak``, ``threshold``.

    Examples
    --------
    >>> [link.edge.value for link in Snu().links if link.lag]
    ['recurrent', 'state', 'reset']
    """

    name: ClassVar[str] = "snu"
    conventions: ClassVar[tuple[options.Convention, ...]] = (
        options.strictness({True: "IBM/ostl"}),
        options.activations("transfer"),
        firing.SCALING,
    )
    leak: Any = 0.8
    threshold: Any = 1.0
    transfer: str = "identity"
    surrogate: Surrogate = Surrogate("tanh")
    strict: bool = True
    recurrent: bool = True
    bias: bool = True
    train: tuple[str, ...] = ()
    scaling: str = "none"

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
        h = spike(self.surrogate, strict=self.strict)
        return snu_equations.step(n, p, drive, prev, g=activation(self.transfer), h=h)

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        h = spike(self.surrogate, strict=self.strict)
        margin, threshold = now["v"] - p["threshold"], p["threshold"]
        slopes = firing.slopes(n, self.surrogate, margin, threshold, strict=self.strict, scaling=self.scaling)
        g = activation(self.transfer)
        return snu_equations.factors(n, p, prev, now, g=g, h=h, trained=self.trained, slopes=slopes)
