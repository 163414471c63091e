"""Student's t distribution for a whole number of degrees of freedom, in closed form (Abramowitz & Stegun 26.7.3-4)."""

from __future__ import annotations

import math

from gradcert.reference.errors import GradcertError


def distribution(t: float, freedom: int) -> float:
    """Return P(T <= t).

    Examples
    --------
    >>> round(distribution(2.131846786, 4), 6)
    0.95
    """
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term, total = (cosine, cosine) if odd else (1.0, 1.0)
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    if odd:
        return 0.5 + (angle + (sine * total if freedom > 1 else 0.0)) / math.pi
    return 0.5 + sine * total / 2


def quantile(p: float, freedom: int) -> float:
    """Return the t with P(T <= t) = p, by bisection.

    Raises
    ------
    GradcertError : for a probability outside (0, 1), or fewer degrees of freedom than one.

    Examples
    --------
    >>> round(quantile(0.95, 4), 4), round(quantile(0.975, 9), 4)
    (2.1318, 2.2622)
    """
    if not 0 < p < 1 or freedom < 1:
        raise GradcertError(f"the {p} quantile with {freedom} degrees of freedom", allowed="0 < p < 1, and one or more")
    low, high = -1.0, 1.0
    while distribution(low, freedom) > p:
        low *= 2
    while distribution(high, freedom) < p:
        high *= 2
    while high - low > 1e-12 * max(1.0, abs(high)):
        middle = (low + high) / 2
        low, high = (middle, high) if distribution(middle, freedom) < p else (low, middle)
    return (low + high) / 2
