"""The gradient computed with absolute values: what the rounding error of any order of summation is relative to.

A gradient is a sum of products along paths. If every product and sum is rounded, at most N times on any path, the
error is at most gamma_N = N u / (1 - N u) times the same sum with every factor replaced by its absolute value
(Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). A (pseudo-)derivative such as s (1 - s) loses
relative accuracy in its tails, where 1 - s cancels, but never more than a few u of its peak: it enters with its peak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from gradcert.reference.engines.credit import arriving
from gradcert.reference.engines.reverse import tape_gradients
from gradcert.reference.engines.tape import Tape, record
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Data, Network, Parameters
from gradcert.reference.numbers import FLOAT64, Activation, Array, Numbers
from gradcert.reference.rules import Feedback, Rule, check_feedback

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


@dataclass(frozen=True)
class Peaks:
    """A number system in which every (pseudo-)derivative is its peak; all else is that of `base`."""

    base: Numbers

    def __getattr__(self, name: str) -> Any:
        return getattr(self.base, name)

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the largest slope, whatever x."""
        if activation.lipschitz is None:
            raise GradcertError(f"the derivative of {activation.name} has no bound", allowed="a bounded derivative")
        return x * 0 + activation.lipschitz


def absolute_tape(tape: Tape) -> Tape:
    """Return the forward pass in absolute values, every (pseudo-)derivative being replaced by its peak."""

    def every(values: Mapping[Any, Any]) -> dict[Any, Any]:
        return {key: abs(value) for key, value in values.items()}

    peaks: Any = Peaks(tape.numbers)
    layers = []
    for t in tape.layers:
        factors = every(t.layer.cell.factors(peaks, t.p, t.prev, t.now))
        p, prev, now = (every(values) for values in (t.p, t.prev, t.now))
        layers.append(replace(t, p=p, x=abs(t.x), prev=prev, now=now, factors=factors))
    return replace(tape, layers=tuple(layers))


def majorant(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    rule: Rule,
    numbers: Numbers = FLOAT64,
    feedback: Feedback | None = None,
    **data: Unpack[Data],
) -> dict[str, Array]:
    """Return the gradient of a rule computed with absolute values; arguments as for the reverse engine.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> from gradcert.reference.networks import Layer
    >>> from gradcert.reference.engines.reverse import gradients
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> p, x, y = network.parameters(), np.ones((5, 4, 2)), np.zeros((5, 4, 3))
    >>> exact = gradients(network, p, x, y, rule=RULES["bptt"])
    >>> bool((abs(exact["layers.0.W"]) <= majorant(network, p, x, y, rule=RULES["bptt"])["layers.0.W"]).all())
    True
    """
    tape = record(network, parameters, inputs, numbers=numbers, **data)
    delta = arriving(tape, targets, absolute=True)
    given = {name: abs(value) for name, value in check_feedback(network, rule, feedback).items()}
    return tape_gradients(absolute_tape(tape), abs(np.asarray(targets)), rule=rule, feedback=given, delta=delta)
