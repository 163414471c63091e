"""Which functions with a derivative of their own (custom_jvp, custom_vjp) are spikes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.models.reading.framework import Framework
from gradcert.models.reading.jaxpr.run import evaluate, execute, on_arrays
from gradcert.models.reading.record import Node
from gradcert.models.reading.spikes import GRID, Found, Kind, is_step
from gradcert.models.reading.straight import spikes


def find(nodes: list[Node], moving: frozenset[int], framework: Framework) -> dict[int, Found]:
    """Return node -> spike; `moving` are the nodes that depend on input or state."""
    return spikes(nodes, moving, framework, spike_of)


def spike_of(nodes: list[Node], k: int, moving: frozenset[int]) -> Found | None:
    """Return the spike that a function is, if but one of its operands moves and its values are a step of that."""
    node = nodes[k]
    own = [i for i in node.operands() if i in moving]
    if len(own) != 1 or not node.floating or node.shape != nodes[own[0]].shape:
        return None
    rest = {i: evaluate(nodes, i, {}) for i in node.operands() if i not in moving}

    def apply(x: Any) -> Any:
        return execute(node, {**rest, own[0]: x})

    values, slope = on_arrays(apply, node.shape)
    if not is_step(values(GRID)):
        return None
    strict = bool(values(np.zeros(1))[0] == 0)
    return Found(Kind(node.name, slope, strict, node.where, (apply, (node.shape,))), own[0])
