"""Modules that take a whole sequence in one call: the loop over time inside is found in the record, and folded.

A call on a few steps is recorded. Its operations are the same ones over and over while the loop runs; what a repetition
reads of the one before is a state, and what it read the first time is where the state begins. A second record, of one
step, gives the step itself (a module that projects all inputs at once does so for this one); where the loop runs over a
constant input, the step is a repetition of the first record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_map

from gradcert.models.reading.pytorch.beginnings import completed, not_found
from gradcert.models.reading.pytorch.capture import Way, merged, refuse_scripts
from gradcert.models.reading.pytorch.collect import SUMMED
from gradcert.models.reading.pytorch.held import doubled, peek, slots
from gradcert.models.reading.pytorch.lower import FILLED
from gradcert.models.reading.pytorch.recorder import Recorder, autocast_seen_by, functions_seen_by
from gradcert.models.reading.pytorch.whole import refuse_around, refuse_axis, refuse_samples
from gradcert.models.reading.record import Node, Ref, Slot, Step, leads_to, owners
from gradcert.reference.errors import GradcertError

STEPS = 5  # of the longer record
LONG = 9  # and of the one in which cuts are counted
INSIDE = "inside"
SHAPED = (*FILLED, "full_like", "new_full", "empty_like")  # which take the shape of something, and no number of it
COMPUTED = ("op", "function", "item")


def fold(module: Any, x: Any, time: int | str) -> tuple[Step, Way]:
    """Record a module that takes a sequence, as a step.

    Parameters
    ----------
    x : an example input of the module: with an axis of time, or without, where the module's loop is over one input.
    time : the axis of time, 0 or 1, or ``inside``.
    """
    if time not in (0, 1, INSIDE):
        raise GradcertError(f"time={time!r}", allowed=f"0 or 1, the axis of time in x, or {INSIDE!r}")
    refuse_scripts(module)
    x = x.double() if x.is_floating_point() else x
    axis = time if isinstance(time, int) else None
    autocast: dict[str, str] = {}
    long, ends = _recorded(module, _steps(x, axis, STEPS), autocast)
    try:
        loops = _loops(long, None if axis is None else STEPS)
    except GradcertError:
        refuse_chunks(module, x, axis)
        if axis is not None:
            refuse_axis(module, axis, long, _recorded(module, _steps(x, axis, 1))[0], loop=False)
        raise
    if axis is None:
        step, steps = _from_loop(long, ends, *_only(loops))
        way = Way("none", None, 0, None, INSIDE, steps)
    else:
        short, ends = _recorded(module, _steps(x, axis, 1))
        refuse_axis(module, axis, long, short, loop=True)
        refuse_around(module, long, short, STEPS)
        refuse_samples(short, ends, x.shape[1 - axis])
        try:
            step = _with_states(short, ends, long, loops)
        except GradcertError:
            refuse_chunks(module, x, axis)
            raise
        way = Way("none", None, 0, axis, axis)
    step = _pruned(step)
    to = merged(step.nodes)
    step = replace(
        step,
        outputs=tuple(to.get(o, o) for o in step.outputs),
        slots=tuple(replace(s, update=to.get(s.update, s.update)) for s in step.slots),
        autocast=autocast,
    )
    for node in step.nodes:
        node.value = node.value.detach() if node.kind in ("parameter", "constant", "buffer") else None
    return step, way


def averaged(step: Step, collects: tuple[str, ...]) -> Step | None:
    """Return a step without the sums that it divides by the number of steps: what it adds up is what it returns.

    Parameters
    ----------
    collects : what each result is of the outputs of all steps.

    Returns
    -------
    The step; None where no result is such a mean, of a sum that begins with 0 and that nothing else reads.
    """
    nodes, found = step.nodes, step.slots
    outputs, plain = list(step.outputs), [_divided(nodes, k) for k in step.outputs]
    for k, how in enumerate(collects):
        for slot in [s for s in found if how == SUMMED and s.update == plain[k] and not bool((s.initial != 0).any())]:
            added = _added(nodes[slot.update], slot.node)
            readers = [*outputs[:k], *outputs[k + 1 :], *(s.update for s in found if s is not slot)]
            if added is None or nodes[added].shape != nodes[slot.update].shape:
                continue
            if not any({slot.node, slot.update} & leads_to(nodes, i) for i in (*readers, added)):
                outputs[k], found = added, tuple(s for s in found if s is not slot)
    return None if outputs == [*step.outputs] else _pruned(replace(step, outputs=tuple(outputs), slots=found))


def _divided(nodes: list[Node], k: int) -> int:
    """Return what a result of one step is divided by the number of steps, 1."""
    node = nodes[k]
    while node.name in ("div", "mul", "div_", "mul_") and not node.cut and node.args[1:] == (1,) and not node.kwargs:
        k = node.args[0].node
        node = nodes[k]
    return k


def _added(node: Node, k: int) -> int | None:
    """Return what a node adds to another one; None where it is no such sum."""
    terms = [a.node for a in node.args if isinstance(a, Ref)]
    plain = node.name in ("add", "add_") and not node.cut and not node.kwargs and len(node.args) == len(terms) == 2
    return terms[terms[0] == k] if plain and k in terms and terms[0] != terms[1] else None


def refuse_loop(module: Any, x: Any, step: Step) -> None:
    """Raise for a module without a state, read as one step, that repeats itself: it loops over time.

    Layers that are alike repeat operations too, each with weights of its own; a loop over time has the same ones.
    More samples are given than the example has: a loop over the first axis, which may broadcast, repeats itself often.
    """
    if any(_reads(step.nodes, end, "state") for end in step.outputs):
        return
    x = x.double() if x.is_floating_point() else x
    try:
        nodes, _ = _recorded(module, _steps(x, 0, STEPS))
    except Exception:  # whatever a module of one number of samples raises
        nodes, _ = _recorded(module, x)
    try:
        loops = _loops(nodes, None)
    except GradcertError:
        return
    for ops, start, period in loops:
        count = _repeated(nodes, ops, start, period)
        inside = {*ops[start : start + count * period]}
        turns = [ops[start + turn * period : start + (turn + 1) * period] for turn in range(count)]
        outer = [{*_weights(nodes, [o for k in turn for o in nodes[k].operands()], inside)} for turn in turns]
        if outer[0] and all(w == outer[0] for w in outer):
            raise GradcertError(
                f"the module repeats its own operations {count} times, from {nodes[ops[start]].where}, and has no state"
                " that it is given or keeps: it loops over time itself",
                allowed="a module of one step, or one of whole sequences with its axis of time",
                do='say where time is: time="inside" for a loop over one input, time=0 or 1 for its axis in x; on the'
                " command line --time inside, --time 0 or 1",
            )


def _weights(nodes: list[Node], todo: list[int], inside: set[int]) -> Iterator[str]:
    """Yield the parameters that nodes are made of, without a look into operations of a loop other than views."""
    for k in todo:
        if nodes[k].kind == "parameter":
            yield nodes[k].name
        elif k not in inside or nodes[k].name in ("t", "transpose", "view", "expand"):
            yield from _weights(nodes, nodes[k].operands(), inside) if nodes[k].kind == "op" else ()


def refuse_chunks(module: Any, x: Any, axis: int | None) -> None:
    """Raise for a module that takes sequences and cuts what goes back at some of its steps only.

    What cuts at every step runs once more where there is a step more; what cuts between chunks does not do so at three
    lengths in a row, unless chunks are of one step.
    """
    if axis is None:
        return
    records = [_recorded(module, _steps(x, axis, steps))[0] for steps in (LONG, LONG + 1, LONG + 2)]
    if len(records[0]) == len(records[-1]):  # nothing is done for a step more: there is no loop over that axis
        return
    counts = [_cuts(record) for record in records]
    for place, most in counts[-1].items():
        if min(b[place] - a[place] for a, b in pairwise(counts)) <= 0 < most:
            if names := _parameters_cut(records[-1], place):
                raise GradcertError(
                    f"{' and '.join(names)}: a parameter is cut at some steps only, at {place}",
                    allowed="cuts that are the same at every step",
                    do="cut a parameter at every step, or at none; or certify the gradients that come out:"
                    " gradcert.adapters.torch.subject(...)",
                )
            raise GradcertError(
                f"the module's backward is cut at some steps only, at {place}: truncated BPTT inside it",
                allowed="cuts that are the same at every step",
                do="give a module of one step, and cut in the loop around it; or certify the gradients that come out:"
                " gradcert.adapters.torch.subject(...), with the claim tbptt-chunks(K)",
            )


def _parameters_cut(nodes: list[Node], place: str) -> list[str]:
    """Return the parameters that are cut at a place, where nothing is cut there but what is made of parameters."""
    cut = [k for k, node in enumerate(nodes) if node.cut and node.kind != "unread" and node.where == place]
    if any(_reads(nodes, k, "x") for k in cut):
        return []
    return list(dict.fromkeys(name for k in cut for name in owners(nodes, k)))


def _cuts(nodes: list[Node]) -> Counter[str]:
    """Return how often each place ran what cuts there at least once: what has no history yet is not cut."""
    own = [node for node in nodes if node.kind != "unread" and node.name.rstrip("_") not in SHAPED]
    cutting = {(node.where, node.name) for node in own if node.cut}
    return Counter(node.where for node in own if (node.where, node.name) in cutting)


def _steps(x: Any, axis: int | None, count: int) -> Any:
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


def _recorded(module: Any, x: Any, autocast: dict[str, str] | None = None) -> tuple[list[Node], list[int]]:
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


def _signature(nodes: list[Node], k: int) -> Any:
    """Return what an operation is, without what it is applied to; which item is left out, for items are steps."""
    node = nodes[k]
    if node.kind == "item" or node.name == "select":
        return (node.kind, node.name, node.shape)
    plain = tree_map(lambda v: "*" if isinstance(v, Ref) else v, (node.args, node.kwargs))
    return (node.kind, node.name, str(node.op), node.shape, repr(plain))


def _loops(nodes: list[Node], steps: int | None) -> list[tuple[list[int], int, int]]:
    """Return every loop: the operations of the record, where it starts among them, and how many a repetition has.

    The first step may run code of its own, that makes states: so many repetitions less one are a loop of `steps`.
    """
    ops = [k for k, n in enumerate(nodes) if n.kind in COMPUTED]
    signs = [_signature(nodes, k) for k in ops]
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
    return any(not before & {*nodes[o].operands()} for o in read if _reads(nodes, o, "x"))


def _only(loops: list[tuple[list[int], int, int]]) -> tuple[list[int], int, int]:
    if len(loops) > 1:
        raise GradcertError(f"{len(loops)} loops over time with a constant input", allowed="one loop")
    return loops[0]


def _with_states(short: list[Node], ends: list[int], long: list[Node], loops: list[tuple[list[int], int, int]]) -> Step:
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


def _aligned(
    nodes: list[Node], ops: list[int], long: list[Node], body: list[int], *, backwards: bool = False
) -> dict[int, int]:
    """Return place in a repetition -> the operation that is the same among others, of equal ones the first or last."""
    if backwards:
        found = _aligned(nodes, ops[::-1], long, body[::-1])
        return {len(body) - 1 - i: k for i, k in sorted(found.items(), reverse=True)}
    ours, theirs = [_signature(nodes, k) for k in ops], [_signature(long, k) for k in body]
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
    if _reads(nodes, k, "x"):
        raise GradcertError(
            f"a state that begins with a function of the input, at {where}",
            do="begin with torch.zeros(batch, units) before the loop over time; or give the module one step",
        )
    if _reads(nodes, k, "parameter"):
        raise GradcertError(
            f"a state that begins with what is trained, at {where}",
            allowed="a state that begins with fixed values",
            do="give the module one step, and pass its first state: module(x, state)",
        )


def _reads(nodes: list[Node], k: int, kind: str) -> bool:
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


def _replaced(node: Node, swap: dict[int, Ref]) -> Node:
    count = iter(range(10**6))
    args, kwargs = tree_map(lambda v: swap.get(next(count), v), (node.args, node.kwargs))
    return replace(node, args=args, kwargs=kwargs)


def _flat(node: Node) -> list[Any]:
    leaves: list[Any] = tree_flatten((node.args, node.kwargs))[0]
    return leaves


def _from_loop(nodes: list[Node], ends: list[int], ops: list[int], start: int, period: int) -> tuple[Step, int]:
    """Return a repetition as a step, for a loop over a constant input, and how many there are."""
    count = _repeated(nodes, ops, start, period)
    body = [ops[start + period + i] for i in range(period)]
    before = {ops[start + i]: i for i in range(period)}
    begins = {i: ops[start + i] for i in range(period)}
    if not _is_first(nodes, ops, start, period):  # a first step runs code of its own
        count, begins = count + 1, _aligned(nodes, ops[:start], nodes, body)
    kept = list(nodes)
    found = _stated(kept, body, nodes, body, before, nodes, begins, 0)
    outputs = tuple(body[_collected(nodes, end, ops, start, period)] for end in ends)
    return Step(kept, 0, outputs, tuple(found), 0, ()), count


def _repeated(nodes: list[Node], ops: list[int], start: int, period: int) -> int:
    """Return how often the operations from a place are repeated, the first time included."""
    signs = [_signature(nodes, k) for k in ops]
    count = 1
    while signs[start + count * period : start + (count + 1) * period] == signs[start : start + period]:
        count += 1
    return count


def _is_first(nodes: list[Node], ops: list[int], start: int, period: int) -> bool:
    """Return whether the operations from a place read something else than the results of a repetition before them."""
    place = {k: i for i, k in enumerate(ops)}
    for i in range(period):
        for mine, next_ in zip(
            nodes[ops[start + i]].operands(), nodes[ops[start + period + i]].operands(), strict=True
        ):
            ours = start <= place.get(next_, -1) < start + period
            if ours and _signature(nodes, mine) != _signature(nodes, next_):
                return True
    return False


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


def _pruned(step: Step) -> Step:
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


def _collected(nodes: list[Node], end: int, ops: list[int], start: int, period: int) -> int:
    """Return which operation of a repetition a result collects."""
    stop = start + period * _repeated(nodes, ops, start, period)
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
