"""Modules that take a whole sequence in one call: the loop over time inside is found in the record, and folded.

A call on a few steps is recorded. Its operations are the same ones over and over while the loop runs; what a repetition
reads of the one before is a state, and what it read the first time is where the state begins. A second record, of one
step, gives the step itself (a module that projects all inputs at once does so for this one); where the loop runs over a
constant input, the step is a repetition of the first record.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gradcert.models.reading.pytorch.capture import Way, merged, refuse_scripts
from gradcert.models.reading.pytorch.collect import SUMMED
from gradcert.models.reading.pytorch.loops import STEPS, loops_of, recorded, steps_of
from gradcert.models.reading.pytorch.needed import pruned
from gradcert.models.reading.pytorch.refused import refuse_chunks
from gradcert.models.reading.pytorch.states import from_loop, with_states
from gradcert.models.reading.pytorch.whole import refuse_around, refuse_axis, refuse_samples
from gradcert.models.reading.record import Node, Ref, Step, leads_to
from gradcert.reference.errors import GradcertError

INSIDE = "inside"


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
    long, ends = recorded(module, steps_of(x, axis, STEPS), autocast)
    try:
        loops = loops_of(long, None if axis is None else STEPS)
    except GradcertError:
        refuse_chunks(module, x, axis)
        if axis is not None:
            refuse_axis(module, axis, long, recorded(module, steps_of(x, axis, 1))[0], loop=False)
        raise
    if axis is None:
        step, steps = from_loop(long, ends, loops)
        way = Way("none", None, 0, None, INSIDE, steps)
    else:
        short, ends = recorded(module, steps_of(x, axis, 1))
        refuse_axis(module, axis, long, short, loop=True)
        refuse_around(module, long, short, STEPS)
        refuse_samples(short, ends, x.shape[1 - axis])
        try:
            step = with_states(short, ends, long, loops)
        except GradcertError:
            refuse_chunks(module, x, axis)
            raise
        way = Way("none", None, 0, axis, axis)
    step = pruned(step)
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
    return None if outputs == [*step.outputs] else pruned(replace(step, outputs=tuple(outputs), slots=found))


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
