"""Running nodes of a record again: parts that are made of parameters, and spikes on a grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils._pytree import tree_map

from gradcert.models.reading.lifted import SAME
from gradcert.models.reading.pytorch.recorder import Double
from gradcert.models.reading.record import Node, Ref


def execute(node: Node, values: Any) -> Any:
    """Run one node on the values of its operands; what is written is a copy."""
    args, kwargs = (
        tree_map(lambda v: values[v.node] if isinstance(v, Ref) else v, part) for part in (node.args, node.kwargs)
    )
    if node.kind == "item":
        return args[0][node.op]
    if node.kind == "function":
        with Double():
            return node.op.apply(*args)
    if node.name.endswith("_"):
        written = [s.alias_info is not None and s.alias_info.is_write for s in node.op._schema.arguments]
        args = tuple(a.clone() if w and isinstance(a, torch.Tensor) else a for a, w in zip(args, written, strict=False))
    with Double():
        return node.op(*args, **kwargs)


def evaluate(
    nodes: list[Node],
    k: int,
    given: Mapping[int, Any],
    parameters: Mapping[str, Any] | None = None,
    lifted: frozenset[int] = frozenset(),
) -> Any:
    """Return the value of a node from given ones, with autograd as the user's code had it, but for cuts lifted.

    Raises
    ------
    KeyError : if it depends on an input or a state that is not given.
    """
    values: dict[int, Any] = dict(given)
    todo = [k]
    while todo:
        i = todo[-1]
        if i in values:
            todo.pop()
            continue
        node = nodes[i]
        if node.kind in ("x", "state"):
            raise KeyError(i)
        if node.kind in ("parameter", "constant", "buffer"):
            values[i] = (parameters or {}).get(node.name, node.value)
            continue
        missing = [o for o in node.operands() if o not in values]
        if missing:
            todo += missing
            continue
        if i in lifted and (node.name in SAME or node.kind == "function"):
            values[i] = values[node.operands()[0]]
            continue
        value = execute(node, values)
        values[i] = value.detach() if node.cut and i not in lifted else value
    return values[k]
