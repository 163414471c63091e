"""Loops whose state begins as a Python number (``y = 0.``): the first step runs less than the others do.

``0.8 * y + out`` is two operations on tensors from the second step on, and one on the first. What the first step lacks
is put into it, with a state that begins as zeros; its own operation, which gives the same value, makes way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.utils._pytree import tree_map

from gradcert.models.reading.pytorch.run import execute
from gradcert.models.reading.record import Node, Ref
from gradcert.reference.errors import GradcertError

COMPUTED = ("op", "function", "item")


def not_found(where: str) -> GradcertError:
    """Return the error of a state whose first value is not to be found."""
    return GradcertError(
        f"a state that begins as something else than a tensor, or in a first step of other code, at {where}",
        allowed="a state that is a tensor before the loop over time, or the number 0 in a step that computes the same"
        " of it as of zeros",
        do="begin with torch.zeros(batch, units) in place of a number; or give the module one step",
    )


def completed(
    nodes: list[Node],
    ops: list[int],
    mine: dict[int, int],
    long: list[Node],
    body: list[int],
    before: Mapping[int, int],
) -> tuple[list[Node], dict[int, int], dict[int, int]]:
    """Put into the record of one step the operations of a repetition that it lacks.

    Parameters
    ----------
    nodes, ops : the record and its operations. `mine` : place in a repetition -> one of them.
    long, body, before : the long record, a repetition in it, and operation of the one before -> its place.

    Returns
    -------
    The record with them, `mine` with all places, and operation of the record -> that which took its place.

    Raises
    ------
    GradcertError : for a first step that is another one than a state of zeros explains.
    """
    nodes = list(nodes)
    place = {k: i for i, k in enumerate(body)}
    made, taken, full = dict[int, int](), set(mine.values()), dict(mine)
    for offset, k in enumerate(body):
        if offset in full:
            continue
        node = long[k]

        def reference(v: Any, node: Node = node) -> Any:
            if not isinstance(v, Ref):
                return v
            if v.node in place:
                return Ref(full[place[v.node]])
            if v.node in before:
                zero = torch.zeros(long[v.node].shape, dtype=torch.float64)
                nodes.append(Node("constant", "zeros", shape=long[v.node].shape, value=zero, where=node.where))
                return Ref(len(nodes) - 1)
            return Ref(_same(nodes, long, v.node, node.where))

        args, kwargs = (tree_map(reference, part) for part in (node.args, node.kwargs))
        found = replace(node, args=args, kwargs=kwargs)
        with torch.no_grad():
            found.value = execute(found, [n.value for n in nodes])
        nodes.append(found)
        full[offset] = len(nodes) - 1
        for j in ops:  # the first step's own: the same operation, on no other tensors, with the same value
            own = {made.get(o, o) for o in nodes[j].operands()}
            fits = j not in taken and j not in made and nodes[j].name == found.name
            if fits and own and own <= {*found.operands()} and _equal(nodes[j].value, found.value):
                made[j] = full[offset]
                break
    read = {place[ref] for k in body for ref in long[k].operands() if ref in place}
    lost = [long[body[i]] for i in full if i not in mine and i not in read and full[i] not in made.values()]
    if lost or not made:
        raise not_found(lost[0].where if lost else long[body[0]].where)

    def instead(v: Any) -> Any:
        return Ref(made[v.node]) if isinstance(v, Ref) and v.node in made else v

    for j, node in enumerate(nodes):
        if j not in made:
            nodes[j] = replace(node, args=tree_map(instead, node.args), kwargs=tree_map(instead, node.kwargs))
    return nodes, full, made


def _same(nodes: list[Node], long: list[Node], k: int, where: str) -> int:
    """Return the node of a record that is one of another: a parameter, or what a module holds."""
    kind, name = long[k].kind, long[k].name
    found = next(
        (j for j, n in enumerate(nodes) if kind in ("parameter", "buffer") and (n.kind, n.name) == (kind, name)), None
    )
    if found is None:
        raise not_found(where)
    return found


def _equal(a: Any, b: Any) -> bool:
    """Return whether a value of a first step is that of others: ``u * h`` is of one sample where ``h`` is 0."""
    if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor) or a.dtype != b.dtype:
        return False
    sides = zip(a.shape[::-1], b.shape[::-1], strict=False)
    return a.dim() <= b.dim() and all(n in (1, m) for n, m in sides) and torch.equal(a.expand(b.shape), b)
