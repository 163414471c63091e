"""The descent certificate: an estimate whose error bound is small enough is a descent direction of the BPTT loss.

Statement. Let g be BPTT's gradient, h the estimate, b_p an upper bound on |g_p - h_p| for every tensor p. Then

    <h, g> >= sum_p |h_p| (|h_p| - b_p)                                                  (margin)

and where the margin is positive, -h is a descent direction: the loss falls along it at first order. In particular the
margin is positive where |h| > b, b^2 = sum_p b_p^2. The angle between h and g has cosine at least margin / (|h| (|h| +
b)). Proof: <h_p, g_p> = |h_p|^2 + <h_p, g_p - h_p> >= |h_p|^2 - |h_p| b_p by Cauchy-Schwarz; summed over p,
sum_p |h_p| b_p <= |h| b.

With bounds that need no future (`online`), it holds at every step for the loss so far. For spiking networks "gradient"
is that of the pseudo-derivatives throughout, and the first-order statement is about them.

Rounding: norms are taken from below, |h_p| (1 - gamma); what the estimate itself has lost to rounding is the caller's
`rounding`, and is added to the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradcert.reference.bounds.record import Bound
from gradcert.reference.engines import gamma
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Descent:
    """A certificate that holds, or does not.

    Attributes
    ----------
    holds : whether the estimate is certainly a descent direction.
    margin : lower bound on the inner product of estimate and BPTT gradient; positive where it holds.
    cosine : lower bound on the cosine of the angle between them; 0 where it does not hold.
    norm, bound : the norm of the estimate (from below) and the bound on its error.
    """

    holds: bool
    margin: float
    cosine: float
    norm: float
    bound: float

    def __str__(self) -> str:
        """Say when it holds, with the margin, in one sentence."""
        if self.holds:
            return (
                f"a descent direction: inner product with the BPTT gradient >= {self.margin:.3g} "
                f"(error <= {self.bound:.3g}, estimate {self.norm:.3g}, cosine >= {self.cosine:.3g})"
            )
        return (
            f"not certified: the error bound {self.bound:.3g} is too large for an estimate of norm {self.norm:.3g}; "
            f"the inner product with the BPTT gradient may be as low as {self.margin:.3g}"
        )


def descent(estimate: Mapping[str, Array], bound: Bound, *, rounding: Mapping[str, float] | None = None) -> Descent:
    """Return the descent certificate of an estimate, for the tensors that it has (all, or those of one layer).

    Parameters
    ----------
    estimate : the rule's gradient.
    bound : on its error, per tensor.
    rounding : per tensor, an upper bound on the norm of what rounding did to the estimate; nothing if left out.

    Raises
    ------
    GradcertError : if a tensor has no bound.

    Examples
    --------
    >>> print(descent({"layers.0.W": np.array([3.0, 4.0])}, Bound({"layers.0.W": 2.0})))
    a descent direction: inner product with the BPTT gradient >= 15 (error <= 2, estimate 5, cosine >= 0.429)
    >>> descent({"layers.0.W": np.array([3.0, 4.0])}, Bound({"layers.0.W": 6.0})).holds
    False
    """
    missing = sorted(set(estimate) - set(bound.tensors))
    if missing:
        raise GradcertError(f"no bound for {', '.join(missing)}", allowed=", ".join(bound.tensors))
    margin = squared = worst = 0.0
    terms = 4 * len(estimate) + 8
    for name, g in estimate.items():
        h = float(np.sqrt((g * g).sum())) * (1 - gamma(g.size + 4))
        b = bound.tensors[name] + (rounding or {}).get(name, 0.0)
        # (h - b) h: the positive part from below, the negative part from above
        gain, loss = h * h * (1 - gamma(terms)), h * (1 + 2 * gamma(g.size + 4)) * b * (1 + 2 * gamma(terms))
        margin += gain - loss - gamma(4) * (gain + loss)
        squared += h * h
        worst += b * b
    margin -= gamma(terms) * 2 * (squared + worst)
    norm, total = float(np.sqrt(squared)) * (1 - gamma(terms)), float(np.sqrt(worst)) * (1 + 2 * gamma(terms))
    largest = norm * (1 + 4 * gamma(terms + max((g.size for g in estimate.values()), default=0)))
    holds = margin > 0
    cosine = margin / (largest * (largest + total)) * (1 - gamma(8)) if holds else 0.0
    return Descent(holds, margin, cosine, norm, total)
