"""Proof 7: a whole learning step of a small network with the profile's declared registers.

(a) Which intermediates may overflow at all: those whose range for all time, every other register stopping or wrapping
as declared, exceeds their format; nothing else ever does, for all spike trains, targets and words in range. (b) From
equal states, while nothing but a weight overflows and both take the same decisions, every state stays within a computed
bound of the real-valued rule over T steps; each of the T steps is proved, products by the lemma
|a b - a' b'| <= max|a| |b - b'| + max|b'| |a - a'|, itself proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import z3

from gradcert.hardware_models.arithmetic import Rounding
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Node, Program, elaborate, with_lanes
from gradcert.hardware_models.description.random import random_inputs, random_states
from gradcert.hardware_models.description.ranges import Range, exact, rounded
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.description.terms import int_step
from gradcert.hardware_models.proofs.error_bound import rounding_error
from gradcert.hardware_models.proofs.invariant import base, box, induction
from gradcert.hardware_models.proofs.printed import rational, shown, upward
from gradcert.hardware_models.solver import PROVED, REFUTED, UNKNOWN, ProofRecord, Verdict, prove, worst

STEPS = 4


@cache
def product_lemma(*, second: bool = False, broken: bool = False) -> Verdict:
    """Prove |a b - a' b'| <= A |b - b'| + B' |a - a'| for |a| <= A, |b'| <= B'; the twin forgets the second term."""
    a, b, c, d, size_a, size_d, ea, eb = z3.Reals("a b c d A D ea eb")
    assume = [a <= size_a, -a <= size_a, d <= size_d, -d <= size_d, a - c <= ea, c - a <= ea, b - d <= eb, d - b <= eb]
    limit = size_a * eb + (0 if broken else size_d * ea)
    return prove(z3.And(a * b - c * d <= limit, c * d - a * b <= limit), assume, second=second)


