"""Cuts in what is made of parameters alone: those that no rule knows of, and those of a straight-through function.

A rule cuts edges between values; its gradient by a parameter is by all of it. ``z * threshold.detach()`` has the
gradient of no row of the table: the rows are computed with such cuts lifted, the module's own gradient with them.
A rounded weight, ``w + (round(w) - w).detach()``, is no cut but a function whose derivative is said, as a spike's is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from gradcert.models.reading.framework import Framework
from gradcert.models.reading.record import Node, Ref, leads_to, owned, owners

SAME = ("detach", ".data", "detach_", "stop_gradient")  # what gives its operand's numbers, and does nothing else
SUMS = ("add", "sub", "rsub")
SCALED = (*SUMS, "mul", "div", "neg", "view", "reshape", "clone", "t", "transpose", "expand")
ROUNDED = ("round", "floor", "ceil", "trunc", "sign", "heaviside", "clamp", "clamp_min", "clamp_max", "hardtanh")
COMPARED = ("gt", "ge", "lt", "le", "where", "select_n")


def cuts(nodes: list[Node], ends: Iterable[int], framework: Framework) -> tuple[frozenset[int], frozenset[int]]:
    """Return the nodes that cut a parameter off, below some: true cuts, and those of straight-through functions.

    Parameters
    ----------
    ends : nodes that are made of parameters and constants.
    """
    every = {k for end in ends for k in leads_to(nodes, end)}
    found = {k for k in every if (nodes[k].cut and owners(nodes, k)) or _changed(nodes, k, framework)}
    if not found:
        return frozenset(), frozenset()
    straight = {c for k in every if nodes[k].name in SUMS for c in _straight(nodes, k, framework)}
    todo, out, seen = list(ends), set[int](), set[int]()
    while todo:  # what is below a straight-through function is its own affair
        k = todo.pop()
        if k in seen or k in straight:
            continue
        seen.add(k)
        if k in found:
            out.add(k)
        todo += nodes[k].operands()
    return frozenset(out), frozenset(straight)


class Plain:
    """Of nodes that compute the same of parameters but for what they cut, one: without a cut where there is such a one.

    Parameters
    ----------
    nodes : of a record, which may become more.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self._keys: dict[int, Any] = {}
        self._numbers: dict[Any, int] = {}  # of what is computed, so that keys stay short
        self._found: dict[int, int] = {}
        self._seen = 0

    def __call__(self, k: int) -> int:
        """Return the node that stands for a node."""
        for i in range(self._seen, len(self.nodes)):
            mine = self._key(i)
            known = self._found.setdefault(mine, i)
            if known != i and self._cuts(known) and not self._cuts(i):
                self._found[mine] = i
        self._seen = len(self.nodes)
        return self._found[self._key(k)]

    def _cuts(self, k: int) -> bool:
        return any(self.nodes[i].cut for i in leads_to(self.nodes, k))

    def _key(self, k: int) -> int:
        """Return the number of what a node computes, whatever it cuts."""
        if k not in self._keys:
            node = self.nodes[k]
            if node.name in SAME and len(node.operands()) == 1:
                self._keys[k] = self._key(node.operands()[0])
            else:
                made = (node.kind, str(node.op), repr(self._with_keys((node.args, node.kwargs))))
                what: Any = made if node.kind in ("op", "item") else k
                self._keys[k] = self._numbers.setdefault(what, len(self._numbers))
        found: int = self._keys[k]
        return found

    def _with_keys(self, arguments: Any) -> Any:
        if isinstance(arguments, Ref):
            return Ref(self._key(arguments.node))
        if isinstance(arguments, dict):
            return {name: self._with_keys(v) for name, v in arguments.items()}
        return tuple(map(self._with_keys, arguments)) if isinstance(arguments, (tuple, list)) else arguments


