"""The reverse engine: the gradient of any row of the rule table, backwards over the kept edges.

A parameter of layer l is reached by the credit that comes down from the layers above (their `upper` edges kept) and
then runs back in time inside layer l (its `own` edges kept). Where both sets agree one sweep serves both.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcert.reference.engines.paths import masked_gradients, windowed_gradients
from gradcert.reference.engines.sweep import credit_below, error_node, layer_gradients, sweep, weights_down
from gradcert.reference.engines.tape import Tape, record
from gradcert.reference.networks import Network, Parameters, check_initial, check_problem
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
    initial: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Return the gradient that a rule computes, by the reverse engine.

    Parameters
    ----------
    network, parameters : the network and its flat parameter dict.
    inputs, targets : (time, batch, n_in) and (time, batch, n_out).
    rule : a row of the rule table.
    numbers : the number system of all arrays.
    feedback : the fixed matrices of a rule whose feedback is not symmetric (`draw_feedback`).
    initial : node values before the first step.

    Returns
    -------
    A dict with the keys and shapes of `parameters`.

    Raises
    ------
    GradcertError : if shapes do not fit or feedback matrices are missing.

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
    check_initial(network, initial, inputs.shape[1], numbers)
    tape = record(network, parameters, inputs, numbers=numbers, initial=initial)
    return tape_gradients(tape, targets, rule=rule, feedback=feedback)


def tape_gradients(
    tape: Tape, targets: Array, *, rule: Rule, feedback: Feedback, delta: Array | None = None
) -> dict[str, Array]:
    """Return the gradient of a rule for a recorded forward pass; `delta` replaces the gradient at the outputs."""
    local_loss = tape.network.loss.gradient if delta is None else tape.network.loss.gradient_majorant
    if delta is None:
        delta = tape.network.loss.gradient(tape.outputs, targets, tape.numbers)
    if rule.window is not None:
        return windowed_gradients(tape, delta, rule, feedback)
    out: dict[str, Array] = {}
    broadcast: Array | None = None
    for i in reversed(range(tape.network.depth)):
        layer_tape = tape.layers[i]
        own = sweep(layer_tape, delta, rule.own, chunk=rule.chunk) if rule.reach is None else None
        grads = layer_gradients(layer_tape, own) if own else masked_gradients(layer_tape, delta, rule)
        out.update({f"layers.{i}.{name}": g for name, g in grads.items()})
        if i == 0:
            break
        if rule.feedback == "local":
            readout = feedback[f"layers.{i - 1}.B"]
            local = np.matmul(tape.layers[i - 1].now["z"], readout.T)
            delta = np.matmul(local_loss(local, targets, tape.numbers), readout)
            continue
        if rule.feedback in ("direct", "target"):
            if broadcast is None:
                broadcast = _broadcast(tape, delta, targets, rule)
            delta = np.matmul(broadcast, feedback[f"layers.{i - 1}.B"])
            continue
        kept = rule.kept_above(layer_tape.layer.cell.name)
        above = own if own and kept == rule.own else sweep(layer_tape, delta, kept, chunk=rule.chunk)
        down = weights_down(layer_tape.layer, i, layer_tape.p, rule, feedback)
        delta = credit_below(layer_tape, above, down)
    return {name: out[name] for name in tape.network.shapes()}


def _broadcast(tape: Tape, delta: Array, targets: Array, rule: Rule) -> Array:
    """Return what a direct or target projection multiplies, (time, batch, n_out), before the last layer's weights."""
    last = tape.layers[-1]
    if rule.feedback == "direct":
        return sweep(last, delta, rule.kept_above(last.layer.cell.name), chunk=rule.chunk)[error_node(last.layer)]
    loss = tape.network.loss
    signal = targets / loss.divisor(*targets.shape[:2]) if loss.divisor(*targets.shape[:2]) != 1 else targets
    return signal if loss.when == "every" else np.concatenate([0 * signal[:-1], signal[-1:]])
