"""One update per sequence, with the gradient that an online rule has accumulated (OTTT_A).

Paper: Xiao et al., arXiv 2210.04195 (mathematics.md 7.1). With plain gradient descent::

    w <- w - rate sum_t (contribution of step t)

The weights are constant over the sequence, so that the sum is the gradient of the rule and nothing else. An optimiser
with state, momentum or clipping is not part of it (trap T65).
Cost: that of the rule, and one copy of the parameters.
"""

from __future__ import annotations

from typing import Any, Unpack

from gradcert.reference.checks import check_number
from gradcert.reference.engines.forward import gradients
from gradcert.reference.networks import Data, Network, Parameters
from gradcert.reference.numbers import FLOAT64, Array, Numbers
from gradcert.reference.rules import Feedback, Rule


def accumulate(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    rule: Rule,
    rate: Any,
    numbers: Numbers = FLOAT64,
    feedback: Feedback | None = None,
    **data: Unpack[Data],
) -> dict[str, Array]:
    """Return the parameters after one update with the gradient of the whole sequence.

    Parameters
    ----------
    network, parameters, inputs, targets, rule, numbers, feedback, data : as for the engines.
    rate : learning rate of plain gradient descent.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference import RULES, Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3),))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 3))
    >>> after = accumulate(network, network.parameters(), x, y, rule=RULES["ottt"], rate=0.1)
    >>> after["layers.0.W"].shape
    (3, 2)
    """
    found = gradients(network, parameters, inputs, targets, rule=rule, numbers=numbers, feedback=feedback, **data)
    check_number("rate", rate)
    rate = numbers.array(rate)[()]
    return {name: value - rate * found[name] for name, value in parameters.items()}
