"""Straight-through spikes: something that is cut and something smooth which together are a step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradcert.models.reading.framework import Framework
from gradcert.models.reading.record import Node, Ref, leads_to
from gradcert.models.reading.spikes import GRID, Found, Kind, is_step

SUMS = ("add", "sub")


def straight(nodes: list[Node], k: int, framework: Framework) -> Found | None:
    """Find ``(hard - soft).detach() + soft``, or ``hard + soft - soft.detach()``."""
    node = nodes[k]
    sums = [node, *(nodes[i] for i in node.operands() if nodes[i].name in SUMS)]
    if not any(nodes[i].cut for one in sums for i in one.operands()):
        return None
    members = leads_to(nodes, k)
    compared = [i for i in members if nodes[i].name in ("gt", "ge")]
    compared = [i for i in compared if not any(_below(nodes, i, j) for j in compared if j != i)]
    if len(compared) != 1 or not isinstance(nodes[compared[0]].args[0], Ref):
        return None
    root, level = nodes[compared[0]].args[0].node, nodes[compared[0]].args[1]
    if not isinstance(level, (int, float)):
        return None

    try:
        values, slope = framework.alone(nodes, k, root, float(level))
        found = values(GRID)
    except (KeyError, RuntimeError, TypeError, ValueError):  # not a function of the root alone, unit by unit
        return None
    steps = np.round(found, 12)
    if not is_step(steps):
        return None
    inner = frozenset(i for i in members if root in leads_to(nodes, i)) - {root}
    rounded = not np.array_equal(found, steps)
    kind = Kind("a straight-through step", slope, nodes[compared[0]].name == "gt", node.where, rounded=rounded)
    return Found(kind, root, inner, float(level))


def _below(nodes: list[Node], i: int, j: int) -> bool:
    """Return whether a comparison is part of what another one compares: the reset of the step before, say."""
    return isinstance(nodes[j].args[0], Ref) and i in leads_to(nodes, nodes[j].args[0].node)


def spikes(
    nodes: list[Node],
    moving: frozenset[int],
    framework: Framework,
    function: Callable[[list[Node], int, frozenset[int]], Found | None],
) -> dict[int, Found]:
    """Return node -> spike: what `function` says of a framework's own functions, and what is straight-through."""
    out: dict[int, Found] = {}
    for k, node in enumerate(nodes):
        if node.kind == "function" and k in moving and (found := function(nodes, k, moving)):
            out[k] = found
        elif node.kind == "op" and node.name in SUMS and k in moving:
            if found := straight(nodes, k, framework):
                out[k] = found
    return out
