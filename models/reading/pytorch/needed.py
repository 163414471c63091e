"""Steps without the operations that nothing needs, in an order in which they can run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch.utils._pytree import tree_map

from gradcert.models.reading.record import Node, Ref, Step


def pruned(step: Step) -> Step:
    """Return a step without the operations that nothing needs."""
    needed: set[int] = {step.x}
    todo = [*step.outputs, *(slot.update for slot in step.slots), *(slot.node for slot in step.slots)]
    while todo:
        k = todo.pop()
        if k not in needed:
            needed.add(k)
            todo += step.nodes[k].operands()
    order = [step.x, *(slot.node for slot in step.slots)]
    order += _in_order(step.nodes, needed, set(order))
    to = {old: new for new, old in enumerate(order)}

    def renamed(v: Any) -> Any:
        return Ref(to[v.node]) if isinstance(v, Ref) else v

    nodes = [
        replace(n, args=tree_map(renamed, n.args), kwargs=tree_map(renamed, n.kwargs))
        for n in map(step.nodes.__getitem__, order)
    ]
    found = tuple(replace(s, node=to[s.node], update=to[s.update]) for s in step.slots)
    return Step(nodes, to[step.x], tuple(to[o] for o in step.outputs), found, 0, step.notes)


def _in_order(nodes: list[Node], needed: set[int], done: set[int]) -> list[int]:
    """Return nodes that are needed and not done, each behind what it is computed from; else by number."""
    out: list[int] = []
    seen = set(done)
    todo = sorted(needed, reverse=True)
    while todo:
        k = todo[-1]
        missing = [o for o in nodes[k].operands() if o not in seen]
        if k in seen or not missing:
            todo.pop()
            if k not in seen:
                seen.add(k)
                out.append(k)
        else:
            todo += missing
    return out
