"""Of what of a sequence: one number per output and sample, and how it depends on the output of every step.

=======  ==========================================  ==========================================================
when     what is compared with the last target       its derivative by o^t
=======  ==========================================  ==========================================================
every    nothing: each o^t with its own target       w^t
last     o of the last step                          w^t at that step, else 0
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
    share : d value / d o^t times `divisor`, (time, batch, n_out or 1); nothing else depends on step t.
    size : the value in absolute terms: what its rounding error is relative to.
    divisor : of a mean, the weights of each sample together, (batch, 1).
    """

    value: Array
    share: Array
    size: Array
    divisor: Any = 1


def _summed(o: Array, weights: Array | None, level: Any, numbers: Numbers) -> Collected:
    share = _counted(o, weights, numbers)
    return Collected((share * o).sum(axis=0), share, (share * abs(o)).sum(axis=0))


def _averaged(o: Array, weights: Array | None, level: Any, numbers: Numbers) -> Collected:
    w = _counted(o, weights, numbers)
    total = len(o) if weights is None else w.sum(axis=0)
    return Collected((w * o).sum(axis=0) / total, w, (w * abs(o)).sum(axis=0) / total, total)


def _largest(o: Array, weights: Array | None, level: Any, numbers: Numbers) -> Collected:
    one, none = numbers.array(np.ones(o.shape[1:])), numbers.zeros(o.shape[1:])
    best, leading = none, []
    found = np.zeros(o.shape[1:], dtype=bool)
    for t, counts in enumerate(_counts(o, weights)):
        larger = np.where(counts, numbers.where(o[t], ">", best, one, none), none)
        leading.append(np.where(counts & ~found, one, larger))
        best = numbers.where(leading[t], ">", 0, o[t], best)
        found |= counts
    return Collected(best, _last_of(leading, numbers), abs(best))


def _first(o: Array, weights: Array | None, level: Any, numbers: Numbers) -> Collected:
    one, none = numbers.array(np.ones(o.shape[1:])), numbers.zeros(o.shape[1:])
    time, crossed, standing = none, none, []
    for t, counts in enumerate(_counts(o, weights)):
        # so far the last step that counts, which stands if nothing crosses
        standing.append(np.where(counts, numbers.where(crossed, ">", 0, none, one), none))
        time = numbers.where(standing[t], ">", 0, t, time)
        crossed = numbers.where(standing[t], ">", 0, numbers.where(o[t], ">", level, one, none), crossed)
    share = numbers.zeros(o.shape)
    for t, here in enumerate(_last_of(standing, numbers)):
        share[t] = -here
    return Collected(time, share, time)


def _last_of(steps: list[Array], numbers: Numbers) -> Array:
    """Return the last step that is 1, as 1 among zeros, (time, batch, n_out)."""
    share, later = numbers.zeros((len(steps), *steps[0].shape)), numbers.zeros(steps[0].shape)
    for t in reversed(range(len(steps))):
        share[t] = numbers.where(later, ">", 0, 0, steps[t])
        later = numbers.where(steps[t], ">", 0, steps[t], later)
    return share


def _counted(o: Array, weights: Array | None, numbers: Numbers) -> Array:
    """Return the weight of every step, (time, batch, 1)."""
    return numbers.array(np.ones((*o.shape[:2], 1))) if weights is None else weights[..., None]


def _counts(o: Array, weights: Array | None) -> Array:
    """Return which steps count, (time, batch, n_out)."""
    return np.ones(o.shape, dtype=bool) if weights is None else np.broadcast_to((weights != 0)[..., None], o.shape)


COLLECTED: dict[str, Callable[[Array, Array | None, Any, Numbers], Collected]] = {
    "sum": _summed,
    "mean": _averaged,
    "max": _largest,
    "first": _first,
}
