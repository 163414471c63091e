"""Modules of one step that loop over time, and modules of sequences that are cut at some steps only: refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from gradcert.models.reading.pytorch.loops import SHAPED, STEPS, loops_of, reads, recorded, repeated, steps_of
from gradcert.models.reading.record import Node, Step, owners
from gradcert.reference.errors import GradcertError

LONG = 9  # steps of a record in which cuts are counted


def refuse_loop(module: Any, x: Any, step: Step) -> None:
    """Raise for a module without a state, read as one step, that repeats itself: it loops over time.

    Layers that are alike repeat operations too, each with weights of its own; a loop over time has the same ones.
    More samples are given than the example has: a loop over the first axis, which may broadcast, repeats itself often.
    """
    if any(reads(step.nodes, end, "state") for end in step.outputs):
        return
    x = x.double() if x.is_floating_point() else x
    try:
        nodes, _ = recorded(module, steps_of(x, 0, STEPS))
    except Exception:  # whatever a module of one number of samples raises
        nodes, _ = recorded(module, x)
    try:
        loops = loops_of(nodes, None)
    except GradcertError:
        return
    for ops, start, period in loops:
        count = repeated(nodes, ops, start, period)
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
    records = [recorded(module, steps_of(x, axis, steps))[0] for steps in (LONG, LONG + 1, LONG + 2)]
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
    if any(reads(nodes, k, "x") for k in cut):
        return []
    return list(dict.fromkeys(name for k in cut for name in owners(nodes, k)))


def _cuts(nodes: list[Node]) -> Counter[str]:
    """Return how often each place ran what cuts there at least once: what has no history yet is not cut."""
    own = [node for node in nodes if node.kind != "unread" and node.name.rstrip("_") not in SHAPED]
    cutting = {(node.where, node.name) for node in own if node.cut}
    return Counter(node.where for node in own if (node.where, node.name) in cutting)
