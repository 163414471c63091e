"""Which functions with a derivative of their own (custom_jvp, custom_vjp) are spikes."""

from __future__ import annotations

from typing import Any

from gradcert.models.reading.framework import Framework
from gradcert.models.reading.jaxpr.run import evaluate, execute, on_arrays
from gradcert.models.reading.record import Node
from gradcert.models.reading.spikes import Found, Kind, jump_of
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

    values, _ = on_arrays(apply, node.shape)
    if (jump := jump_of(values)) is None:
        return None
    level, strict = jump
    _, slope = on_arrays(lambda x: apply(x + level), node.shape)
    return Found(Kind(node.name, slope, strict, node.where, (apply, (node.shape,)), level), own[0], level=level)
