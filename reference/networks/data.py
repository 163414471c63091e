"""What a problem says beside inputs and targets: where states start, which steps count, where sequences begin, masks.

Engines and procedures take these as keyword arguments, all optional; what is left out is as if it had not been there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

import numpy as np

from gradcert.reference.checks import check_flag
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.arrays import check_array
from gradcert.reference.networks.cells.masked import masked_nodes
from gradcert.reference.networks.cells.protocol import Cell
from gradcert.reference.networks.graph import Circuit
from gradcert.reference.networks.network import Network
from gradcert.reference.numbers import FLOAT64, Array, Numbers

PREFIX = "initial."  # of the name of an initial value's gradient: initial.layers.0.v


class Data(TypedDict, total=False):
    """The optional arrays of a problem.

    Keys
    ----
    initial : node values before the first step, ``layers.0.v`` -> (units,) for all samples, or (batch, units).
    initial_gradient : whether gradients have a further entry ``initial.layers.0.v`` for each of them, of its shape.
    weights : (time, batch), >= 0: the weight of a step's loss; 0 is padding.
    begins : (time, batch), booleans: a new sequence begins at this step, states and traces go back to the initial ones.
        What is true of the first step of a row makes no difference.
    readouts : ``layers.0`` -> (n_out, units): the fixed matrix through which a hidden layer has a loss of its own, an
        auxiliary loss (`gradcert.reference.networks.Local`; rules with local feedback have ``feedback`` there).
    masks : ``layers.0`` -> (time, batch, units) multiplies what leaves the layer for the one above or the loss, and
        not what it gives back to itself (dropout between layers); ``layers.0.c`` -> the node c takes its new value
        times the mask plus its value of the step before times one less the mask (zoneout; mathematics.md 1.5).
    """

    initial: Mapping[str, Array] | None
    initial_gradient: bool
    weights: Array | None
    begins: Array | None
    masks: Mapping[str, Array] | None
    readouts: Mapping[str, Array] | None


def check_data(
    network: Network,
    shape: tuple[int, ...],
    numbers: Numbers = FLOAT64,
    *,
    initial: Mapping[str, Array] | None = None,
    initial_gradient: bool = False,
    weights: Array | None = None,
    begins: Array | None = None,
    masks: Mapping[str, Array] | None = None,
    readouts: Mapping[str, Array] | None = None,
) -> None:
    """Raise a `GradcertError` unless the optional arrays fit the network, the loss and inputs of a shape (T, B, ...).

    Examples
    --------
    >>> from gradcert.reference.networks import Layer, Loss, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),), loss=Loss(when="last"))
    >>> check_data(network, (2, 1), weights=np.array([[1.0], [0.0]]))
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: a weight of 0 at the last step, which alone has a loss, in sample 0; ...
    """
    steps, batch = shape[:2]
    check_initial(network, initial, batch, numbers)
    check_flag("initial_gradient", initial_gradient)
    if initial_gradient and not initial:
        raise GradcertError("the gradient of initial values that are not given", do="pass initial=")
    if begins is not None:
        check_begins(begins, (steps, batch))
        if begins[1:].any() and any(layer.backwards for layer in network.layers):
            raise GradcertError(
                "sequences that begin inside a row, and a population that runs backwards", allowed="one of them"
            )
        if (network.loss.when != "every" or not network.loss.stepwise) and begins[1:].any():
            raise GradcertError(
                f"sequences that begin inside a row, and a loss of the row as a whole (when={network.loss.when!r})",
                allowed="when='every', and no rates",
                do="weigh the steps that count: weights=",
            )
    if weights is not None:
        check_weights(network, weights, (steps, batch), numbers)
    for name, mask in (masks or {}).items():
        known = {key: units for own, cell, units in owners(network) for key in masked_nodes(own, cell)}
        if name not in known:
            raise GradcertError(f"a mask for {name!r}", allowed=", ".join(known))
        check_array(f"the mask {name}", mask, (steps, batch, known[name]), numbers)
    check_readouts(network, readouts, numbers)


def owners(network: Network) -> Iterator[tuple[str, Cell, int]]:
    """Yield the name, cell and units of every layer, or of every population of a graph."""
    if network.graph is not None:
        yield from ((p.name, p.cell, p.units) for p in network.graph.populations)
    else:
        yield from ((f"layers.{i}", layer.cell, layer.units) for i, layer in enumerate(network.layers))


def check_begins(begins: Any, shape: tuple[int, ...]) -> None:
    """Raise unless `begins` is an array of booleans of a shape."""
    if not isinstance(begins, np.ndarray) or begins.dtype != bool or begins.shape != shape:
        given = f"{begins.dtype} of shape {begins.shape}" if isinstance(begins, np.ndarray) else repr(begins)
        raise GradcertError(f"begins: {given}", allowed=f"an array of booleans of shape {shape}")


def check_weights(network: Network, weights: Array, shape: tuple[int, int], numbers: Numbers) -> None:
    """Raise unless there is something for the loss to weigh, in every sample where it divides by a sample's weights."""
    loss = network.loss
    check_array("weights", weights, shape, numbers)
    if weights.dtype.kind == "f" and (weights < 0).any():
        raise GradcertError("a weight below 0", allowed="weights >= 0")
    if not (weights != 0).any():
        raise GradcertError("weights that are all 0", allowed="one step or more that counts")
    silent = [str(b) for b in np.flatnonzero(~(weights != 0).any(axis=0))]
    if loss.averages and silent:
        raise GradcertError(
            f"something over time of sample {', '.join(silent)}, none of whose steps counts",
            allowed="one step or more that counts in every sample",
        )
    padded = [str(b) for b in np.flatnonzero(weights[-1] == 0)]
    if loss.when == "last" and padded:
        raise GradcertError(
            f"a weight of 0 at the last step, which alone has a loss, in sample {', '.join(padded)}",
            do="let the loss be of every step, with weights that are 0 but at each sample's own last step",
        )


def check_readouts(network: Network, readouts: Mapping[str, Array] | None, numbers: Numbers) -> None:
    """Raise unless fixed readouts are matrices (n_out, units) of hidden layers."""
    hidden = {layer.owner(m): layer.units for m, layer in enumerate(network.layers[:-1])}
    for name, matrix in (readouts or {}).items():
        if name not in hidden:
            raise GradcertError(
                f"a fixed readout of {name!r}", allowed=", ".join(hidden) or "hidden layers: this network has none"
            )
        check_array(f"the fixed readout of {name}", matrix, (network.layers[-1].units, hidden[name]), numbers)


def check_initial(network: Network, initial: Mapping[str, Array] | None, batch: int, numbers: Numbers) -> None:
    """Raise unless node values before the first step are those of nodes, (units,) or (batch, units)."""
    for name, value in (initial or {}).items():
        known = {
            layer.full_name(i, node): layer.size(node)
            for i, layer in enumerate(network.layers)
            for node in (layer.cell.plain_nodes if isinstance(layer.cell, Circuit) else layer.cell.nodes)
        }
        if name not in known:
            raise GradcertError(f"an initial value for {name!r}", allowed=", ".join(known))
        shape = (known[name],) if np.ndim(value) == 1 else (batch, known[name])
        check_array(f"the initial {name}", value, shape, numbers)
