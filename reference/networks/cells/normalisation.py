"""What may be said of a cell beside its own options: that its drives are normalised, its weights standardised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from gradcert.reference.checks import check_flag, check_numbers
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.synapses.standardised import standardise
from gradcert.reference.numbers import Array, Numbers


@dataclass(frozen=True)
class Normalisation:
    """Layer normalisation of weighted sums, over the units of a layer at one step (Ba et al., arXiv 1607.06450).

    Parameters
    ----------
    nodes : the weighted sums that are normalised, each with mean and variance of its own; all of them where none is
        named.
    epsilon : added to the variance, inside of the square root.
    affine : whether each normalised sum has a trained gain and bias, ``a_gain`` and ``a_bias``.

    Examples
    --------
    >>> Normalisation(epsilon=1e-3).to_dict()
    {'nodes': [], 'epsilon': 0.001, 'affine': True}
    """

    nodes: tuple[str, ...] = ()
    epsilon: float = 1e-5
    affine: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", _names("nodes", self.nodes))
        _check_epsilon(self.epsilon)
        check_flag("affine", self.affine)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "nodes": list(self.nodes)}


@dataclass(frozen=True)
class Standardisation:
    """Weight standardisation: what feeds one unit has mean 0 and variance 1 (Qiao et al., arXiv 1903.10520).

    The parameter is the raw weight, and so is what the gradient is of.

    Parameters
    ----------
    weights : those that are standardised; all trained ones where none is named.
    epsilon : added to the variance, inside of the square root.

    Examples
    --------
    >>> Standardisation(weights=("W",)).to_dict()
    {'weights': ['W'], 'epsilon': 1e-05}
    """

    weights: tuple[str, ...] = ()
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _names("weights", self.weights))
        _check_epsilon(self.epsilon)

    def acting(self, weight: Array, numbers: Numbers) -> tuple[Array, Array]:
        """Return the weight that acts, and one over its units' deviations (`synapses.standardised`)."""
        return standardise(weight, numbers.array(self.epsilon), numbers)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "weights": list(self.weights)}


EXTRAS: dict[str, Any] = {"normalised": Normalisation, "standardised": Standardisation}  # options of every cell


def extra(name: str, value: Any) -> Any:
    """Return what is said beside a cell's own options as a record; None where it is not.

    Parameters
    ----------
    name : a key of `EXTRAS`.
    value : the record, a mapping of what is not as usual in it, True, or False or None for nothing.

    Examples
    --------
    >>> extra("normalised", True) == extra("normalised", {"epsilon": 1e-5}) == Normalisation()
    True
    """
    kind = EXTRAS[name]
    if value is None or value is False or isinstance(value, kind):
        return value or None
    allowed = ", ".join(f.name for f in fields(kind))
    if value is not True and not isinstance(value, Mapping):
        raise GradcertError(f"{name}={value!r}", allowed=f"true, or a table of {allowed}")
    given = {} if value is True else dict(value)
    if wrong := sorted(set(given) - {f.name for f in fields(kind)}):
        raise GradcertError(f"{name} with {', '.join(map(repr, wrong))}", allowed=allowed)
    return kind(**given)


def _names(what: str, value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise GradcertError(f"{what}={value!r}", allowed='names, such as ["a"]')
    return tuple(names)


def _check_epsilon(value: Any) -> None:
    check_numbers("epsilon", value)
    if not isinstance(value, (int, float)) or not value > 0:
        raise GradcertError(f"epsilon={value!r}", allowed="a number above 0: a variance may be 0")
