"""Leaky integrate-and-fire with a refractory period (mathematics.md 1.8, T47)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gradcert.reference.checks import check_size
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.cells import lif
from gradcert.reference.networks.cells.protocol import Drive, Nodes
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.numbers import Array, Numbers, spike

PARAMETERS = lif.PARAMETERS
LONGEST = 8  # steps


@dataclass(frozen=True)
class Refractory(lif.Lif):
    """LIF neuron that does not spike for `period` steps after a spike, whatever its membrane potential.

    ::

        r1 = z'      r2 = r1'      ...            z = (1 - r1 - r2 - ...) step(v - threshold)

    A counter, written as the spikes of the last steps, of which at most one is 1: that is the same in every number
    system. v goes on as in `Lif`. In the refractory period the pseudo-derivative is 0 (trap T47): dz/dv is
    (1 - r1 - ...) psi.

    That a spike keeps later ones away is part of its reset: the edges z' to r1, r1' to r2 are RESET. Rules that drop it
    (e-prop, detached resets) take the period for a constant, as implementations that count in integers do.

    Parameters
    ----------
    period : steps after a spike without another one, from 1 to 8.
    leak, threshold, reset, reset_value, gain, surrogate, strict, stored, recurrent, bias, train, rest, scaling : as for
        `Lif`.

    Examples
    --------
    >>> Refractory().nodes, [link.source for link in Refractory().links if link.lag]
    (('a', 'v', 'r1', 'r2', 'z'), ['v', 'z', 'z', 'r1'])
    """

    name: ClassVar[str] = "refractory"
    period: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("a refractory period of", self.period)
        if self.period > LONGEST:
            raise GradcertError(f"a refractory period of {self.period}", allowed=f"1 to {LONGEST} steps")

    @property
    def registers(self) -> tuple[str, ...]:
        """Node names of the spikes of the last steps."""
        return tuple(f"r{k}" for k in range(1, self.period + 1))

    @property
    def nodes(self) -> tuple[str, ...]:
        """Node names: drive a, membrane potential v, the spikes of the last steps, spike z."""
        return ("a", "v", *self.registers, "z")

    @property
    def links(self) -> tuple[Link, ...]:
        """Links between the nodes."""
        return (*super().links, *self._moves, *self._gates)

    @property
    def _moves(self) -> tuple[Link, ...]:
        sources = ("z", *self.registers)
        return tuple(Link(r, s, lag=1, edge=Edge.RESET) for r, s in zip(self.registers, sources, strict=False))

    @property
    def _gates(self) -> tuple[Link, ...]:
        return tuple(Link("z", r) for r in self.registers)

    def _quiet(self, now: Nodes) -> Array:
        total = now["r1"]
        for register in self.registers[1:]:
            total = total + now[register]
        return 1 - total

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        now = super().step(n, p, drive, prev)
        fires = now.pop("z")
        now |= {link.target: prev[link.source] for link in self._moves}
        return {**now, "z": self._quiet(now) * fires}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        out = super().factors(n, p, prev, now)
        quiet = self._quiet(now)
        fires = n.apply(spike(self.surrogate, strict=self.strict), now["v"] - p["threshold"])
        out[lif.OUTPUT] = quiet * out[lif.OUTPUT]
        if "threshold" in self.train:
            out[lif.THRESHOLD] = quiet * out[lif.THRESHOLD]
        return out | dict.fromkeys(self._moves, 1) | dict.fromkeys(self._gates, -fires)
