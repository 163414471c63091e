"""What a profile is: how a family of chips stores, rounds, orders and applies what a learning rule computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from gradcert.hardware_models.arithmetic import Lfsr
from gradcert.hardware_models.description.program import AnyFormat, Numeric
from gradcert.reference.errors import GradcertError

ROLES = {
    "weight": "a stored weight, and the result of its update",
    "current": "the sum of weights times spikes",
    "membrane": "membrane potential, and its leaked value",
    "trace": "eligibility trace, and its leaked value",
    "adaptation": "threshold adaptation and its trace",
    "jacobian": "one-step state Jacobian of OSTL",
    "readout": "leaky readout, its leaked value and its input sum",
    "error": "output minus target",
    "signal": "learning signal: feedback weights times error, summed",
    "credit": "learning signal times pseudo-derivative",
    "product": "credit times trace, before the learning rate",
    "update": "the product after the learning rate, as it meets the weight",
    "accumulator": "sum of products over a window",
    "dual": "FPTT's running weight and multiplier",
}


@dataclass(frozen=True)
class Staircase:
    """A pseudo-derivative that is constant between steps: height k applies from edge k - 1 on.

    In units of v - threshold.

    Examples
    --------
    >>> Staircase((Fraction(-1, 2), Fraction(1, 2)), (Fraction(0), Fraction(1), Fraction(0))).at(Fraction(1, 4))
    Fraction(1, 1)
    """

    edges: tuple[Fraction, ...]
    heights: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        if len(self.heights) != len(self.edges) + 1 or list(self.edges) != sorted(self.edges):
            raise GradcertError(
                f"a staircase with edges {self.edges} and {len(self.heights)} heights",
                allowed="increasing edges and one height more",
                do="correct the surrogate",
            )

    def at(self, x: Fraction) -> Fraction:
        """Return the height at v - threshold = x."""
        return self.heights[sum(x >= edge for edge in self.edges)]


@dataclass(frozen=True)
class Profile:
    """A family of chips.

    Parameters
    ----------
    name, title, source : key, one line for tables, where the facts come from.
    roles : how each kind of intermediate is stored (keys of `ROLES`).
    leak_format, height_format : formats of the leak factors and of the pseudo-derivative.
    leak, readout_leak, adaptation_leak, adaptation_strength, threshold : neuron constants.
    surrogate : the pseudo-derivative.
    rate : the learning rate is 2**-rate.
    update : `value` (add the rounded update), `probability` (move by one ulp with the update's magnitude as
        probability),
        `window` (accumulate, apply at the next presynaptic spike after the window) or `pulses` (accumulate, release
        whole
        device pulses, keep the remainder).
    generators : random sources by name.
    notes : facts and open points, one sentence each.
    """

    name: str
    title: str
    source: str
    roles: Mapping[str, Numeric]
    leak_format: AnyFormat
    height_format: AnyFormat
    leak: Fraction = Fraction(15, 16)
    readout_leak: Fraction = Fraction(7, 8)
    adaptation_leak: Fraction = Fraction(31, 32)
    adaptation_strength: Fraction = Fraction(1, 8)
    threshold: Fraction = Fraction(1)
    surrogate: Staircase = field(
        default_factory=lambda: Staircase(
            tuple(Fraction(n, 4) for n in (-3, -1, 1, 3)), tuple(Fraction(n, 16) for n in (0, 2, 5, 2, 0))
        )
    )
    rate: int = 6
    update: str = "value"
    pulse_radix: int = 3
    rules: tuple[str, ...] = ("ostl", "ostl-recurrent", "e-prop", "e-prop-alif", "ottt", "fptt")
    generators: Mapping[str, Lfsr] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [r for r in self.roles if r not in ROLES]
        if unknown or self.update not in ("value", "probability", "window", "pulses"):
            raise GradcertError(
                f"profile {self.name}: roles {unknown}, update {self.update}",
                allowed=f"roles {', '.join(ROLES)}; update value, probability, window, pulses",
                do="correct the profile",
            )

    def __getitem__(self, role: str) -> Numeric:
        if role not in self.roles:
            raise GradcertError(
                f"profile {self.name} stores no {role}", allowed=", ".join(self.roles), do="add the role"
            )
        return self.roles[role]
