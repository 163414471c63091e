"""Of what of a sequence: one number per output and sample, and how it depends on the output of every step.

=======  ==========================================  ==========================================================
when     what is compared with the last target       its derivative by o^t
=======  ==========================================  ==========================================================
sum      sum_t w^t o^t                               w^t
mean     sum_t w^t o^t / sum_t w^t                   w^t / sum_t w^t
max      the largest o^t of the steps that count     1 at the first step that has it, else 0
first    t of the first o^t > level, from 0;         a pseudo-derivative, -1 at that step, else 0 (snnTorch's
         the last step that counts where none is     temporal losses): more output, earlier crossing
=======  ==========================================  ==========================================================

Steps of weight 0 do not count. For ``max`` and ``first`` other weights make no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.numbers import Array, Numbers


@dataclass(frozen=True)
class Collected:
    """What is collected of outputs (time, batch, n_out).

    Attributes
    ----------
    value : (batch, n_out).
    share : d value / d o^t, (time, batch, n_out or 1); nothing else depends on step t.
    size : the value in absolute terms: what its rounding error is relative to.
    """

    value: Array
    share: Array
    size: Array


def _summed(o: Array, weights: Array | None, level: Any, numbers: Numbers) -> Collected:
    share = _counted(o, weights)
    return Collected((share * o).sum(axis=0), share, (share * abs(o)).sum(axis=0))


def _averaged(o: Array, weights: Array | None, level: Any, numbers: Numbers) -> Collected:
    w = _counted(o, weights)
    total = w.sum(axis=0)
    return Collected((w * o).sum(axis=0) / total, w / total, (w * abs(o)).sum(axis=0) / total)


def _largest(o: Array, weights: Array | None, level: Any, numbers: Numbers) -> Collected:
    one, none = numbers.array(np.ones(o.shape[1:])), numbers.zeros(o.shape[1:])
    best, share = none, numbers.zeros(o.shape)
    found = np.zeros(o.shape[1:], dtype=bool)
    for t, counts in enumerate(_counts(o, weights)):
        larger = np.where(counts, numbers.where(o[t], ">", best, one, none), none)
        wins = np.where(counts & ~found, one, larger)
        best, share = numbers.where(wins, ">", 0, o[t], best), numbers.where(wins, ">", 0, 0, share)
        share[t] = wins
        found |= counts
    return Collected(best, share, abs(best))


def _first(o: Array, weights: Array | None, level: Any, numbers: Numbers) -> Collected:
    one, none = numbers.array(np.ones(o.shape[1:])), numbers.zeros(o.shape[1:])
    time, share, crossed = none, numbers.zeros(o.shape), none
    for t, counts in enumerate(_counts(o, weights)):
        # so far the last step that counts, which stands if nothing crosses
        here = np.where(counts, numbers.where(crossed, ">", 0, none, one), none)
        time, share = numbers.where(here, ">", 0, t, time), numbers.where(here, ">", 0, 0, share)
        share[t] = -here
        crossed = numbers.where(here, ">", 0, numbers.where(o[t], ">", level, one, none), crossed)
    return Collected(time, share, time)


def _counted(o: Array, weights: Array | None) -> Array:
    """Return the weight of every step, (time, batch, 1)."""
    return 1 + 0 * o[..., :1] if weights is None else weights[..., None]


def _counts(o: Array, weights: Array | None) -> Array:
    """Return which steps count, (time, batch, n_out)."""
    return np.ones(o.shape, dtype=bool) if weights is None else np.broadcast_to((weights != 0)[..., None], o.shape)


COLLECTED: dict[str, Callable[[Array, Array | None, Any, Numbers], Collected]] = {
    "sum": _summed,
    "mean": _averaged,
    "max": _largest,
    "first": _first,
}
