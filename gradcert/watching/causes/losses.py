"""How the loss of a training loop differs from the one that was said to be it, in its derivative at the outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcert.reference.numbers import Array

CLOSE = 1e-3  # of the largest derivative: those of the loop are in its own dtype
SHOWN = 5  # steps that are named


def another(arrived: Sequence[Array], deltas: Sequence[Array]) -> str:
    """Return what came back to the outputs in a loop, against the derivative of the loss that was said.

    Parameters
    ----------
    arrived, deltas : of every sequence (time, batch, units): what came back, and what the loss gives.

    Examples
    --------
    >>> ones = np.ones((4, 1, 1))
    >>> another([3 * ones], [ones])
    'its derivative at the outputs is 3 times that of loss='
    >>> another([np.concatenate([0 * ones[:1], ones[1:]])], [ones])
    'its derivative at the outputs is zero at step 0; elsewhere it is that of loss='
    >>> another([ones + np.arange(4.0)[:, None, None]], [ones])
    'its derivative at the outputs is another one at steps 1, 2, 3, in norm 2.74 times that of loss='
    """
    ours, theirs = (np.concatenate([d.reshape(len(d), -1) for d in each]) for each in (deltas, arrived))
    size = float(np.abs(ours).max(initial=0.0))
    zero = [t for t in range(len(ours)) if not theirs[t].any() and ours[t].any()]
    rest = [t for t in range(len(ours)) if t not in zero]
    product = float((ours[rest] * theirs[rest]).sum() / max(float((ours[rest] ** 2).sum()), 1e-300))
    said = [f"zero at {_steps(zero, len(ours))}"] if zero else []
    if np.abs(theirs[rest] - product * ours[rest]).max(initial=0.0) <= CLOSE * abs(product) * size:
        if abs(product - 1) > CLOSE:
            said.append(f"{product:.4g} times that of loss=")
        elif zero:
            return f"its derivative at the outputs is {said[0]}; elsewhere it is that of loss="
    else:
        off = [t for t in rest if np.abs(theirs[t] - ours[t]).max() > CLOSE * size]
        ratio = float(np.linalg.norm(theirs) / np.linalg.norm(ours)) if size else float("inf")
        said.append(f"another one at {_steps(off, len(ours))}, in norm {ratio:.3g} times that of loss=")
    return f"its derivative at the outputs is {', and '.join(said) or 'nearly that of loss='}"


def _steps(which: list[int], many: int) -> str:
    if len(which) == many:
        return "every step"
    if len(which) > SHOWN:
        return f"{len(which)} of {many} steps"
    return f"step{'s' * (len(which) > 1)} {', '.join(map(str, which))}"
