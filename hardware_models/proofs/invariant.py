"""Invariants: the box of states that a description never leaves, found by interval iteration, proved by a solver."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from gradcert.hardware_models.arithmetic import smallest_format
from gradcert.hardware_models.description.program import LEAVES, Program, elaborate
from gradcert.hardware_models.description.ranges import Range, clipped, exact, rounded
from gradcert.hardware_models.description.terms import int_step
from gradcert.hardware_models.solver import Verdict, prove
from gradcert.reference.errors import GradcertError

MAXIMUM_STEPS = 60_000
PLAIN = 12  # steps of interval iteration between attempts to jump to a fixed point


def base(name: str) -> str:
    """Return the name before elaboration, or of the sum that a partial sum belongs to."""
    return name.partition("[")[0]


def propagate(flat: Program, states: Mapping[str, Range], limited: Collection[str]) -> dict[str, Range]:
    """Return the range of every intermediate; only nodes whose base name is in `limited` keep their format's limits."""
    ranges: dict[str, Range] = {}
    nodes = {n.name: n for n in flat.nodes}
    for node in flat.nodes:
        if node.kind == "state":
            ranges[node.name] = states[node.name]
        elif node.kind == "constant":
            ranges[node.name] = (node.stored[0], node.stored[0])
        elif node.kind in LEAVES:
            ranges[node.name] = node.bounds
        else:
            after = rounded(exact(node, {a: (nodes[a], ranges[a]) for a in node.args}), node)
            ranges[node.name] = clipped(after, node) if base(node.name) in limited else after
    return ranges


def box(
    program: Program, *, limited: Collection[str] = (), start: Mapping[str, Range] | None = None
) -> dict[str, Range]:
    """Return ranges of all intermediates for all time, without any width limit but that of the `limited` nodes.

    From the initial state, or from `start`: ranges of states (before elaboration) that are loaded with something else.

    Raises GradcertError where the states grow without bound (an accumulator without leak, a weight that is not
    limited).

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> box(trace_unit(Format.parse("u8q0"), leak=0.5, leak_bits=4, increment=8))["e.next"]
    (0, 15)
    """
    flat = elaborate(program)
    first = {n.name: (flat.initial[n.name],) * 2 for n in flat.of_kind("state")}
    states = {name: (start or {}).get(base(name), reset) for name, reset in first.items()}
    width = max((n.format.width for n in flat.of_kind("state")), default=1)
    roof = 1 << (width + 40)
    for turn in range(MAXIMUM_STEPS):
        ranges = propagate(flat, states, limited)
        grown = {}
        for name, (low, high) in states.items():
            after = ranges[flat.next[name]]
            grown[name] = (min(low, after[0]), max(high, after[1]))
        if grown == states:
            return ranges
        slow = [name for name in states if grown[name] != states[name]]
        states = grown
        if any(high > roof or low < -roof for low, high in states.values()):
            break
        if turn % PLAIN == PLAIN - 1:
            # a slow leak needs thousands of steps to its fixed point: bisection finds it, given the other states
            found = {name: _closed(flat, name, states, limited) for name in slow}
            if None in found.values():
                break  # no range of that state is closed, and the others only grow
            states |= {name: closed for name, closed in found.items() if closed is not None}
    raise GradcertError(
        f"{program.name}: no bounded invariant found",
        do="limit the registers that saturate by design (weights, accumulators) with limited=",
    )


def _closed(flat: Program, name: str, states: Mapping[str, Range], limited: Collection[str]) -> Range | None:
    """Return the smallest range of one state that a step maps into itself while the other states keep theirs."""
    start = states[name]

    def after(low: int, high: int) -> Range:
        return propagate(flat, {**states, name: (low, high)}, limited)[flat.next[name]]

    size = 1
    while size < 1 << 60:
        size *= 2
        low, high = after(start[0] - size, start[1] + size)
        if low >= start[0] - size and high <= start[1] + size:
            break
    else:
        return None
    bottom, top = start[0] - size, start[1] + size
    inside, outside = top, start[1] - 1
    while inside - outside > 1:
        middle = (inside + outside) // 2
        inside, outside = (middle, outside) if after(bottom, middle)[1] <= middle else (inside, middle)
    top, inside, outside = inside, bottom, start[0] + 1
    while outside - inside > 1:
        middle = (inside + outside) // 2
        inside, outside = (middle, outside) if after(middle, top)[0] >= middle else (inside, middle)
    return inside, top


def union(ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Return ranges by base name, over all indices and partial sums.

    Examples
    --------
    >>> union({"v[0]": (0, 3), "v[1]": (-1, 2)})
    {'v': (-1, 3)}
    """
    out: dict[str, Range] = {}
    for name, (low, high) in ranges.items():
        key = base(name)
        old = out.get(key, (low, high))
        out[key] = (min(old[0], low), max(old[1], high))
    return out


def safe(program: Program, *, limited: Collection[str] = ()) -> Program:
    """Return the program with every width set to the smallest that its invariant needs; `limited` nodes keep theirs."""
    ranges = union(box(program, limited=limited))
    feeds = {source: state for state, source in program.next.items()}
    nodes = []
    for node in program.nodes:
        linked = feeds.get(node.name, node.name)
        low, high = ranges[linked if node.kind != "state" else node.name]
        if node.kind in ("input", "random", "constant") or node.name in limited or linked in limited:
            nodes.append(node)
            continue
        fit = smallest_format(min(low, -1) if node.format.signed else low, high, node.format.radix)
        nodes.append(replace(node, numeric=replace(node.numeric, format=fit)))
    return replace(program, nodes=tuple(nodes))


def induction(
    program: Program, ranges: Mapping[str, Range], *, limited: Collection[str] = (), second: bool = False
) -> Verdict:
    """Prove that the box is closed under a step and that nothing in it overflows, but for the `limited` nodes.

    Products of two variables are replaced by their McCormick envelopes over the box: sound, and linear.
    """
    import z3

    step = int_step(program, box=ranges)
    flat = step.program
    assume = list(step.assume)
    goals = []
    for state in flat.of_kind("state"):
        low, high = ranges[state.name]
        assume += [step.values[state.name] >= low, step.values[state.name] <= high]
        following = step.values[flat.next[state.name]]
        goals += [following >= low, following <= high]
    goals += [z3.Not(condition) for name, condition in step.overflow.items() if base(name) not in limited]
    return prove(z3.And(*goals), assume, second=second)
