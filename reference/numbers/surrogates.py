"""Pseudo-derivatives with their exact scales (mathematics.md 2).

x is the membrane potential minus the effective threshold. Libraries use one name for different functions and
different names for one function; peak and area are stated because both matter to the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.checks import check_number
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers.floats import FLOAT64
from gradcert.reference.numbers.formula import check_named, evaluated, names, parsed
from gradcert.reference.numbers.protocol import Array, Numbers

FORMULA = "formula"  # the name of one that is in no table
POSITIVE = ("width", "sigma", "slope")  # scales that something is divided by, or that would turn the form over


@dataclass(frozen=True)
class Form:
    """One row of the table: a formula, its default scales, its peak as a function of the scales, where it is used."""

    formula: Callable[..., Array]
    defaults: Mapping[str, float]
    peak: Callable[..., float]
    used_by: str


@dataclass(frozen=True, init=False)
class Surrogate:
    """A pseudo-derivative: a name of the table and its scales, or a formula of one's own.

    Parameters
    ----------
    name : a key of `SURROGATES`.
    formula : instead of a name, psi(x) as text, such as ``height / (1 + (pi x)^2)`` (`formula`): x is the membrane
        potential minus the threshold, and what else it names is given in `scales`. One-sided ones are a
        ``where(x < 0, ..., ...)``.
    scales : the named scales of that row, what is left out taking the row's default; all of those of a formula.
    amplitude : what psi is multiplied by, whatever its form.
    given : where the formula was taken from, if it is somebody's own function, as it is.

    Examples
    --------
    >>> Surrogate("atan", scale=2.0).label, Surrogate("atan", amplitude=0.3).label
    ('atan(scale=2.0)', 'atan(scale=2.0, amplitude=0.3)')
    >>> Surrogate("atan").peak
    1.0
    >>> Surrogate(formula="height max(0, 1 - |x|)", height=0.3).label
    'height max(0, 1 - |x|)(height=0.3)'
    """

    name: str
    scales: tuple[tuple[str, Any], ...]
    formula: str = ""
    amplitude: Any = 1.0
    given: str = ""

    def __init__(
        self, name: str = FORMULA, *, formula: str = "", amplitude: Any = 1.0, given: str = "", **scales: Any
    ) -> None:
        if formula and name != FORMULA:
            raise GradcertError(f"the surrogate {name!r} and a formula", allowed="a name, or a formula")
        if not formula and name not in list(SURROGATES):  # a list, in which anything can be looked for
            allowed = f"{', '.join(sorted(SURROGATES))}, or a formula"
            raise GradcertError(f"the surrogate {name!r} is unknown", allowed=allowed)
        defaults = _scales(formula, scales) if formula else SURROGATES[name].defaults
        wrong = sorted(set(scales) - set(defaults))
        if wrong:
            allowed = ", ".join(defaults) or "none"
            what = f"the surrogate {formula}" if formula else f"the surrogate {name}"
            raise GradcertError(f"{what} has no scale {', '.join(map(repr, wrong))}", allowed=allowed)
        for scale, value in scales.items():
            positive = not formula and scale in POSITIVE
            check_number(f"{scale} of the surrogate {name!r}", value, above=0.0 if positive else None)
        check_number(f"the amplitude of the surrogate {name!r}", amplitude)
        given_scales = tuple((k, scales.get(k, v)) for k, v in defaults.items())
        parts = {"name": name, "scales": given_scales, "formula": formula, "amplitude": amplitude, "given": given}
        for part, value in parts.items():
            object.__setattr__(self, part, value)
        if formula:
            _check_finite(self)

    @property
    def form(self) -> Form:
        """The row of the table."""
        return SURROGATES[self.name]

    @property
    def label(self) -> str:
        """Name, or formula, and scales on one line."""
        scales = self.scales if self._plain else (*self.scales, ("amplitude", self.amplitude))
        listed = ", ".join(f"{k}={v}" for k, v in scales)
        return f"{self.name}({listed})" if not self.formula else f"{self.formula}({listed})" if listed else self.formula

    @property
    def _plain(self) -> bool:
        """Whether psi is multiplied by nothing."""
        return isinstance(self.amplitude, (int, float)) and self.amplitude == 1

    @property
    def peak(self) -> float | None:
        """The largest absolute value of the pseudo-derivative; None for a formula, of which nobody has said it."""
        if self.formula:
            return None
        return abs(float(self.amplitude)) * float(self.form.peak(**dict(self.scales)))

    def derivative(self, x: Array, numbers: Numbers = FLOAT64) -> Array:
        """Return psi at x, the membrane potential minus the threshold, in a number system.

        So a rule that somebody defines evaluates the pseudo-derivative of a cell, ``cell.surrogate.derivative(u,
        problem.numbers)``, on floats and on the enclosures that budgets come from; the same is
        ``problem.numbers.slope(cell.surrogate, u)``. Where the cell's ``scaling`` is ``threshold``, dz/dv is psi(u /
        threshold) / threshold.

        Examples
        --------
        >>> Surrogate("triangle", scale=0.5).derivative(np.array([0.0, 0.5, 2.0]))
        array([0.5 , 0.25, 0.  ])
        >>> FLOAT64.slope(Surrogate("triangle", scale=0.5), np.array([0.5]))
        array([0.25])
        """
        return pseudo_derivative(self, x, numbers)

    def with_scale(self, name: str, value: Any) -> Surrogate:
        """Return the same form with another scale, or another ``amplitude``."""
        given: dict[str, Any] = {**dict(self.scales), "amplitude": self.amplitude, name: value}
        return Surrogate(self.name, formula=self.formula, **given)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; `surrogate_from` reads it back."""
        out = {"formula": self.formula} if self.formula else {"name": self.name}
        out |= dict(self.scales) if self._plain else {**dict(self.scales), "amplitude": self.amplitude}
        return {**out, "given": self.given} if self.given else out


