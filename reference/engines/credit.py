"""What the loss says to each layer: the credit that arrives at outputs, and the signals that some rules have for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.engines.tape import Tape
from gradcert.reference.numbers import Array, Numbers
from gradcert.reference.rules import Feedback, Rule


def arriving(tape: Tape, targets: Array, *, absolute: bool = False) -> dict[int, Array]:
    """Return dE/dz^t at the output of every layer that the loss is about, (time, batch, units), by number.

    Parameters
    ----------
    targets : (time, batch, n_out).
    absolute : in absolute values instead: what the rounding error is relative to.
    """
    loss, numbers, weights = tape.network.loss, tape.numbers, tape.weights
    last = tape.network.depth - 1
    of_outputs = loss.gradient_majorant if absolute else loss.gradient
    out = {last: of_outputs(tape.outputs, targets, numbers, weights)}
    for term in loss.activity:
        of_activity = term.majorant if absolute else term.gradient
        for m in term.numbers_of(tape.network.depth):
            g = of_activity(tape.layers[m].leaving, numbers, weights)
            out[m] = out[m] + g if m in out else g
    return out


def objective(tape: Tape, targets: Array) -> Any:
    """Return E with its weights and its terms about activity.

    Examples
    --------
    >>> from gradcert.reference.engines.tape import record
    >>> from gradcert.reference.networks import Activity, Layer, Loss, Network, Rnn
    >>> loss = Loss(activity=(Activity(kind="l2", layers=(0,)),))
    >>> network = Network(layers=(Layer(Rnn(recurrent=False, bias=False), inputs=1, units=1),), loss=loss)
    >>> tape = record(network, {"layers.0.W": np.zeros((1, 1))}, np.ones((3, 1, 1)))
    >>> objective(tape, np.ones((3, 1, 1)))
    np.float64(1.5)
    """
    loss, numbers, weights = tape.network.loss, tape.numbers, tape.weights
    if weights is None:
        total = loss.value(tape.outputs, targets, numbers)
    else:
        total = loss.weighted(tape.outputs, targets, numbers, weights)
    for term in loss.activity:
        for m in term.numbers_of(tape.network.depth):
            total = total + term.value(tape.layers[m].leaving, numbers, weights)
    return total


def projected_signal(tape: Tape, targets: Array) -> Array:
    """Return the targets as a target projection sees them: scaled as the loss, silent where the loss is."""
    return tape.network.loss.signal(targets, tape.outputs, tape.numbers, tape.weights)


def local_credit(number: int, targets: Array, readout: Array, tape: Tape, *, absolute: bool = False) -> Array:
    """Return the credit of the own loss of a layer, by its number, through its fixed readout."""
    layer = tape.layers[number]
    loss, strength = tape.network.loss.of_layer(number)
    local = np.matmul(layer.leaving, readout.T)
    of_outputs = loss.gradient_majorant if absolute else loss.gradient
    error = of_outputs(local, targets, tape.numbers, tape.weights)
    strength = abs(strength) if absolute else strength
    return np.matmul(error, readout) if strength == 1 else np.matmul(scaled(error, strength, tape.numbers), readout)


def scaled(values: Array, strength: Any, numbers: Numbers) -> Array:
    """Return values times the strength of a layer's own loss, a plain number, in a number system."""
    return np.asarray(values * (strength if isinstance(strength, int) else numbers.array(strength)[()]))


@dataclass(frozen=True)
class Signals:
    """All that a loss says of a whole sequence, for a learner that walks through it afterwards.

    Attributes
    ----------
    arriving : as the function.
    target : `projected_signal`.
    local : layer -> `local_credit`, where the rule has local losses.
    """

    arriving: dict[int, Array]
    target: Array
    local: dict[int, Array]


def signals(tape: Tape, targets: Array, rule: Rule, feedback: Feedback) -> Signals:
    """Return all that the loss says of a recorded sequence."""
    local = {
        m: local_credit(m, targets, feedback[layer.layer.matrix_name(m)], tape)
        for m, layer in enumerate(tape.layers[:-1])
        if rule.feedback == "local"
    }
    return Signals(arriving(tape, targets), projected_signal(tape, targets), local)
