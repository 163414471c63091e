"""Records of whole sequences, and the loops over time in them: the same operations over and over."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_map

from gradcert.models.reading.pytorch.held import doubled, peek, slots
from gradcert.models.reading.pytorch.lower import FILLED
from gradcert.models.reading.pytorch.recorder import Recorder, autocast_seen_by, functions_seen_by
from gradcert.models.reading.record import Node, Ref
from gradcert.reference.errors import GradcertError

STEPS = 5  # of a record in which loops are looked for
SHAPED = (*FILLED, "full_like", "new_full", "empty_like")  # which take the shape of something, and no number of it
COMPUTED = ("op", "function", "item")


def recorded(module: Any, x: Any, autocast: dict[str, str] | None = None) -> tuple[list[Node], list[int]]:
    """Record one call, cuts marked; what the module holds are constants. `autocast` gets what the record met of it."""
    copied = doubled(module)
    known = {id(p): ("parameter", name) for name, p in copied.named_parameters()}
    for path, slot in slots(copied).items():
        if isinstance(value := peek(slot), torch.Tensor):
            known[id(value)] = ("buffer", path)
    for p in copied.parameters():
        p.requires_grad_()
    recorder = Recorder(known)
    entering = x.clone().requires_grad_().clone()
    recorder.add(Node("x", "x"), entering)
    with torch.enable_grad(), recorder, functions_seen_by(recorder), autocast_seen_by(recorder):
        result = copied(entering)
    outputs = [t for t in tree_flatten(result)[0] if isinstance(t, torch.Tensor)]
    recorder.settle()
    if autocast is not None:
        autocast |= recorder.autocast
    ends = [recorder.node_of(o) for o in outputs if o.is_floating_point()]
    read = {ref for node in recorder.nodes for ref in node.operands()} | {*ends}
    for k, node in enumerate(recorder.nodes):  # what autograd saves, in steps that have a history and in no other
        node.kind = "unread" if node.name == "detach" and k not in read else node.kind
    return recorder.nodes, ends


def steps_of(x: Any, axis: int | None, count: int) -> Any:
    """Return an input of so many steps, the example's over and over."""
    if axis is None:
        return x
    if x.dim() < 3 - (axis == 0 and x.dim() == 2):
        raise GradcertError(
            f"an example of shape {tuple(x.shape)} with time on axis {axis}",
            allowed="(batch, time, ...)" if axis else "(time, batch, ...)",
            do=f'give one: --example "x={(2, 5, *x.shape[1:]) if axis else (5, 2, *x.shape[1:])}"',
        )
    have = x.shape[axis]
    index = torch.arange(count) % have
    return x.index_select(axis, index)


def reads(nodes: list[Node], k: int, kind: str) -> bool:
    """Return whether a value depends on the input (``x``) or a state, and not only on its shape."""
    todo, seen = [k], set()
    while todo:
        k = todo.pop()
        node = nodes[k]
        if node.kind == kind:
            return True
        if k in seen:
            continue
        seen.add(k)
        if node.name.rstrip("_") not in SHAPED:
            todo += node.operands()
    return False


def loops_of(nodes: list[Node], steps: int | None) -> list[tuple[list[int], int, int]]:
    """Return every loop: the operations of the record, where it starts among them, and how many a repetition has.

    The first step may run code of its own, that makes states: so many repetitions less one are a loop of `steps`.
    """
    ops = [k for k, n in enumerate(nodes) if n.kind in COMPUTED]
    signs = [signature(nodes, k) for k in ops]
    found: list[tuple[int, int, int]] = []  # covered, start, period
    for period in range(1, len(ops) // 2 + 1):
        start = None
        for i in range(len(ops) - period + 1):
            same = i < len(ops) - period and signs[i] == signs[i + period]
            if same and start is None:
                start = i
            elif not same and start is not None:
                covered = i - start + period
                count = steps - 1 if steps else covered // period
                last = start + covered - count * period
                turned = [i for i in range(last, max(start, last - period + 1) - 1, -1) if count >= 3]
                fits = [i for i in turned[:1] if _holds(nodes, ops, i, period, count)]
                if fits and len(turned) > 1 and _of_input(nodes, ops, last, period):  # what comes after it is alike
                    own = (i for i in turned[1:] if _holds(nodes, ops, i, period, count))
                    fits = [i for i in own if not _of_input(nodes, ops, i, period)][:1] or fits
                found += [(count * period, i, period) for i in fits]
                start = None
    chosen: list[tuple[int, int, int]] = []
    for covered, start, period in sorted(found, key=lambda f: (-f[0], f[2])):
        if all(start + covered <= s or s + c <= start for c, s, _ in chosen):
            chosen.append((covered, start, period))
    if not chosen:
        raise GradcertError(
            "no loop over time in the module",
            do="where it takes one step, leave time (--time) out; where it takes sequences, say its axis of time",
        )
    return [(ops, start, period) for _, start, period in sorted(chosen, key=lambda f: f[1])]


def _holds(nodes: list[Node], ops: list[int], start: int, period: int, count: int) -> bool:
    """Return whether repetitions read the same things of themselves and of the one before, and some read of that."""
    place = {k: i - start for i, k in enumerate(ops)}
    linked = False
    for offset in range(period):
        seen = None
        for turn in range(1, count):
            node = nodes[ops[start + turn * period + offset]]
            reads = []
            for k in node.operands():
                at = place.get(k, -1)
                own = 0 <= at < count * period
                reads.append((at % period, turn - at // period) if own else None)
            if any(r is not None and not 0 <= r[1] <= 1 for r in reads):
                return False
            linked = linked or any(r is not None and r[1] == 1 for r in reads)
            if seen is not None and reads != seen:
                return False
            seen = reads
    return linked


def _of_input(nodes: list[Node], ops: list[int], start: int, period: int) -> bool:
    """Return whether a repetition reads, of the one before, what is made of nothing that is computed in the loop."""
    before = {*ops[start : start + period]}
    read = {o for k in ops[start + period : start + 2 * period] for o in nodes[k].operands() if o in before}
    return any(not before & {*nodes[o].operands()} for o in read if reads(nodes, o, "x"))


def repeated(nodes: list[Node], ops: list[int], start: int, period: int) -> int:
    """Return how often the operations from a place are repeated, the first time included."""
    signs = [signature(nodes, k) for k in ops]
    count = 1
    while signs[start + count * period : start + (count + 1) * period] == signs[start : start + period]:
        count += 1
    return count


def signature(nodes: list[Node], k: int) -> Any:
    """Return what an operation is, without what it is applied to; which item is left out, for items are steps."""
    node = nodes[k]
    if node.kind == "item" or node.name == "select":
        return (node.kind, node.name, node.shape)
    plain = tree_map(lambda v: "*" if isinstance(v, Ref) else v, (node.args, node.kwargs))
    return (node.kind, node.name, str(node.op), node.shape, repr(plain))
