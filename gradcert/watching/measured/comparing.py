"""How far gradients are from the given ones: entry by entry, in norm, and whether rounding explains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.reference.numbers import Array
from gradcert.watching.measured.evidence import Evidence, Gradients

FITTED = 0.5  # of the difference without a cause, or a number that is fitted, may be left with it


class Shares(dict[str, float]):
    """The allowance of every parameter, as a share of the largest entry of its gradient.

    Attributes
    ----------
    floor : parameter -> what is allowed of a gradient that is 0, where what it is the sum of is not.
    """

    def __init__(self, shares: Mapping[str, float], floor: Mapping[str, float]) -> None:
        super().__init__(shares)
        self.floor = dict(floor)


def agrees(
    found: Gradients, evidence: Evidence, relative: Mapping[str, float], names: Any = None, *, times: float = 2
) -> bool:
    """Return whether gradients are the given ones, within twice the allowance, a share of the largest entry.

    Parameters
    ----------
    names : the parameters that are looked at; by default all.
    times : how many allowances: of what is fitted, one.
    """
    for name, value in found.items():
        if names is not None and name not in names:
            continue
        off = float(np.abs(of(evidence.given, name) - value).max(initial=0.0))
        if not off <= times * allowed(relative, name, value):
            return False
    return True


def explains(
    found: Gradients, claimed: Gradients, evidence: Evidence, relative: Mapping[str, float], names: Any = None
) -> bool:
    """Return whether gradients are the given ones, and far nearer than the claimed ones, which may be near too."""
    if not agrees(found, evidence, relative, names):
        return False
    some = {n: v for n, v in found.items() if names is None or n in names}
    return residual(some, evidence) <= FITTED * residual({n: claimed[n] for n in some}, evidence)


def allowed(relative: Mapping[str, float], name: str, value: Array) -> float:
    """Return what rounding explains of a parameter's gradient.

    One that was zero says little of the rounding of one that is not: that of another parameter has to do.
    """
    share = relative[name] or max(relative.values(), default=0.0)
    return share * float(np.abs(value).max(initial=0.0)) if np.any(value) else floor(relative, name)


def floor(relative: Mapping[str, float], name: str) -> float:
    """Return what rounding explains of a gradient that is 0: of terms that take each other away."""
    return relative.floor.get(name, 0.0) if isinstance(relative, Shares) else 0.0


def differing(claimed: Gradients, evidence: Evidence, relative: Mapping[str, float]) -> list[str]:
    """Return the parameters whose gradients rounding does not make of the claimed ones."""
    return [n for n in claimed if not agrees(claimed, evidence, relative, {n}, times=1)]


def norm(gradients: Mapping[str, Array | None]) -> float:
    """Return the norm of all gradients together; one that is not there is 0."""
    return float(sum(float((g**2).sum()) for g in gradients.values() if g is not None) ** 0.5)


def residual(found: Gradients, evidence: Evidence) -> float:
    """Return the norm of the difference from the given gradients."""
    return float(sum(((v - of(evidence.given, n)) ** 2).sum() for n, v in found.items()) ** 0.5)


def distance(found: Gradients, evidence: Evidence) -> float:
    """Return the norm of the difference from the given gradients, as a share of the norm of those found."""
    size = sum(float((value**2).sum()) for value in found.values())
    return residual(found, evidence) / size**0.5 if size else float("inf")


def of(given: Mapping[str, Array | None], name: str) -> Array:
    """Return a gradient, 0 where there is none."""
    found = given.get(name)
    return np.zeros(1) if found is None else found
