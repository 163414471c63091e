"""Feedback that learns along with the readout (adaptive e-prop; Kolen & Pollack 1994).

Paper: Bellec et al. 2020; code IGITUGraz/eligibility_propagation (mathematics.md 6)::

    W_o <- (1 - decay) W_o - rate dE/dW_o
    B   <- (1 - decay) B   - rate dE/dW_o            the same update and the same decay, at the same time

so that the difference W_o - B shrinks by 1 - decay at every update, whatever the gradient is, and e-prop with
feedback B approaches e-prop with symmetric feedback. Without the shared decay it does not (trap T50).

B is the matrix of the layer below the readout, (n_out, units), the one whose shape the readout's weight has; the
matrices of deeper layers stay fixed. The published code has decay 1e-2.

Choice made: the decay multiplies the weights before the gradient is subtracted, both once per update.
Cost: n n_out per update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Network, Parameters, check_no_graph
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class AdaptiveFeedback:
    """Weights and feedback matrices after an update."""

    parameters: dict[str, Array]
    feedback: dict[str, Array]


def readout_of(network: Network) -> tuple[str, str]:
    """Return the names of the readout's input weight and of the feedback matrix that follows it.

    Examples
    --------
    >>> from gradcert.reference import Layer, Lif, Rnn
    >>> head = Rnn(activation="identity", recurrent=False)
    >>> readout_of(Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(head, inputs=3, units=2))))
    ('layers.1.W', 'layers.0.B')
    """
    check_no_graph(network, "adaptive feedback")
    weights = [k.weight for k in network.layers[-1].cell.links if k.source == "x" and k.weight is not None]
    if network.depth < 2 or len(weights) != 1:
        raise GradcertError("adaptive feedback without a readout layer", allowed="a last layer with one input weight")
    return f"layers.{network.depth - 1}.{weights[0]}", f"layers.{network.depth - 2}.B"


def adapted(
    network: Network,
    parameters: Parameters,
    feedback: Mapping[str, Array],
    gradients: Mapping[str, Array],
    *,
    rate: Any,
    decay: Any = 0.01,
) -> AdaptiveFeedback:
    """Return weights and feedback after one update of both.

    Parameters
    ----------
    network, parameters : as for the engines.
    feedback : ``layers.l.B``, (n_out, units of l), for every layer but the last.
    gradients : of the rule ``e-prop-adaptive`` with this feedback.
    rate, decay : learning rate; weight decay of readout and feedback alike, of no other parameter.

    Raises
    ------
    GradcertError : if the network has no readout, or its feedback matrix has another shape than the readout weight.

    Examples
    --------
    >>> from gradcert.reference import RULES, Layer, Lif, Rnn, draw_feedback
    >>> from gradcert.reference.engines import reverse
    >>> head = Rnn(activation="identity", recurrent=False)
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(head, inputs=3, units=2)))
    >>> p, rule = network.parameters(), RULES["e-prop-adaptive"]
    >>> x, y, b = np.ones((5, 1, 2)), np.zeros((5, 1, 2)), draw_feedback(network, rule)
    >>> g = reverse.gradients(network, p, x, y, rule=rule, feedback=b)
    >>> adapted(network, p, b, g, rate=0.1).feedback["layers.0.B"].shape
    (2, 3)
    """
    weight, matrix = readout_of(network)
    if np.shape(feedback[matrix]) != np.shape(parameters[weight]):
        raise GradcertError(
            f"{matrix} of shape {np.shape(feedback[matrix])}", allowed=f"that of {weight}: {parameters[weight].shape}"
        )
    after = {name: value - rate * gradients[name] for name, value in parameters.items() if name != weight}
    after[weight] = (1 - decay) * parameters[weight] - rate * gradients[weight]
    moved = (1 - decay) * feedback[matrix] - rate * gradients[weight]
    return AdaptiveFeedback({name: after[name] for name in parameters}, {**feedback, matrix: moved})
