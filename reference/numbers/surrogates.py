"""Pseudo-derivatives with their exact scales (mathematics.md 2).

x is the membrane potential minus the effective threshold. Libraries use one name for different functions and
different names for one function; peak and area are stated because both matter to the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.reference.checks import check_number
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers.protocol import Array, Numbers

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
    """A pseudo-derivative: a name of the table and its scales.

    Parameters
    ----------
    name : a key of `SURROGATES`.
    scales : the named scales of that row; what is left out takes the row's default.

    Examples
    --------
    >>> Surrogate("atan", scale=2.0).label
    'atan(scale=2.0)'
    >>> Surrogate("atan").peak
    1.0
    """

    name: str
    scales: tuple[tuple[str, Any], ...]

    def __init__(self, name: str, **scales: Any) -> None:
        if name not in list(SURROGATES):  # a list, in which anything can be looked for
            raise GradcertError(f"the surrogate {name!r} is unknown", allowed=", ".join(sorted(SURROGATES)))
        defaults = SURROGATES[name].defaults
        wrong = sorted(set(scales) - set(defaults))
        if wrong:
            allowed = ", ".join(defaults) or "none"
            raise GradcertError(f"the surrogate {name!r} has no scale {', '.join(wrong)}", allowed=allowed)
        for scale, value in scales.items():
            check_number(f"{scale} of the surrogate {name!r}", value, above=0.0 if scale in POSITIVE else None)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "scales", tuple((k, scales.get(k, v)) for k, v in defaults.items()))

    @property
    def form(self) -> Form:
        """The row of the table."""
        return SURROGATES[self.name]

    @property
    def label(self) -> str:
        """Name and scales on one line."""
        return f"{self.name}({', '.join(f'{k}={v}' for k, v in self.scales)})"

    @property
    def peak(self) -> float:
        """The largest absolute value of the pseudo-derivative."""
        return float(self.form.peak(**dict(self.scales)))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"name": self.name, **dict(self.scales)}


def pseudo_derivative(surrogate: Surrogate, x: Array, numbers: Numbers) -> Array:
    """Return psi(x).

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference.numbers import FLOAT64
    >>> pseudo_derivative(Surrogate("triangle", scale=0.5), np.array([0.0, 0.5, 2.0]), FLOAT64)
    array([0.5 , 0.25, 0.  ])
    """
    return surrogate.form.formula(x, numbers, **dict(surrogate.scales))


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
    "signed_step": Form(_signed_step, {"height": 1.0}, lambda height: abs(height), "snnTorch triangular"),
    "triangle": Form(_triangle, {"scale": 1.0, "width": 1.0}, lambda scale, width: abs(scale), "norse, e-prop family"),
    "tanh": Form(_tanh, {}, lambda: 1.0, "SNU (OSTL)"),
    "exponential": Form(_exponential, {"scale": 1.0}, lambda scale: 1.0, "STOP"),
    "multi_gaussian": Form(
        _multi_gaussian, {"scale": 0.5, "sigma": 0.5, "side": 0.15}, _multi_gaussian_peak, "Yin et al., spiking FPTT"
    ),
}
