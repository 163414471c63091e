"""Proof 7: a whole learning step of a small network, 2 x 2 neurons, any number of steps.

(a) With every width set to the minimum that proof 1 finds, no intermediate of the whole step overflows, for all time,
for all
spike trains, targets and weights in range (weights saturate by design). (b) Over T steps with the same spikes, every
state stays within a computed bound of the real-valued rule; each of the T steps is proved, products by the lemma
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
from gradcert.hardware_models.description.program import Node, Program, elaborate
from gradcert.hardware_models.description.ranges import Range
from gradcert.hardware_models.description.terms import int_step
from gradcert.hardware_models.proofs.error_bound import rounding_error
from gradcert.hardware_models.proofs.invariant import base, box, induction, safe
from gradcert.hardware_models.solver import PROVED, ProofRecord, Verdict, prove

STEPS = 4


def _rational(x: Fraction) -> Any:
    return z3.Q(x.numerator, x.denominator)


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
    step = int_step(network, box=ranges)
    flat = step.program
    nodes = {n.name: n for n in flat.nodes}
    assume = [*step.assume]
    real: dict[str, Any] = {}
    errors = static_errors(flat, ranges, before)
    for node in flat.nodes:
        ulp = _rational(node.format.ulp)
        fixed = z3.ToReal(step.values[node.name]) * ulp
        if node.kind == "state":
            real[node.name] = z3.Real(f"real.{node.name}")
            gap = fixed - real[node.name]
            assume += [gap <= _rational(before[node.name]), -gap <= _rational(before[node.name])]
            low, high = ranges[node.name]
            assume += [step.values[node.name] >= low, step.values[node.name] <= high]
        elif node.kind == "constant":
            real[node.name] = _rational(node.real[0])
        elif node.kind in ("input", "random", "ge", "gt"):
            real[node.name] = fixed
        else:
            real[node.name] = _real(node, nodes, step.values, real, ranges, errors, assume)
    assume += [z3.Not(c) for name, c in step.overflow.items() if not _is_weight(base(name))]
    goals = []
    for state, source in flat.next.items():
        gap = z3.ToReal(step.values[source]) * _rational(nodes[source].format.ulp) - real[source]
        goals += [gap <= _rational(after[state]), -gap <= _rational(after[state])]
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
        exact = z3.ToReal(_product(node, fixed)) * _rational(nodes[a].format.ulp * nodes[b].format.ulp)
        assume += [exact - free <= _rational(gap), free - exact <= _rational(gap)]
        return free
    if node.kind in ("add", "sub"):
        total = args[0] + args[1] if node.kind == "add" else args[0] - args[1]
        if _is_weight(base(node.name)):
            low, high = (_rational(node.format.value(x)) for x in (node.format.low, node.format.high))
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
        return args[0] * _rational(Fraction(2) ** node.shift)
    raise AssertionError(f"{node.kind} does not occur in the composed rules")


def _product(node: Node, fixed: Mapping[str, Any]) -> Any:
    """The solver's own variable for this product (see terms.int_step with a box)."""
    return z3.Int(f"{node.name}.product")


def _is_weight(name: str) -> bool:
    return name in WEIGHTS


_MATRICES = ("W", "Wo", "H")
# registers that stop at their limits by design: weights, and what is summed until an update is applied (proof 6)
WEIGHTS = tuple(f"{m}.{part}" for m in _MATRICES for part in ("next", "moved"))
SUMS = tuple(f"{m}.sum{part}" for m in _MATRICES for part in ("", ".added", ".next"))
STEPPED = tuple(f"{m}.{part}" for m in _MATRICES for part in ("step", "magnitude", "pulses"))
LIMITED = (*_MATRICES, *WEIGHTS, *SUMS, *STEPPED)


def check(p: Profile) -> list[ProofRecord]:
    """Prove (a) and (b) for OTTT."""
    network = program(p, "ottt", inputs=2, neurons=2, outputs=2)
    sized = safe(network, limited=LIMITED)
    ranges = box(sized, limited=LIMITED)
    verdict = induction(sized, ranges, limited=LIMITED, second=True)
    narrower = sized.node("v.next").format.narrower()
    narrow = sized
    for name in ("v", "v.next"):
        numeric = sized.node(name).numeric
        narrow = narrow.change(name, numeric=replace(numeric, format=narrower))
    twin = induction(narrow, ranges, limited=LIMITED)
    count = len(elaborate(sized).nodes)
    lemma, broken = product_lemma(second=True), product_lemma(broken=True)
    records = [
        ProofRecord(7, "whole OTTT step, 2 x 2 neurons: no intermediate overflows, all time", p.name, verdict.status,
                    twin.status, verdict.second, verdict.seconds + twin.seconds, f"{count} scalars"),
        ProofRecord(7, "the product lemma of the composition", p.name, lemma.status, broken.status, lemma.second,
                    lemma.seconds + broken.seconds),
    ]  # fmt: skip
    return [*records, _error_record(p, sized, ranges)]


def _error_record(p: Profile, sized: Program, ranges: Mapping[str, Range]) -> ProofRecord:
    flat = elaborate(sized)
    now = {n.name: Fraction(0) for n in flat.of_kind("state")}
    seconds, status, twin = 0.0, PROVED, "not run"
    for step in range(STEPS):
        errors = static_errors(flat, ranges, now)
        after = {state: errors[source] for state, source in flat.next.items()}
        verdict = prove_step(sized, ranges, now, after)
        seconds += verdict.seconds
        status = verdict.status if status == PROVED else status
        if step == STEPS - 1:
            old = sized.node("xh.leaked")
            coarse = replace(
                old.numeric, format=replace(old.format, radix=old.format.radix - 3), rounding=Rounding.AWAY, source=None
            )
            broken = prove_step(sized.change("xh.leaked", numeric=coarse, word=None), ranges, now, after)
            twin, seconds = broken.status, seconds + broken.seconds
        now = after
    shown = [n for n in ("v", "xh", "W", "Wo", "W.sum", "Wo.sum") if any(base(k) == n for k in now)]
    worst = {name: float(max(v for k, v in now.items() if base(k) == name)) for name in shown}
    detail = ", ".join(f"{k} {v:.4g}" for k, v in worst.items())
    claim = (
        f"whole OTTT step, 2 x 2 neurons, {STEPS} steps from equal states, same spikes: every state within its bound"
    )
    return ProofRecord(7, claim, p.name, status, twin, "not asked", seconds, detail)