def surrogate_from(spec: Any) -> Surrogate:
    """Read a pseudo-derivative: its name, or a mapping with name or formula and scales.

    Examples
    --------
    >>> surrogate_from({"formula": "1 / (1 + x^2)"}) == Surrogate(formula="1 / (1 + x^2)")
    True
    """
    if isinstance(spec, Surrogate):
        return spec
    if isinstance(spec, str):
        return Surrogate(spec)
    if not isinstance(spec, Mapping) or not {"name", "formula"} & set(spec):
        example = '"atan", {"name": "atan", "scale": 2}, or {"formula": "1 / (1 + (pi x)^2)"}'
        raise GradcertError(f"the surrogate {spec!r}", allowed=example)
    return Surrogate(**spec)


def _scales(formula: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scales that a formula has, in order, as they are given."""
    found = names(parsed(formula, "the formula of a surrogate")) - {"x", "pi"}
    if missing := sorted(found - set(given)):
        do = f"give it one: {{formula = {formula!r}, {missing[0]} = 1.0}}"
        check_named(f"the formula {formula!r}", formula, missing, "x, pi, and what has a value", do)
    return {name: given[name] for name in sorted(found)}


def _check_finite(surrogate: Surrogate) -> None:
    """Raise unless a formula is a number wherever it is looked at."""
    x = np.concatenate([np.linspace(-4, 4, 33), [-100.0, 100.0]])
    if not all(isinstance(value, (int, float)) for _, value in surrogate.scales):
        return  # symbols
    with np.errstate(all="ignore"):
        y = np.broadcast_to(pseudo_derivative(surrogate, x, FLOAT64), x.shape)
    if not np.isfinite(y).all():
        at = x[~np.isfinite(y)][0]
        raise GradcertError(f"the surrogate {surrogate.label} at x = {at:g}, which is {y[x == at][0]}")


def pseudo_derivative(surrogate: Surrogate, x: Array, numbers: Numbers) -> Array:
    """Return psi(x).

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference.numbers import FLOAT64
    >>> pseudo_derivative(Surrogate("triangle", scale=0.5), np.array([0.0, 0.5, 2.0]), FLOAT64)
    array([0.5 , 0.25, 0.  ])
    """
    scales = dict(surrogate.scales)
    if surrogate.formula:
        tree = parsed(surrogate.formula, "the formula of a surrogate")
        psi = evaluated(tree, {**scales, "x": x}, numbers)
        psi = psi if "x" in names(tree) else psi + 0 * x
    else:
        psi = surrogate.form.formula(x, numbers, **scales)
    return psi if surrogate._plain else surrogate.amplitude * psi


def _sigmoid(x: Array, n: Numbers, *, scale: Any) -> Array:
    s = (n.tanh(scale * x / 2) + 1) / 2
    return scale * s * (1 - s)


def _atan(x: Array, n: Numbers, *, scale: Any) -> Array:
    u = n.pi * scale * x / 2
    return (scale / 2) / (1 + u * u)


def _piecewise_quadratic(x: Array, n: Numbers, *, scale: Any) -> Array:
    u = 1 - scale * n.absolute(x)
    return n.where(u, ">", 0, scale * u, 0)


def _piecewise_exp(x: Array, n: Numbers, *, scale: Any) -> Array:
    return (scale / 2) * n.exp(-scale * n.absolute(x))


def _soft_sign(x: Array, n: Numbers, *, scale: Any) -> Array:
    u = 1 + scale * n.absolute(x)
    return (scale / 2) / (u * u)


def _super_spike_outside(x: Array, n: Numbers, *, scale: Any) -> Array:
    u = 1 + n.absolute(x)
    return scale / (u * u)


def _erf(x: Array, n: Numbers, *, scale: Any) -> Array:
    return (scale / n.pi**0.5) * n.exp(-(scale * scale) * x * x)


def _rect(x: Array, n: Numbers, *, scale: Any) -> Array:
    return n.where(2 * scale * n.absolute(x), "<", 1, scale, 0)


def _piecewise_leaky_relu(x: Array, n: Numbers, *, width: Any, outside: Any) -> Array:
    return n.where(n.absolute(x), "<", width, 1 / (2 * width), outside)


def _nonzero_sign_log_abs(x: Array, n: Numbers, *, scale: Any) -> Array:
    return 1 / (1 / scale + n.absolute(x))


def _fast_sigmoid(x: Array, n: Numbers, *, slope: Any) -> Array:
    u = slope * n.absolute(x) + 1
    return 1 / (u * u)


def _sparse_fast_sigmoid(x: Array, n: Numbers, *, slope: Any, above: Any) -> Array:
    return n.where(x, ">", above, _fast_sigmoid(x, n, slope=slope), 0)


def _leaky_step(x: Array, n: Numbers, *, below: Any) -> Array:
    return n.where(x, ">", 0, 1, below)


def _signed_step(x: Array, n: Numbers, *, height: Any) -> Array:
    return n.where(x, "<", 0, height, -height)


def _triangle(x: Array, n: Numbers, *, scale: Any, width: Any) -> Array:
    u = 1 - n.absolute(x) / width
    return n.where(u, ">", 0, scale * u, 0)


def _tanh(x: Array, n: Numbers) -> Array:
    y = n.tanh(x)
    return 1 - y * y


def _exponential(x: Array, n: Numbers, *, scale: Any) -> Array:
    return n.exp(-scale * n.absolute(x))


def _multi_gaussian(x: Array, n: Numbers, *, scale: Any, sigma: Any, side: Any) -> Array:
    def gauss(u: Array, s: Any) -> Array:
        return n.exp(-(u * u) / (2 * s * s)) / (s * (2 * n.pi) ** 0.5)

    wide = 6 * sigma
    lobes = gauss(x - sigma, wide) + gauss(x + sigma, wide)
    return scale * ((1 + side) * gauss(x, sigma) - side * lobes)


def _multi_gaussian_peak(*, scale: float, sigma: float, side: float) -> float:
    # the centre lobe alone bounds the sum: the side lobes only subtract near 0 and are flatter elsewhere
    return abs(scale) * (1 + side) / (abs(sigma) * 2.5066282746310002)


def _sparse_peak(*, slope: float, above: float) -> float:
    return 1.0 if above < 0 else 1 / (1 + slope * above) ** 2


def _scale(*, scale: float) -> float:
    return abs(scale)


def _half(*, scale: float) -> float:
    return abs(scale) / 2


SURROGATES: dict[str, Form] = {
    "sigmoid": Form(_sigmoid, {"scale": 4.0}, lambda scale: abs(scale) / 4, "SpikingJelly, OTTT; snnTorch with 25"),
    "atan": Form(_atan, {"scale": 2.0}, _half, "SpikingJelly, snnTorch (its default)"),
    "piecewise_quadratic": Form(_piecewise_quadratic, {"scale": 1.0}, _scale, "SpikingJelly; the triangle of SLTT"),
    "piecewise_exp": Form(_piecewise_exp, {"scale": 1.0}, _half, "SpikingJelly"),
    "soft_sign": Form(_soft_sign, {"scale": 2.0}, _half, "SpikingJelly"),
    "super_spike_outside": Form(_super_spike_outside, {"scale": 1.0}, _scale, "SpikingJelly SuperSpike; norse 1.1.0"),
    "erf": Form(_erf, {"scale": 2.0}, lambda scale: abs(scale) * 0.5641895835477563, "SpikingJelly"),
    "rect": Form(_rect, {"scale": 1.0}, _scale, "SpikingJelly; SLTT rectangle with 1 / threshold"),
    "piecewise_leaky_relu": Form(
        _piecewise_leaky_relu,
        {"width": 1.0, "outside": 0.01},
        lambda width, outside: max(1 / (2 * width), outside),
        "SpikingJelly",
    ),
    "nonzero_sign_log_abs": Form(_nonzero_sign_log_abs, {"scale": 1.0}, _scale, "SpikingJelly"),
    "fast_sigmoid": Form(
        _fast_sigmoid, {"slope": 25.0}, lambda slope: 1.0, "snnTorch; Zenke SuperSpike (100), OTPE, S-TLLR"
    ),
    "sparse_fast_sigmoid": Form(  # one-sided; with its default, silent at the threshold too
        _sparse_fast_sigmoid, {"slope": 25.0, "above": 1.0}, _sparse_peak, "snnTorch SFS; Perez-Nieves and Goodman"
    ),
    "leaky_step": Form(
        _leaky_step, {"below": 0.1}, lambda below: max(1.0, abs(below)), "snnTorch LSO: 1 above, a little below"
    ),
    "signed_step": Form(_signed_step, {"height": 1.0}, lambda height: abs(height), "snnTorch triangular"),
    "triangle": Form(_triangle, {"scale": 1.0, "width": 1.0}, lambda scale, width: abs(scale), "norse, e-prop family"),
    "tanh": Form(_tanh, {}, lambda: 1.0, "SNU (OSTL)"),
    "exponential": Form(_exponential, {"scale": 1.0}, lambda scale: 1.0, "STOP"),
    "multi_gaussian": Form(
        _multi_gaussian, {"scale": 0.5, "sigma": 0.5, "side": 0.15}, _multi_gaussian_peak, "Yin et al., spiking FPTT"
    ),
}
