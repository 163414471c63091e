"""Gradients by name: the rows of the rule table, by either engine, and two learners with a planted mistake.

=================  ====================================================================================================
name               what it is
=================  ====================================================================================================
a row's            that row, by the reverse engine
``X, online``      that row, by the forward engine: eligibility traces, one step at a time
``no reset edge``  OSTL that has forgotten that a spike resets its own membrane: the RESET edge is not kept
``late trace``     OSTL whose learning signal of step t meets the traces of step t - 1
=================  ====================================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gradcert.reference.engines import Learner, forward, reverse
from gradcert.reference.networks import Edge, Network, Parameters
from gradcert.reference.numbers import FLOAT64, Array, Numbers
from gradcert.reference.rules import Feedback, Rule, rule_named

NO_RESET, LATE = "no reset edge", "late trace"
PLANTED = (NO_RESET, LATE)
ONLINE = ", online"


def rule_of(name: str) -> Rule:
    """Return the row that a learner computes, or says that it does.

    Examples
    --------
    >>> rule_of("ostl, online").name, rule_of("no reset edge").own == rule_of("ostl").own
    ('ostl', False)
    """
    if name == NO_RESET:
        ostl = rule_named("ostl")
        return replace(ostl, own=ostl.own - {Edge.RESET})
    return rule_named("ostl" if name == LATE else name.removesuffix(ONLINE))


class _Late(Learner):
    """A learner that contracts the learning signal with the traces of the step before."""

    def _credit(self, now: Any, traces: Any, y: Array) -> None:
        super()._credit(now, self.traces, y)


def off_by_one(
    network: Network, parameters: Parameters, inputs: Array, targets: Array, *, numbers: Numbers = FLOAT64
) -> dict[str, Array]:
    """Return what OSTL with traces that are one step late accumulates; arguments as for the engines.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference import Layer, Snu
    >>> network = Network(layers=(Layer(Snu(), inputs=2, units=3),))
    >>> x, y = np.ones((1, 1, 2)), np.ones((1, 1, 3))
    >>> bool(off_by_one(network, network.parameters(), x, y)["layers.0.W"].any())
    False
    """
    steps, batch = inputs.shape[:2]
    learner = _Late(network, parameters, rule=rule_named("ostl"), steps=steps, batch=batch, numbers=numbers)
    for x, y in zip(inputs, targets, strict=True):
        learner.step(x, y)
    return learner.gradients()


def gradient(
    name: str,
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    numbers: Numbers = FLOAT64,
    feedback: Feedback | None = None,
    **data: Any,
) -> dict[str, Array]:
    """Return the gradient of a learner; see the table.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference import Layer, Snu
    >>> network = Network(layers=(Layer(Snu(), inputs=2, units=3),))
    >>> p, x, y = network.parameters(), np.ones((4, 1, 2)), np.ones((4, 1, 3))
    >>> one, other = (gradient(name, network, p, x, y) for name in ("ostl", "ostl, online"))
    >>> bool(np.allclose(one["layers.0.H"], other["layers.0.H"], rtol=1e-12))
    True
    """
    if name == LATE:
        return off_by_one(network, parameters, inputs, targets, numbers=numbers)
    engine: Any = forward if name.endswith(ONLINE) else reverse
    given: Mapping[str, Any] = {"rule": rule_of(name), "numbers": numbers, "feedback": feedback, **data}
    found: dict[str, Array] = engine.gradients(network, parameters, inputs, targets, **given)
    return found
