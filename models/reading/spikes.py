"""Which operations of a step are spikes, and what passes through them backwards.

A spike is an autograd.Function whose values are 0 and 1 alone, a step; or straight-through: something detached and
something smooth which together are a step; or a comparison, through which nothing passes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from gradcert.models.reading.record import Node, Ref
from gradcert.models.reading.run import evaluate, execute, leads_to
from gradcert.reference.errors import GradcertError

GRID = torch.cat([torch.linspace(-4, 4, 161, dtype=torch.float64), torch.tensor([1e-9, -1e-9, 0.0]).double()])
PAIRS = {"gt": (">", True), "ge": (">=", True), "lt": (">=", False), "le": (">", False)}


@dataclass(frozen=True)
class Kind:
    """A kind of spike: the function of its argument, as the user's code has it.

    Attributes
    ----------
    name : of the Function, or what it is.
    apply : the function, on tensors; its backward is the pseudo-derivative.
    strict : whether it is silent at 0.
    where : file and line. `function` : the autograd.Function that it is, and its other arguments.
    """

    name: str
    apply: Callable[[Any], Any]
    strict: bool
    where: str
    function: tuple[Any, tuple[Any, ...]] | None = None

    def slope(self, x: Any) -> Any:
        """Return the pseudo-derivative as the user's own backward gives it, for a tensor."""
        with torch.enable_grad():
            x = x.detach().clone().requires_grad_()
            y = self.apply(x)
            return torch.autograd.grad(y.sum(), x)[0].detach() if y.requires_grad else torch.zeros_like(x)


@dataclass(frozen=True)
class Found:
    """A spike in the record: its kind, the node that it compares with 0, and nodes that are its own affair."""

    kind: Kind
    argument: int
    inner: frozenset[int] = frozenset()


def find(nodes: list[Node], moving: frozenset[int]) -> dict[int, Found]:
    """Return node -> spike; `moving` are the nodes that depend on input or state."""
    out: dict[int, Found] = {}
    for k, node in enumerate(nodes):
        if node.kind == "function" and k in moving and (found := _function(nodes, k, moving)):
            out[k] = found
        elif node.kind == "op" and node.name in ("add", "sub") and k in moving and (found := _straight(nodes, k)):
            out[k] = found
    return out


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

    with torch.no_grad():
        values = [apply(GRID.clone()) for _ in range(2)]
    if not torch.equal(*values) and set(values[0].unique().tolist()) <= {0.0, 1.0}:
        raise GradcertError(f"the spikes of {node.name} at {node.where} are random", do="read it with them off")
    if not _is_step(values[0]):
        return None
    return Found(Kind(node.name, apply, _strict(apply), node.where, (node.op, rest)), node.args[0].node)


def _straight(nodes: list[Node], k: int) -> Found | None:
    """Find ``(hard - soft).detach() + soft``."""
    node = nodes[k]
    if not any(nodes[i].cut for i in node.operands()):
        return None
    members = leads_to(nodes, k)
    compared = [i for i in members if nodes[i].name in ("gt", "ge")]
    if len(compared) != 1 or not isinstance(nodes[compared[0]].args[0], Ref):
        return None
    root, level = nodes[compared[0]].args[0].node, nodes[compared[0]].args[1]
    if not isinstance(level, (int, float)):
        return None

    def apply(x: Any) -> Any:
        return evaluate(nodes, k, {root: x + level})

    try:
        value = apply(GRID.clone()).detach()
    except KeyError:  # not a function of the root alone
        return None
    if not _is_step(value.round(decimals=12)):
        return None
    inner = frozenset(i for i in members if root in leads_to(nodes, i)) - {root}
    strict = nodes[compared[0]].name == "gt"
    return Found(Kind("a straight-through step", apply, strict, node.where), root, inner)


def _is_step(value: Any) -> bool:
    return set(value.unique().tolist()) <= {0.0, 1.0} and value[0] == 0 and value[160] == 1


def _strict(apply: Callable[[Any], Any]) -> bool:
    with torch.no_grad():
        return bool(apply(torch.zeros(1, dtype=torch.float64))[0] == 0)


def comparison(relation: str, where: str) -> Kind:
    """Return the spike that a comparison with 0 is: nothing passes backwards."""

    def apply(x: Any) -> Any:
        return (x > 0).to(x.dtype) if relation == ">" else (x >= 0).to(x.dtype)

    return Kind("a comparison", apply, relation == ">", where)
