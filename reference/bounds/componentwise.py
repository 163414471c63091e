"""Componentwise bound: the path sum of the residual with absolute values, one number per entry of the gradient.

Statement. Let R be the residual (`residual`), a sum over paths of products of local derivatives, weights, values and
loss gradients. With every factor replaced by its absolute value, and every difference of feedback by |W - B|, or by
|W| credit + |B| credit where a projection replaces it, the same recursion gives R_abs, and |R_ij| <= R_abs,ij for every
entry. Proof: the triangle inequality, path by path.

It is not comparable with the windowed bounds: it loses the cancellation between paths, and keeps what a norm loses,
which unit and which entry. One backward pass; the forward engine on absolute values gives the same online.

Rounding: all terms are non-negative, so the sum has relative error at most gamma_N, N being the roundings on its
longest path; the result is moved outward by twice that.
"""

from __future__ import annotations

from typing import Unpack

import numpy as np

from gradcert.reference.bounds.norms import frobenius, outward
from gradcert.reference.bounds.record import Bound
from gradcert.reference.bounds.recorded import roundings
from gradcert.reference.engines import record, tape_residual
from gradcert.reference.networks import TEMPORAL, Data, Edge, Network, Parameters, check_data, check_problem
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Feedback, Rule, check_feedback


def entries(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    rule: Rule,
    feedback: Feedback | None = None,
    truth: frozenset[Edge] = TEMPORAL,
    **data: Unpack[Data],
) -> dict[str, Array]:
    """Return an upper bound on the absolute value of every entry of the error, keys and shapes of the parameters.

    Examples
    --------
    >>> from gradcert.reference.networks import Snu
    >>> from gradcert.reference.networks import Layer
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Snu(), inputs=2, units=3), Layer(Snu(), inputs=3, units=2)))
    >>> p, x, y = network.parameters(), np.ones((4, 1, 2)), np.zeros((4, 1, 2))
    >>> {k: v.shape for k, v in entries(network, p, x, y, rule=RULES["ostl"]).items() if k.endswith("0.W")}
    {'layers.0.W': (3, 2)}
    """
    check_problem(network, parameters, inputs, targets)
    check_data(network, inputs.shape, **data)
    tape = record(network, parameters, inputs, **data)
    given = check_feedback(network, rule, feedback)
    total = tape_residual(tape, targets, rule=rule, feedback=given, truth=truth, absolute=True).total
    steps, batch = inputs.shape[:2]
    # both sides of every path, and the sum over kinds, steps and samples at the end
    count = 2 * roundings(network, steps) + 2 * steps * batch + 16 * network.depth
    return {name: outward(g, count) for name, g in total.items()}


def componentwise(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    rule: Rule,
    feedback: Feedback | None = None,
    truth: frozenset[Edge] = TEMPORAL,
    **data: Unpack[Data],
) -> Bound:
    """Return the Frobenius norms of `entries`; arguments as there."""
    bounds = entries(network, parameters, inputs, targets, rule=rule, feedback=feedback, truth=truth, **data)
    return Bound({name: float(frobenius(np.reshape(g, (1, -1)))) for name, g in bounds.items()})
