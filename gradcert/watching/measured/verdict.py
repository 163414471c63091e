"""Whether gradients are the claimed ones: an error over an allowance for every parameter, without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.rules import Rule
from gradcert.watching.measured.comparing import Shares, floor
from gradcert.watching.measured.envelope import allowance, of_sum
from gradcert.watching.measured.evidence import Evidence, Gradients
from gradcert.watching.measured.judgement import Of

DTYPES = ("float32", "float64")


def measured(
    evidence: Evidence, rule: Rule | str, centre: Gradients, dtype: str, rounding: Mapping[str, float]
) -> dict[str, float]:
    """Return the allowance of every parameter as a share of the largest entry of its gradient.

    Parameters
    ----------
    centre : the gradients of the rule.
    dtype : of the module's parameters.
    rounding : what else may be off, by parameter (`recording.differences`).

    Raises
    ------
    GradcertError : for a dtype of which nothing is known.
    """
    check_dtype(dtype)
    return _shares(allowance(evidence, rule, centre, dtype), centre, rounding)


def least(evidence: Evidence, centre: Gradients, dtype: str, rounding: Mapping[str, float]) -> dict[str, float]:
    """Return the part of `measured` that needs no measurement: the rounding of the sum over steps and samples.

    Gradients within it are within all of it.
    """
    check_dtype(dtype)
    share = of_sum(evidence, dtype)
    return _shares({n: share * float(np.abs(v).max(initial=0.0)) for n, v in centre.items()}, centre, rounding)


def check_dtype(dtype: str) -> None:
    """Raise for a dtype of which nothing is known."""
    if dtype not in DTYPES:
        raise GradcertError(f"parameters in {dtype}", allowed=" or ".join(DTYPES))


def _shares(allowed: Mapping[str, float], centre: Gradients, rounding: Mapping[str, float]) -> dict[str, float]:
    sizes = {n: float(np.abs(v).max(initial=0.0)) for n, v in centre.items()}
    whole = {n: v + rounding.get(n, 0.0) for n, v in allowed.items()}
    shares = {n: v / sizes[n] if sizes[n] else 0.0 for n, v in whole.items()}
    return Shares(shares, {n: v for n, v in whole.items() if not sizes[n]})


def compared(evidence: Evidence, claimed: Gradients, exact: Gradients, relative: Mapping[str, float]) -> dict[str, Of]:
    """Return, for every parameter, how far the given gradients are from the claimed ones, and how they lie to BPTT.

    Parameters
    ----------
    exact : the gradients of BPTT. `relative` : of `measured`, or of `least`.
    """
    out = {}
    for name, want in claimed.items():
        found = evidence.given.get(name)
        mine = np.zeros_like(want) if found is None else found
        error = float(np.abs(mine - want).max(initial=0.0))
        error = error if np.isfinite(error) else float("inf")
        full, size = float(np.linalg.norm(exact[name])), float(np.linalg.norm(mine))
        both = bool(full and size and np.isfinite(size))
        cosine = float((mine * exact[name]).sum()) / full / size if both else None
        allowed = relative[name] * float(np.abs(want).max(initial=0.0)) if np.any(want) else floor(relative, name)
        dropped = float(np.linalg.norm(exact[name] - want)) / full if full else None
        out[name] = Of(error, allowed, cosine, size / full if both else None, dropped)
    return out