def places(nodes: list[Node], found: Iterable[int]) -> dict[str, str]:
    """Return parameter -> where it is cut, in file and line."""
    out: dict[str, list[str]] = {}
    for k in sorted(found):
        for name in owners(nodes, k):
            by = f" by {nodes[k].name}" if nodes[k].kind == "function" else ""
            out.setdefault(name, []).append(nodes[k].where + by)
    return {name: ", ".join(dict.fromkeys(where)) for name, where in out.items()}


def as_given(nodes: list[Node], moving: frozenset[int], true: frozenset[int], straight: frozenset[int]) -> list[str]:
    """Return what has to be said of derivatives of parameters that are the user's own, and that nobody judges.

    Parameters
    ----------
    moving : nodes that depend on the input or a state. `true`, `straight` : of `cuts`.
    """
    out = []
    for name, place in places(nodes, straight).items():
        out.append(f"the gradient of {name} goes straight through at {place}: that derivative is taken as given")
    for k, node in enumerate(nodes):
        if node.kind == "function" and k not in moving and k not in true and owners(nodes, k):
            of = ", ".join(owners(nodes, k))
            out.append(f"the derivative of {node.name} at {node.where}, of {of}, is the user's own, taken as given")
    return out


def _changed(nodes: list[Node], k: int, framework: Framework) -> bool:
    """Return whether a node is a function of one's own that gives a parameter's numbers, and not its gradient."""
    node, operands = nodes[k], nodes[k].operands()
    if node.kind != "function" or len(operands) != 1 or not owners(nodes, k):
        return False
    own = owned(nodes, k)
    one = np.random.default_rng(0).uniform(0.5, 1.0, node.shape)
    values, there = [framework.array(framework.evaluate(nodes, i, {}, own)) for i in (k, operands[0])]
    if values.shape != there.shape or not np.array_equal(values, there):
        return False
    mine, plain = (
        framework.puller(partial(_valued, nodes, i, framework))(own, {"value": one}) for i in (k, operands[0])
    )
    # What hands a gradient on gives the same to the last bit, as the same operations follow; what scales it there and
    # back is off by roundings, of which it takes millions to make 1e-9; what blocks or scales it, by a share of it.
    return any(not np.allclose(framework.array(mine[n]), framework.array(plain[n]), rtol=1e-9, atol=0) for n in own)


def _valued(nodes: list[Node], k: int, framework: Framework, parameters: Any) -> dict[str, Any]:
    return {"value": framework.evaluate(nodes, k, {}, parameters)}


def _straight(nodes: list[Node], k: int, framework: Framework) -> set[int]:
    """Return the cuts in a sum that is a rounding, or steps, beside something that a gradient goes through."""
    shut, summed, live = set[int](), set[int](), False
    todo = [(i, True) for i in nodes[k].operands()]
    while todo:
        i, plain = todo.pop()
        if nodes[i].cut:
            shut.add(i)
            summed |= {i} if plain else set()
        elif nodes[i].name in SCALED:
            todo += [(j, plain and nodes[i].name in SUMS) for j in nodes[i].operands()]
        else:
            live = live or bool(owners(nodes, i))
    names = {i: {nodes[j].name for j in leads_to(nodes, i)} for i in shut}
    rounded = {i for i in shut if names[i] & set(ROUNDED)}
    if not rounded and live and any(names[i] & set(COMPARED) for i in summed):
        rounded = summed if _still(nodes, k, frozenset(shut), framework) else set()
    return rounded | summed if rounded and live else set()


def _still(nodes: list[Node], k: int, shut: frozenset[int], framework: Framework) -> bool:
    """Return whether a node moves with no parameter where nothing is cut: its values are steps."""
    own = owned(nodes, k)
    pull = framework.puller(lambda its: {"value": framework.evaluate(nodes, k, {}, its, shut)})
    one = np.random.default_rng(0).uniform(0.5, 1.0, nodes[k].shape)
    return not any(np.any(framework.array(g)) for g in pull(own, {"value": one}).values())
