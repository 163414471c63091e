"""Direct, target and local feedback as edges and nodes that the network does not have: only the rule takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.reference import Rule, Tape
from gradcert.reference.engines import error_node
from gradcert.theorems.tie.export import Array, Feedback, export
from gradcert.theorems.tie.graph import Graph

PROJECTED = ("direct", "target", "local")


def export_with_feedback(tape: Tape, targets: Array, rule: Rule, feedback: Feedback) -> Graph:
    """Return `export`, with what carries a projected credit, from z of every hidden layer m.

    direct : an edge with coefficient B_m[k, i] into the drive of unit k of the last layer;
    target : the same into a node that is charged the (scaled) target k;
    local : the same into a node that is charged what the layer's own loss charges its readout k.
    """
    graph = export(tape, targets, rule, feedback)
    if rule.feedback not in PROJECTED:
        return graph
    last = tape.network.depth - 1
    for m in range(last):
        projection, charged = feedback[f"layers.{m}.B"], _charged(tape, targets, rule, feedback, m)
        for t, b, k in np.ndindex(*targets.shape):
            if charged is None:
                node = graph.number[b, t, last, error_node(tape.layers[last].layer), k]
            else:
                node = graph.add((b, t, "signal", m, k), site=("signal", m), credit=charged[t, b, k])
            for i in range(tape.layers[m].layer.units):
                graph.join(graph.number[b, t, m, "z", i], node, projection[k, i], ("projection", m))
    return graph


def _charged(tape: Tape, targets: Array, rule: Rule, feedback: Feedback, m: int) -> Any:
    """Return what the nodes of a layer's projection are charged, (time, batch, n_out); None where they are drives."""
    loss = tape.network.loss
    if rule.feedback == "direct":
        return None
    if rule.feedback == "local":
        readout = np.matmul(tape.layers[m].now["z"], feedback[f"layers.{m}.B"].T)
        return loss.gradient(readout, targets, tape.numbers)
    divisor = loss.divisor(*targets.shape[:2])
    signal = targets / divisor if divisor != 1 else targets
    return signal if loss.when == "every" else np.concatenate([0 * signal[:-1], signal[-1:]])
