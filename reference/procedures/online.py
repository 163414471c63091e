"""An update after every step, while traces and membranes carry on (OTTT_O).

Paper: Xiao et al., arXiv 2210.04195 (mathematics.md 7.1)::

    w^t = w^(t-1) - rate (contribution of step t, computed with w^(t-1))

The forward pass, the pseudo-derivatives and the credit of step t use the weights from before the update of that step
(trap T54); the gradient starts from zero at every step (trap T64). Membrane potentials and eligibility traces are
those of all the weights so far, mixed: the sum of the contributions is the gradient of no single network, and it is
another number than BPTT's or RTRL's at any w.

Any row of the rule table can be used, not OTTT alone.
Cost: that of the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from gradcert.reference.checks import check_number
from gradcert.reference.engines import Learner
from gradcert.reference.networks import Data, Network, Parameters, check_problem
from gradcert.reference.numbers import FLOAT64, Array, Numbers
from gradcert.reference.rules import Feedback, Rule


def online(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    rule: Rule,
    rate: Any,
    numbers: Numbers = FLOAT64,
    feedback: Feedback | None = None,
    watch: Callable[[dict[str, Array]], None] | None = None,
    **data: Unpack[Data],
) -> dict[str, Array]:
    """Return the parameters after one update per step; arguments as for `accumulate`.

    Parameters
    ----------
    watch : is handed the contribution of every step in turn.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference import RULES, Layer, Lif
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3),))
    >>> x, y = np.ones((5, 1, 2)), np.zeros((5, 1, 3))
    >>> after = online(network, network.parameters(), x, y, rule=RULES["ottt"], rate=0.1)
    >>> after["layers.0.W"].shape
    (3, 2)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    steps, batch = inputs.shape[:2]
    learner = Learner(
        network, parameters, rule=rule, steps=steps, batch=batch, numbers=numbers, feedback=feedback, **data
    )
    check_number("rate", rate)
    weights, rate = dict(parameters), numbers.array(rate)[()]
    for x, y in zip(inputs, targets, strict=True):
        learner.step(x, y)
        found = learner.take()
        if watch is not None:
            watch(found)
        weights = {name: value - rate * found[name] for name, value in weights.items()}
        learner.replace(weights)
    return weights
