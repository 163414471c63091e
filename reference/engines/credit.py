"""What the loss says to each layer: the credit that arrives at outputs, and the signals that some rules have for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.engines.tape import Tape
from gradcert.reference.networks import Loss, Network
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
    for m, readout in auxiliary(tape.network, tape.readouts).items():
        g = (_auxiliary_size if absolute else local_credit)(m, targets, readout, tape)
        out[m] = out[m] + g if m in out else g
    return out


def auxiliary(network: Network, readouts: Mapping[str, Array] | None) -> dict[int, Array]:
    """Return the fixed readout of every hidden layer that has one and a loss of its own, by number."""
    own = [layer.owner(m) for m, layer in enumerate(network.layers[:-1])] if readouts else []
    return {
        m: readouts[name]  # type: ignore[index]
        for m, name in enumerate(own)
        if name in readouts and any(one.about(m) for one in network.loss.local)  # type: ignore[operator]
    }


def objective(tape: Tape, targets: Array) -> Any:
    """Return E with its weights, its terms about activity and the auxiliary losses of hidden layers.

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
    total = _value(loss, tape.outputs, targets, numbers, weights)
    for term in loss.activity:
        for m in term.numbers_of(tape.network.depth):
            total = total + term.value(tape.layers[m].leaving, numbers, weights)
    for m, readout in auxiliary(tape.network, tape.readouts).items():
        own, strength = loss.of_layer(m)
        read = np.matmul(tape.layers[m].leaving, readout.T)
        total = total + scaled(_value(own, read, targets, numbers, weights), strength, numbers)[()]
    return total


def _auxiliary_size(number: int, targets: Array, readout: Array, tape: Tape) -> Array:
    """Return the credit of an auxiliary loss in absolute values.

    What is read, G z, is itself a rounded sum: the errors of the named forms have slopes of 1 at most, so that its
    size, |G| |z|, is added to that of the error.
    """
    loss, strength = tape.network.loss.of_layer(number)
    z, g = tape.layers[number].leaving, abs(readout)
    read, size = np.matmul(z, readout.T), np.matmul(abs(z), g.T)
    size = size if loss.when in ("every", "last") else np.broadcast_to(size.sum(axis=0), size.shape)
    error = loss.gradient_majorant(read, targets, tape.numbers, tape.weights)
    error = error + abs(loss.signal(size, read, tape.numbers, tape.weights))
    return np.matmul(scaled(error, abs(strength), tape.numbers), g)


def _value(loss: Loss, outputs: Array, targets: Array, numbers: Numbers, weights: Array | None) -> Any:
    if weights is None:
        return loss.value(outputs, targets, numbers)
    return loss.weighted(outputs, targets, numbers, weights)


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
