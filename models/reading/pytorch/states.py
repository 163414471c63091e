"""Steps of a recorded loop over time: what a repetition reads of the one before is a state, with its first value."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from torch.utils._pytree import tree_flatten, tree_map

from gradcert.models.reading.pytorch.beginnings import completed, not_found
from gradcert.models.reading.pytorch.loops import COMPUTED, reads, repeated, signature
from gradcert.models.reading.record import Node, Ref, Slot, Step, leads_to
from gradcert.reference.errors import GradcertError


def with_states(short: list[Node], ends: list[int], long: list[Node], loops: list[tuple[list[int], int, int]]) -> Step:
    """Return the record of one step, with states in the places that a repetition reads of the one before."""
    ops = [k for k, n in enumerate(short) if n.kind in COMPUTED]
    at, found, nodes = 0, [], list(short)
    for number, (far, start, period) in enumerate(loops):
        body = [far[start + period + i] for i in range(period)]
        mine = _aligned(short, ops[at:], long, body)
        before = {far[start + i]: i for i in range(period)}
        if len(mine) < period:
            try:
                nodes, mine, moved = completed(nodes, ops[at:], mine, long, body, before)
            except GradcertError:  # of equal operations the last ones may be the same ones, and not the first
                mine = _aligned(short, ops[at:], long, body, backwards=True)
                nodes, mine, moved = completed(nodes, ops[at:], mine, long, body, before)
            ends = [moved.get(end, end) for end in ends]
            at = max(ops.index(k) for k in (*mine.values(), *moved) if k in ops) + 1
        else:
            at = ops.index(mine[period - 1]) + 1
        for i, k in enumerate(body):  # in a first step nothing has a history, so that nothing shows as cut
            nodes[mine[i]] = replace(nodes[mine[i]], cut=long[k].cut)
        found += _stated(nodes, [mine[i] for i in range(period)], long, body, before, nodes, mine, number)
    return Step(nodes, 0, tuple(ends), tuple(found), 0, ())


def from_loop(nodes: list[Node], ends: list[int], loops: list[tuple[list[int], int, int]]) -> tuple[Step, int]:
    """Return a repetition as a step, for a loop over a constant input, and how many there are."""
    if len(loops) > 1:
        raise GradcertError(f"{len(loops)} loops over time with a constant input", allowed="one loop")
    ops, start, period = loops[0]
    count = repeated(nodes, ops, start, period)
    body = [ops[start + period + i] for i in range(period)]
    before = {ops[start + i]: i for i in range(period)}
    begins = {i: ops[start + i] for i in range(period)}
    if not _is_first(nodes, ops, start, period):  # a first step runs code of its own
        count, begins = count + 1, _aligned(nodes, ops[:start], nodes, body)
    kept = list(nodes)
    found = _stated(kept, body, nodes, body, before, nodes, begins, 0)
    outputs = tuple(body[_collected(nodes, end, ops, start, period)] for end in ends)
    return Step(kept, 0, outputs, tuple(found), 0, ()), count


def _is_first(nodes: list[Node], ops: list[int], start: int, period: int) -> bool:
    """Return whether the operations from a place read something else than the results of a repetition before them."""
    place = {k: i for i, k in enumerate(ops)}
    for i in range(period):
        for mine, next_ in zip(
            nodes[ops[start + i]].operands(), nodes[ops[start + period + i]].operands(), strict=True
        ):
            ours = start <= place.get(next_, -1) < start + period
            if ours and signature(nodes, mine) != signature(nodes, next_):
                return True
    return False


def _aligned(
    nodes: list[Node], ops: list[int], long: list[Node], body: list[int], *, backwards: bool = False
) -> dict[int, int]:
    """Return place in a repetition -> the operation that is the same among others, of equal ones the first or last."""
    if backwards:
        found = _aligned(nodes, ops[::-1], long, body[::-1])
        return {len(body) - 1 - i: k for i, k in sorted(found.items(), reverse=True)}
    ours, theirs = [signature(nodes, k) for k in ops], [signature(long, k) for k in body]
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return {block.b + i: ops[block.a + i] for block in blocks for i in range(block.size)}


def _stated(
    nodes: list[Node],
    mine: list[int],
    long: list[Node],
    body: list[int],
    before: dict[int, int],
    first: list[Node],
    begins: dict[int, int],
    number: int,
) -> list[Slot]:
    """Replace, in a step's operations, what comes from the step before by states; return them.

    Parameters
    ----------
    nodes, mine : where the step is, and its operations by their place in a repetition.
    long, body, before : the long record, a repetition in it, and operation of the one before -> its place.
    first, begins : the record of a first step, and place in a repetition -> its operation: where states begin.
    """
    states: dict[int, int] = {}
    starts: dict[int, tuple[Any, tuple[str, ...]]] = {}
    readers = [
        (offset, spot, before[ref.node], ref.node)
        for offset, k in enumerate(body)
        for spot, ref in enumerate(_flat(long[k]))
        if isinstance(ref, Ref) and ref.node in before
    ]
    for offset, spot, origin, _ in readers:
        if origin not in starts and offset in begins:
            start = _flat(first[begins[offset]])[spot].node
            _refuse_beginning(first, start)
            kept = sorted({first[k].name for k in leads_to(first, start) if first[k].kind == "buffer"})
            starts[origin] = first[start].value.detach().clone(), tuple(kept)
    swaps: dict[int, dict[int, Ref]] = {}
    found: list[Slot] = []
    for offset, spot, origin, example in readers:
        if origin not in states:
            if origin not in starts:
                raise not_found(long[body[offset]].where)
            shape = long[example].shape
            states[origin] = len(nodes)
            nodes.append(Node("state", f"state{number}.{origin}", shape=shape))
            value, kept_at = starts[origin]
            name = f"state{number}_{len(found)}"
            found.append(Slot(name, value.expand(shape), states[origin], mine[origin], kept_at))
        swaps.setdefault(offset, {})[spot] = Ref(states[origin])
    for offset, swap in swaps.items():
        nodes[mine[offset]] = _replaced(nodes[mine[offset]], swap)
    return found


def _refuse_beginning(nodes: list[Node], k: int) -> None:
    """Raise for a state whose first value is none that is fixed."""
    where = next((nodes[i].where for i in sorted(leads_to(nodes, k), reverse=True) if nodes[i].where), "the step")
    if reads(nodes, k, "x"):
        raise GradcertError(
            f"a state that begins with a function of the input, at {where}",
            do="begin with torch.zeros(batch, units) before the loop over time; or give the module one step",
        )
    if reads(nodes, k, "parameter"):
        raise GradcertError(
            f"a state that begins with what is trained, at {where}",
            allowed="a state that begins with fixed values",
            do="give the module one step, and pass its first state: module(x, state)",
        )


def _replaced(node: Node, swap: dict[int, Ref]) -> Node:
    count = iter(range(10**6))
    args, kwargs = tree_map(lambda v: swap.get(next(count), v), (node.args, node.kwargs))
    return replace(node, args=args, kwargs=kwargs)


def _flat(node: Node) -> list[Any]:
    leaves: list[Any] = tree_flatten((node.args, node.kwargs))[0]
    return leaves


def _collected(nodes: list[Node], end: int, ops: list[int], start: int, period: int) -> int:
    """Return which operation of a repetition a result collects."""
    stop = start + period * repeated(nodes, ops, start, period)
    place = {k: (i - start) % period for i, k in enumerate(ops) if start <= i < stop}
    todo, found = [end], set()
    while todo:
        k = todo.pop()
        if k in place:
            found.add(place[k])
        else:
            todo += nodes[k].operands()
    if len(found) != 1:
        raise GradcertError(f"a result that collects {len(found)} values of a step", allowed="one value of every step")
    return found.pop()
