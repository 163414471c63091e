"""Straight-through spikes: something that is cut and something smooth which together are a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcert.models.reading.framework import Framework
from gradcert.models.reading.record import Node, Ref, leads_to
from gradcert.models.reading.spikes import GRID, Found, Kind, is_step

SUMS = ("add", "sub")
JUMPS = ("gt", "ge", "heaviside")


def straight(nodes: list[Node], k: int, framework: Framework) -> Found | None:
    """Find ``(hard - soft).detach() + soft``, or ``hard + soft - soft.detach()``."""
    node = nodes[k]
    sums = [node, *(nodes[i] for i in node.operands() if nodes[i].name in SUMS)]
    if not any(nodes[i].cut for one in sums for i in one.operands()):
        return None
    members = leads_to(nodes, k)
    compared = [i for i in members if nodes[i].name in JUMPS]
    compared = [i for i in compared if not any(_below(nodes, i, j) for j in compared if j != i)]
    if len(compared) != 1 or not isinstance(nodes[compared[0]].args[0], Ref):
        return None
    for root, level in _roots(nodes, nodes[compared[0]]):
        if (found := _step(nodes, k, root, level, framework, members)) is not None:
            return found
    return None


def _roots(nodes: list[Node], hard: Node) -> Iterator[tuple[int, float]]:
    """Yield what jumps as a function of a node, and at which level; then of what that is less a number."""
    k, level = hard.args[0].node, 0.0 if hard.name == "heaviside" else hard.args[1]
    if not isinstance(level, (int, float)):
        return
    yield k, float(level)
    node = nodes[k]
    plain = len(node.args) == 2 and not node.kwargs and isinstance(node.args[0], Ref)
    if level == 0 and node.name in SUMS and plain and isinstance(node.args[1], (int, float)):
        yield node.args[0].node, float(node.args[1] if node.name == "sub" else -node.args[1])


def _step(nodes: list[Node], k: int, root: int, level: float, framework: Framework, members: set[int]) -> Found | None:
    """Return a node as a spike of another one, if it is a step there."""
    try:
        values, slope = framework.alone(nodes, k, root, level)
        found = values(GRID)
    except (KeyError, RuntimeError, TypeError, ValueError):  # not a function of the root alone, unit by unit
        return None
    steps = np.round(found, 12)
    if not is_step(steps):
        return None
    inner = frozenset(i for i in members if root in leads_to(nodes, i)) - {root}
    rounded = not np.array_equal(found, steps)
    strict = not steps[GRID == 0].any()
    return Found(Kind("a straight-through step", slope, strict, nodes[k].where, rounded=rounded), root, inner, level)


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
