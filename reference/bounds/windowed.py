"""Bound (c), windowed: the recursion of the online bound over blocks of w steps, from norms of products of w Jacobians.

Statement. With A^(s..t) = A^t ... A^(s+1), and x moved once per block of w steps,

    x_i^(k w) = sum_j |A_ij^((k-1)w..kw)|_2 x_j^((k-1)w) + sum_(s in block) |(A^(s..kw) F^s)_i|_2
    |error of step t's gradient| <= sum_j |(e^t A^((k-1)w..t-1))_j|_2 x_j^((k-1)w)
                                    + sum_(s in block, s<t) |e^t A^(s..t-1) F^s|_2 + |e'^t F^t|_2

bounds the error as in `online`; w = 1 is that bound. w = T has no product of norms left: what remains above the true
error is the triangle inequality over pairs (t, s) and over samples.

Order. If w divides w', windowed(w') <= windowed(w): the blocks of w' are unions of blocks of w, and the norm of a block
of a product is at most the sum over blocks of products of norms, |(A B)_ij| <= sum_k |A_ik| |B_kj|. For w that do not
divide each other the blocks overlap and neither need be smaller. Always windowed(T) <= windowed(w) <= online.

Memory: w steps.
"""

from __future__ import annotations

from typing import Unpack

from gradcert.reference.bounds.online import check_bounded, tape_bound
from gradcert.reference.bounds.record import Bound
from gradcert.reference.engines import check_rule, record
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import TEMPORAL, Data, Edge, Network, Parameters, check_data, check_problem
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Feedback, Rule, check_feedback


def windowed(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    rule: Rule,
    window: int,
    feedback: Feedback | None = None,
    truth: frozenset[Edge] = TEMPORAL,
    **data: Unpack[Data],
) -> Bound:
    """Return the bound with windows of `window` steps; other arguments as for `residual`, in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference.networks import Snu
    >>> from gradcert.reference.networks import Layer
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Snu(), inputs=2, units=3), Layer(Snu(), inputs=3, units=2)))
    >>> p, x, y = network.parameters(), np.ones((4, 1, 2)), np.ones((4, 1, 2))
    >>> loose, tight = (windowed(network, p, x, y, rule=RULES["ostl"], window=w).layer(0) for w in (1, 4))
    >>> 0 < tight < loose
    True
    """
    if window < 1:
        raise GradcertError(f"window={window}", allowed="a whole number of steps >= 1")
    check_problem(network, parameters, inputs, targets)
    check_rule(network, rule, truth)
    check_data(network, inputs.shape, **data)
    check_bounded(network, rule, data)
    tape = record(network, parameters, inputs, **data)
    feedback = check_feedback(network, rule, feedback)
    return tape_bound(tape, targets, rule=rule, feedback=feedback, truth=truth, window=window)
