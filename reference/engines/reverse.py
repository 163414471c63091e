"""The reverse engine: the gradient of any row of the rule table, backwards over the kept edges.

A parameter of layer l is reached by the credit that comes down from the layers above (their `upper` edges kept) and
then runs back in time inside layer l (its `own` edges kept). Where both sets agree one sweep serves both.
"""

from __future__ import annotations

from typing import Unpack

import numpy as np

from gradcert.reference.engines.credit import arriving, local_credit, projected_signal
from gradcert.reference.engines.paths import masked_gradients, windowed_gradients
from gradcert.reference.engines.sweep import (
    Credit,
    by_layer,
    credit_below,
    error_node,
    initial_gradients,
    layer_gradients,
    named,
    ordered,
    spread,
    sweep,
    weights_down,
)
from gradcert.reference.engines.tape import Tape, record
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Data, Network, Parameters, check_data, check_problem
from gradcert.reference.numbers import FLOAT64, Array, Numbers
from gradcert.reference.rules import Feedback, Rule, check_feedback


def gradients(
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
    """Return the gradient that a rule computes, by the reverse engine.

    Parameters
    ----------
    network, parameters : the network and its flat parameter dict.
    inputs, targets : (time, batch, n_in) and (time, batch, n_out).
    rule : a row of the rule table.
    numbers : the number system of all arrays.
    feedback : the fixed matrices of a rule whose feedback is not symmetric (`draw_feedback`).
    data : ``initial``, ``initial_gradient``, ``weights``, ``begins``, ``masks``, ``readouts`` (`Data`).

    Returns
    -------
    A dict with the keys and shapes of `parameters`, and ``initial.layers.0.v`` where it is asked for.

    Raises
    ------
    GradcertError : if shapes do not fit, feedback matrices are missing, or a rule with a reach is asked for the
        gradient of initial values, which SnAp-n does not define.

    Examples
    --------
    >>> from gradcert.reference.networks import Layer, Snu
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Snu(), inputs=2, units=3),))
    >>> x, y = np.ones((5, 4, 2)), np.zeros((5, 4, 3))
    >>> gradients(network, network.parameters(), x, y, rule=RULES["ostl"])["layers.0.H"].shape
    (3, 3)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    feedback = check_feedback(network, rule, feedback, numbers)
    check_data(network, inputs.shape, numbers, **data)
    check_asked(rule, data)
    tape = record(network, parameters, inputs, numbers=numbers, **data)
    return tape_gradients(tape, targets, rule=rule, feedback=feedback)


def check_asked(rule: Rule, data: Data) -> None:
    """Raise for a gradient of initial values that the rule does not define, and for readouts where it has its own."""
    if data.get("readouts") and rule.feedback == "local":
        raise GradcertError(
            f"fixed readouts under {rule.name!r}, whose hidden layers have losses of their own already",
            allowed="the rule's own matrices, feedback=, alone",
        )
    if data.get("initial_gradient") and rule.reach is not None:
        raise GradcertError(
            f"the gradient of initial values by {rule.name!r}, which confines paths to units",
            allowed="a rule without a reach",
        )


def tape_gradients(
    tape: Tape, targets: Array, *, rule: Rule, feedback: Feedback, delta: Credit | None = None
) -> dict[str, Array]:
    """Return the gradient of a rule for a recorded forward pass.

    `delta` replaces the gradient at the output of the last layer, or at those of several layers by number.
    """
    absolute = delta is not None
    given = arriving(tape, targets) if delta is None else delta
    credit = by_layer(given, tape.network.depth)
    if rule.window is not None:
        return windowed_gradients(tape, credit, rule, feedback)
    last = tape.network.depth - 1
    arrived: dict[int, Array] = {last: credit[last]}  # credit at the outputs of layers, from all those above
    out: dict[str, Array] = {}
    broadcast: Array | None = None
    for i in reversed(range(tape.network.depth)):
        layer_tape = tape.layers[i]
        matrix = layer_tape.layer.matrix_name(i)
        if i < last and rule.feedback == "local":
            down = local_credit(i, targets, feedback[matrix], tape, absolute=absolute)
        elif i < last and rule.feedback in ("direct", "target"):
            if broadcast is None:
                broadcast = _broadcast(tape, credit[last], targets, rule)
            down = np.matmul(broadcast, feedback[matrix])
        else:
            down = arrived.pop(i)
        down = down + credit[i] if i < last and i in credit else down
        down = layer_tape.layer.turned(down)
        own = sweep(layer_tape, down, rule.own, chunk=rule.chunk) if rule.reach is None else None
        grads = layer_gradients(layer_tape, own) if own else masked_gradients(layer_tape, down, rule)
        starts = initial_gradients(layer_tape, own, rule.own) if own and layer_tape.asked else {}
        out.update(named(layer_tape.layer, i, grads, starts))
        if rule.feedback in ("symmetric", "random") and max(tape.network.sources(i)) >= 0:
            kept = rule.kept_above(layer_tape.layer.cell.name)
            above = own if own and kept == rule.own else sweep(layer_tape, down, kept, chunk=rule.chunk)
            weights = weights_down(layer_tape.layer, i, layer_tape.p, rule, feedback)
            below = credit_below(layer_tape, above, weights)
            spread(layer_tape.layer.turned(below), tape.network, i, arrived)
    return ordered(tape, out)


def _broadcast(tape: Tape, delta: Array, targets: Array, rule: Rule) -> Array:
    """Return what a direct or target projection multiplies, (time, batch, n_out), before the last layer's weights."""
    last = tape.layers[-1]
    if rule.feedback == "direct":
        kept = rule.kept_above(last.layer.cell.name)
        swept = sweep(last, last.layer.turned(delta), kept, chunk=rule.chunk)
        return last.layer.turned(swept[error_node(last.layer)])
    return projected_signal(tape, targets)
