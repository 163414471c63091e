"""Norms that are never below the truth: float64 results moved outward by what their own rounding can have cost.

u is the unit roundoff, gamma_N = N u / (1 - N u). A sum of products of N roundings on its longest chain, all terms
being non-negative, has relative error at most gamma_N (Higham, Accuracy and Stability, section 3.1), so that
(1 + 2 gamma_N) times the result is not below the exact value: (1 - gamma_N) (1 + 2 gamma_N) >= 1 while gamma_N <= 1/2.
All of it assumes that nothing underflows; an overflow gives infinity, which is a bound.
"""

from __future__ import annotations

import numpy as np

from gradcert.reference.engines import gamma
from gradcert.reference.numbers import Array


def outward(value: Array | float, roundings: int) -> Array:
    """Return value (1 + 2 gamma): not below the exact value of a non-negative sum of products.

    Examples
    --------
    >>> bool(outward(np.float64(1.0), 10) > 1)
    True
    """
    return np.asarray(value * (1 + 2 * gamma(roundings + 2)))


def frobenius(a: Array) -> Array:
    """Return an upper bound of the Frobenius norm of the last two axes.

    Examples
    --------
    >>> bool(frobenius(np.array([[3.0, 4.0]])) >= 5)
    True
    """
    return outward(np.sqrt((a * a).sum(axis=(-2, -1))), a.shape[-2] * a.shape[-1] + 2)


def spectral(a: Array) -> Array:
    """Return an upper bound of the 2-norm of the last two axes, however well the decomposition converged.

    A = U S V + E with whatever U, S, V the decomposition returned gives |A| <= |U| |V| max S + |E|. |U|^2 = |U^T U|
    is at most 1 + |U^T U - I|. The residues E, U^T U - I are computed; the rounding of computing them, at most
    gamma_(n+3) times the same products in absolute values, is added.

    Examples
    --------
    >>> bool(spectral(np.diag([2.0, -3.0])) >= 3)
    True
    """
    rows, columns = a.shape[-2:]
    if min(rows, columns) == 0:
        return np.zeros(a.shape[:-2])
    if min(rows, columns) == 1:
        return frobenius(a)
    if not np.isfinite(a).all():
        return np.full(a.shape[:-2], np.inf)
    u, s, v = np.linalg.svd(a, full_matrices=False)
    small, tiny = min(rows, columns), gamma(max(rows, columns) + 3)
    error = frobenius(a - np.matmul(u * s[..., None, :], v))
    error = error + tiny * (frobenius(a) + s[..., 0] * frobenius(u) * frobenius(v))
    stretch = np.ones(a.shape[:-2])
    for basis, gram in ((u, np.matmul(u.swapaxes(-1, -2), u)), (v, np.matmul(v, v.swapaxes(-1, -2)))):
        stretch = stretch * np.sqrt(1 + frobenius(gram - np.eye(small)) + tiny * (frobenius(basis) ** 2 + small))
    return outward(s[..., 0] * stretch + error, 8)


def norm(pair: Array, roundings: int) -> Array:
    """Return an upper bound of the 2-norm of a matrix known as (value, majorant), axis 0.

    The exact matrix differs from the computed one by at most gamma times the majorant, entry by entry, and the
    2-norm of that is at most gamma times the majorant's Frobenius norm.

    Examples
    --------
    >>> bool(norm(np.ones((2, 1, 1)), 3) > 1)
    True
    """
    return outward(spectral(pair[0]) + gamma(roundings) * frobenius(pair[1]), 4)
