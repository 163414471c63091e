"""The gradient computed with absolute values: what the rounding error of any order of summation is relative to.

A gradient is a sum of products along paths. If every product and sum is rounded, at most N times on any path, the
error is at most gamma_N = N u / (1 - N u) times the same sum with every factor replaced by its absolute value
(Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.reference.feedback import Feedback, check_feedback
from gradcert.reference.network import Network, Parameters
from gradcert.reference.numbers import FLOAT64, Array, Numbers
from gradcert.reference.reverse import tape_gradients
from gradcert.reference.rules.rule import Rule
from gradcert.reference.tape import LayerTape, Tape, record

UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24}


def gamma(roundings: int, dtype: str = "float64") -> float:
    """Return gamma_N = N u / (1 - N u).

    Examples
    --------
    >>> gamma(1) > 2.0**-53
    True
    """
    nu = roundings * UNIT_ROUNDOFF[dtype]
    return nu / (1 - nu)


def absolute_tape(tape: Tape) -> Tape:
    """Return the forward pass with every weight, value and local derivative replaced by its absolute value."""

    def every(values: Mapping[Any, Any]) -> dict[Any, Any]:
        return {key: abs(value) for key, value in values.items()}

    layers = tuple(
        LayerTape(t.layer, every(t.p), abs(t.x), every(t.prev), every(t.now), every(t.factors)) for t in tape.layers
    )
    return replace(tape, layers=layers)


def majorant(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    rule: Rule,
    numbers: Numbers = FLOAT64,
    feedback: Feedback | None = None,
) -> dict[str, Array]:
    """Return the gradient of a rule computed with absolute values; arguments as for the reverse engine.

    Examples
    --------
    >>> from gradcert.reference.cells import Rnn
    >>> from gradcert.reference.network import Layer
    >>> from gradcert.reference.reverse import gradients
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> p, x, y = network.parameters(), np.ones((5, 4, 2)), np.zeros((5, 4, 3))
    >>> exact = gradients(network, p, x, y, rule=RULES["bptt"])
    >>> bool((abs(exact["layers.0.W"]) <= majorant(network, p, x, y, rule=RULES["bptt"])["layers.0.W"]).all())
    True
    """
    tape = record(network, parameters, inputs, numbers=numbers)
    delta = network.loss.gradient_majorant(tape.outputs, targets, numbers)
    given = {name: abs(value) for name, value in check_feedback(network, rule, feedback).items()}
    return tape_gradients(absolute_tape(tape), abs(np.asarray(targets)), rule=rule, feedback=given, delta=delta)
