"""Which autograd.Functions of a step are spikes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from gradcert.models.reading.framework import Framework
from gradcert.models.reading.pytorch.run import evaluate, execute
from gradcert.models.reading.record import Node, Ref
from gradcert.models.reading.spikes import GRID, Found, Kind, jump_of
from gradcert.models.reading.straight import spikes
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


def find(nodes: list[Node], moving: frozenset[int], framework: Framework) -> dict[int, Found]:
    """Return node -> spike; `moving` are the nodes that depend on input or state."""
    return spikes(nodes, moving, framework, _function)


def _function(nodes: list[Node], k: int, moving: frozenset[int]) -> Found | None:
    node = nodes[k]
    if not isinstance(node.args[0], Ref) or any(i in moving for i in node.operands()[1:]):
        return None
    if not node.floating or node.shape != nodes[node.args[0].node].shape:
        return None
    rest = tuple(evaluate(nodes, v.node, {}).detach() if isinstance(v, Ref) else v for v in node.args[1:])
    call = Node("function", node.name, node.op, (Ref(0), *rest))

    def apply(x: Any) -> Any:
        return execute(call, [x])

    def values(x: Array) -> Array:
        found: Array = apply(torch.from_numpy(np.array(x))).detach().numpy()
        return found

    try:
        tried, again = values(GRID), values(GRID)
        if not np.array_equal(tried, again) and set(np.unique(tried).tolist()) <= {0.0, 1.0}:
            raise GradcertError(f"the spikes of {node.name} at {node.where} are random", do="read it with them off")
        jump = jump_of(values)
    except GradcertError:
        raise
    except Exception:  # whatever a stranger's code raises: no function of its first argument, value by value
        return None
    if jump is None:
        return None
    level, strict = jump
    kind = Kind(node.name, slope_of(lambda x: apply(x + level)), strict, node.where, (node.op, rest), level)
    return Found(kind, node.args[0].node, level=level)


def slope_of(function: Callable[[Any], Any]) -> Callable[[Array], Array]:
    """Return the derivative of a function of one tensor, value by value, on arrays."""

    def derivative(x: Array) -> Array:
        with torch.enable_grad():
            leaf = torch.from_numpy(np.array(x)).requires_grad_()
            y = function(leaf)
            found = torch.autograd.grad(y.sum(), leaf)[0] if y.requires_grad else torch.zeros_like(leaf)
        out: Array = found.numpy()
        return out

    return derivative