def static_errors(flat: Program, ranges: Mapping[str, Range], states: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Return a bound on |fixed - real| of every intermediate after one step, for all values in the ranges.

    Equal decisions.
    """
    nodes = {n.name: n for n in flat.nodes}
    size = {n: max(abs(r[0]), abs(r[1])) * nodes[n].format.ulp for n, r in ranges.items()}
    out: dict[str, Fraction] = {}
    for node in flat.nodes:
        if node.kind == "state":
            out[node.name] = states[node.name]
        elif node.kind == "constant":
            out[node.name] = abs(node.format.value(node.stored[0]) - node.real[0])
        elif node.kind in ("input", "random", "ge", "gt"):
            out[node.name] = Fraction(0)
        elif node.kind in ("sign", "bernoulli"):
            # a wrong sign is two off; drawn 0 or 1 for a probability in [0, 1] is at most one off
            out[node.name] = Fraction(2 if node.kind == "sign" else 1)
        else:
            errors = [out[a] for a in node.args]
            if node.kind == "mul":
                a, b = node.args
                grown = size[a] * errors[1] + (size[b] + errors[1]) * errors[0]
            elif node.kind in ("add", "sub"):
                grown = errors[0] + errors[1]
            elif node.kind in ("select", "min", "max"):
                grown = max(errors[-2:])
            else:
                grown = errors[0] * Fraction(2) ** node.shift
            out[node.name] = grown + (rounding_error(node.numeric).size if _drops(node, nodes) else 0)
    return out


def _drops(node: Node, nodes: Mapping[str, Node]) -> bool:
    radixes = [nodes[a].format.radix for a in (node.args[1:] if node.kind == "select" else node.args)]
    return (sum(radixes) if node.kind == "mul" else max(radixes)) - node.shift > node.format.radix


def prove_step(
    network: Program, ranges: Mapping[str, Range], before: Mapping[str, Fraction], after: Mapping[str, Fraction]
) -> Verdict:
    """Prove that states within `before` of the real-valued ones are within `after` of them one step later.

    Decisions (spikes, staircase) are those of the fixed-point run in both; weights clamp in both.
    """
    flat = elaborate(network)
    nodes = {n.name: n for n in flat.nodes}
    quiet = [n.name for n in flat.operations if not _is_weight(base(n.name))]
    step = int_step(network, box=ranges, unlimited=quiet)
    assume = [*step.assume, *(z3.Not(c) for name, c in step.overflow.items() if name in quiet)]
    real: dict[str, Any] = {}
    errors = static_errors(flat, ranges, before)
    for node in flat.nodes:
        ulp = rational(node.format.ulp)
        fixed = z3.ToReal(step.values[node.name]) * ulp
        if node.kind == "state":
            real[node.name] = z3.Real(f"real.{node.name}")
            gap = fixed - real[node.name]
            assume += [gap <= rational(before[node.name]), -gap <= rational(before[node.name])]
            low, high = ranges[node.name]
            assume += [step.values[node.name] >= low, step.values[node.name] <= high]
        elif node.kind == "constant":
            real[node.name] = rational(node.real[0])
        elif node.kind in ("input", "random", "ge", "gt"):
            real[node.name] = fixed
        else:
            real[node.name] = _real(node, nodes, step.values, real, ranges, errors, assume)
    goals = []
    for state, source in flat.next.items():
        gap = z3.ToReal(step.values[source]) * rational(nodes[source].format.ulp) - real[source]
        goals += [gap <= rational(after[state]), -gap <= rational(after[state])]
    return prove(z3.And(*goals), assume, logic="QF_LIRA")


def _real(
    node: Node,
    nodes: Mapping[str, Node],
    fixed: Mapping[str, Any],
    real: Mapping[str, Any],
    ranges: Mapping[str, Range],
    errors: Mapping[str, Fraction],
    assume: list[Any],
) -> Any:
    args = [real[a] for a in node.args]
    if node.kind == "mul":
        if any(nodes[a].kind == "constant" for a in node.args):
            return args[0] * args[1]
        # products of two variables: a fresh real value, tied to the fixed product by the lemma
        free = z3.Real(f"real.{node.name}")
        a, b = node.args
        sizes = [max(abs(ranges[x][0]), abs(ranges[x][1])) * nodes[x].format.ulp for x in (a, b)]
        gap = sizes[0] * errors[b] + (sizes[1] + errors[b]) * errors[a]
        exact = z3.ToReal(_product(node, fixed)) * rational(nodes[a].format.ulp * nodes[b].format.ulp)
        assume += [exact - free <= rational(gap), free - exact <= rational(gap)]
        return free
    if node.kind in ("add", "sub"):
        total = args[0] + args[1] if node.kind == "add" else args[0] - args[1]
        if _is_weight(base(node.name)):
            low, high = (rational(node.format.value(x)) for x in (node.format.low, node.format.high))
            return z3.If(total > high, high, z3.If(total < low, low, total))
        return total
    if node.kind == "select":
        return z3.If(fixed[node.args[0]] == 1, args[1], args[2])
    if node.kind in ("sign", "bernoulli"):
        # the real-valued step has a sign of its own, and a probability where the chip has drawn 0 or 1
        free = z3.Real(f"real.{node.name}")
        low, high = (-1, 1) if node.kind == "sign" else (0, 1)
        assume += [free >= low, free <= high]
        return free
    if node.kind == "abs":
        return z3.If(args[0] < 0, -args[0], args[0])
    if node.kind in ("min", "max"):
        return z3.If(args[0] <= args[1] if node.kind == "min" else args[0] >= args[1], *args)
    if node.kind in ("cast", "shift"):
        return args[0] * rational(Fraction(2) ** node.shift)
    raise AssertionError(f"{node.kind} does not occur in the composed rules")


def _product(node: Node, fixed: Mapping[str, Any]) -> Any:
    """The solver's own variable for this product (see terms.int_step with a box)."""
    return z3.Int(f"{node.name}.product")


def _is_weight(name: str) -> bool:
    return name in WEIGHTS


_MATRICES = ("W", "Wo", "H")
# weights stop at their limits by design, and so does the real-valued rule here
WEIGHTS = tuple(f"{m}.{part}" for m in _MATRICES for part in ("next", "moved"))


def declared_box(program: Program) -> dict[str, Range]:
    """Return the range of every intermediate for all time with every register as declared, any weights loaded."""
    loaded = {n.name: n.bounds for n in program.of_kind("state") if n.name in _MATRICES}
    return box(program, limited={n.name for n in program.nodes}, start=loaded)


def may_overflow(program: Program, ranges: Mapping[str, Range]) -> set[str]:
    """Return the names of the operations whose exact result, in these ranges, exceeds their format."""
    flat = elaborate(program)
    nodes = {n.name: n for n in flat.nodes}
    out = set()
    for node in flat.operations:
        low, high = rounded(exact(node, {a: (nodes[a], ranges[a]) for a in node.args}), node)
        if low < node.format.low or high > node.format.high:
            out.add(base(node.name))
    return out


def overflowed(program: Program, *, lanes: int = 256, steps: int = 60, seed: int = 0) -> set[str]:
    """Return the operations that do overflow in runs from reset, random weights loaded, random inputs: simulated."""
    wide = with_lanes(program, lanes)
    simulator = Simulator(wide)
    simulator.state |= {k: v for k, v in random_states(wide, seed).items() if k in _MATRICES}
    for one in random_inputs(wide, steps, seed):
        simulator.step(one)
    return set(simulator.log.names())


def check(p: Profile) -> list[ProofRecord]:
    """Prove (a) and (b) for OTTT, 2 x 2 neurons."""
    network = program(p, "ottt", inputs=2, neurons=2, outputs=2)
    ranges = declared_box(network)
    lemma, broken = product_lemma(second=True), product_lemma(broken=True)
    return [
        _overflow_record(p, network, ranges),
        ProofRecord(7, "the product lemma of the composition: |a b - a' b'| <= A |b - b'| + B' |a - a'| for |a| <= A, "
                    "|b'| <= B'", p.name, lemma.status, broken.status, lemma.second, lemma.seconds + broken.seconds,
                    kind="product lemma"),
        _error_record(p, network, ranges),
    ]  # fmt: skip


def _overflow_record(p: Profile, network: Program, ranges: Mapping[str, Range]) -> ProofRecord:
    named = may_overflow(network, ranges)
    verdict = induction(network, ranges, limited=named, second=True)
    # the twin leaves out a register that does overflow, in the simulator as well
    seen = sorted(overflowed(network) & named)
    left_out = seen[0] if seen else min(named, default="")
    twin = induction(network, ranges, limited=named - {left_out})
    refuted = twin.status if seen or twin.status != REFUTED else UNKNOWN
    listed = ", ".join(sorted(named)) or "none"
    claim = (
        "whole OTTT step, 2 x 2 neurons, declared registers: no intermediate ever overflows but these, which may: "
        f"{listed}; all time, any weights loaded, all spikes, targets and words"
    )
    never = sorted(named - set(seen))
    detail = f"{len(elaborate(network).nodes)} scalars; the twin leaves out {left_out}, which a run overflows"
    detail += f"; not seen to overflow: {', '.join(never)}" if never else ""
    seconds = verdict.seconds + twin.seconds
    says = {"named": tuple(sorted(named))}
    return ProofRecord(
        7, claim, p.name, verdict.status, refuted, verdict.second, seconds, detail, "step overflow", says
    )


def _error_record(p: Profile, network: Program, ranges: Mapping[str, Range]) -> ProofRecord:
    flat = elaborate(network)
    now = {n.name: Fraction(0) for n in flat.of_kind("state")}
    seconds, status, twin = 0.0, PROVED, UNKNOWN
    history = []
    for step in range(STEPS):
        errors = static_errors(flat, ranges, now)
        after = {state: upward(errors[source]) for state, source in flat.next.items()}
        verdict = prove_step(network, ranges, now, after)
        seconds += verdict.seconds
        status = worst(status, verdict.status)
        if step == STEPS - 1:
            old = network.node("xh.leaked")
            coarse = replace(
                old.numeric, format=replace(old.format, radix=old.format.radix - 3), rounding=Rounding.AWAY, source=None
            )
            broken = prove_step(network.change("xh.leaked", numeric=coarse, word=None), ranges, now, after)
            twin, seconds = broken.status, seconds + broken.seconds
        history.append(after)
        now = after
    shown_states = [n for n in ("v", "xh", "W", "Wo", "W.sum", "Wo.sum") if any(base(k) == n for k in now)]
    largest = {name: max(v for k, v in now.items() if base(k) == name) for name in shown_states}
    bounds = ", ".join(f"{k} {shown(v)}" for k, v in largest.items())
    claim = (
        f"whole OTTT step, 2 x 2 neurons, {STEPS} steps from equal reachable states, same spikes, same steps of the "
        f"pseudo-derivative, and nothing but weights overflowing: every state within its bound: {bounds}"
    )
    says = {"bounds": tuple(history)}
    return ProofRecord(7, claim, p.name, status, twin, "not asked", seconds, kind="step error", says=says)
