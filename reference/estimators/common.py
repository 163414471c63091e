"""What the rules with a trace of their own share: filters, credit within a step, and the networks that they fit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from gradcert.reference.engines import Adjoints, LayerTape, Tape, at, credit_below, layer_gradients, spread, sweep
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Network, lif
from gradcert.reference.networks.arrays import check_array
from gradcert.reference.numbers import Array, Numbers


def filtered(values: Array, leak: Any) -> Array:
    """Return xh^t = leak xh^(t-1) + x^t over the first axis, from rest.

    Examples
    --------
    >>> filtered(np.array([1.0, 0.0, 1.0]), 0.5)
    array([1.  , 0.5 , 1.25])
    """
    out, trace = np.empty_like(values), 0 * values[0]
    for t in range(len(values)):
        trace = leak * trace + values[t]
        out[t] = trace
    return out


def is_spiking(tape: LayerTape) -> bool:
    """Return whether the layer has memory (a LIF layer), as opposed to a stateless one."""
    return tape.layer.cell.name == "lif"


def check_stack(network: Network, rule: str, *, lateral: bool = False, gains: Collection[str] = ("one",)) -> None:
    """Raise unless every layer is a LIF layer that the rule is defined for, or has no memory."""
    for i, layer in enumerate(network.layers):
        cell: Any = layer.cell
        if cell.name == "lif":
            if cell.gain not in gains:
                raise GradcertError(f"{rule} with gain={cell.gain!r} in layer {i}", allowed=", ".join(gains))
            if cell.recurrent and not lateral:
                raise GradcertError(f"{rule} with lateral weights in layer {i}", allowed="recurrent=False")
            if cell.train:
                raise GradcertError(f"{rule} with trained {', '.join(cell.train)} in layer {i}", allowed="train=()")
        elif any(link.lag for link in cell.links):
            raise GradcertError(
                f"{rule} with a layer of {cell.name!r} cells",
                allowed="lif layers, and layers without memory",
                do="for a readout: Rnn(activation='identity', recurrent=False)",
            )


def check_projections(network: Network, rule: str, feedback: Any, numbers: Numbers) -> None:
    """Raise unless there is a matrix (n_out, units) for every layer but the last, where matrices are given at all."""
    if feedback is None:
        return
    for i, layer in enumerate(network.layers[:-1]):
        name, shape = f"layers.{i}.B", (network.layers[-1].units, layer.units)
        if not isinstance(feedback, Mapping) or name not in feedback:
            raise GradcertError(f"{rule} without the feedback matrix {name}", allowed=f"an array of shape {shape}")
        check_array(name, feedback[name], shape, numbers)


def one_leak(tape: LayerTape, rule: str) -> Any:
    """Return the leak of a LIF layer, which has to be the same for all its units; 0 for a stateless layer."""
    if not is_spiking(tape):
        return 0
    leak = tape.p["leak"]
    if np.ndim(leak):
        raise GradcertError(f"{rule} with a leak per unit", allowed="one number for the whole layer")
    return leak[()]


def slopes(tape: LayerTape) -> Array:
    """Return psi^t of a LIF layer, (time, batch, units)."""
    return tape.factors[lif.OUTPUT]


def membrane_step(tape: LayerTape, t: int, *, live_reset: bool) -> Any:
    """Return dv^t/dv^(t-1) of a LIF layer, the reset included or not; elementwise."""
    jacobian = at(tape.factors[lif.STATE], t)
    if live_reset and lif.RESET in tape.factors:
        jacobian = jacobian + at(tape.factors[lif.RESET], t) * slopes(tape)[t - 1]
    return jacobian


def same_step(tape: Tape, delta: Array) -> list[Adjoints]:
    """Return dE/d(node) of every layer by backpropagation within each step, from dE/do; the lowest layer first."""
    out: list[Adjoints] = []
    arrived = {tape.network.depth - 1: delta}
    for i in reversed(range(tape.network.depth)):
        layer = tape.layers[i]
        turned = layer.layer.turned
        out.insert(0, sweep(layer, turned(arrived.pop(i)), frozenset()))
        if max(tape.network.sources(i)) >= 0:
            spread(turned(credit_below(layer, out[0], layer.p)), tape.network, i, arrived)
    return out


def projected_credit(tape: Tape, error: Array, feedback: Mapping[str, Array]) -> list[Adjoints]:
    """Return the same with the error of the output brought to every hidden layer by a matrix of its own."""
    last = tape.network.depth - 1
    deltas = [error if i == last else np.matmul(error, feedback[f"layers.{i}.B"]) for i in range(last + 1)]
    return [sweep(layer, delta, frozenset()) for layer, delta in zip(tape.layers, deltas, strict=True)]


def traced_gradients(tape: LayerTape, credit: Array, traces: Mapping[str, Array], bias: Any) -> dict[str, Array]:
    """Return credit (x) trace, summed over time and batch.

    Parameters
    ----------
    tape : the layer.
    credit : at the layer's drive, (time, batch, units).
    traces : presynaptic trace of each weight, (time, batch, inputs).
    bias : trace of the bias, broadcastable to credit.
    """
    out = {name: tape.layer.synapse(name).pull_weight(credit, trace) for name, trace in traces.items()}
    if "b" in tape.layer.cell.trained:
        out["b"] = (credit * bias).sum(axis=(0, 1))
    return out


def presynaptic(tape: LayerTape) -> dict[str, Array]:
    """Return what each weight of a LIF layer multiplies, (time, batch, inputs): lateral ones the step before."""
    sources = {"W": tape.x}
    return {**sources, "H": tape.source(lif.RECURRENT)} if lif.RECURRENT in tape.layer.cell.links else sources


def named(network: Network, per_layer: list[dict[str, Array]]) -> dict[str, Array]:
    """Return the gradients of all layers under the names of the parameters."""
    layers = zip(network.layers, per_layer, strict=True)
    flat = {layer.full_name(i, name): g for i, (layer, grads) in enumerate(layers) for name, g in grads.items()}
    return {name: flat[name] for name in network.shapes()}


def stateless_gradients(tape: LayerTape, adjoints: Adjoints) -> dict[str, Array]:
    """Return the gradient of a layer without memory."""
    return layer_gradients(tape, adjoints)
