"""Arithmetic faults put into descriptions, and what catches each: the differential test, a proof, or both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gradcert.hardware_models.arithmetic import Overflow, Rounding
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.chips import PROFILES
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.random import random_inputs, random_states
from gradcert.hardware_models.units import profile_trace, profile_weight

if TYPE_CHECKING:
    from gradcert.hardware_models.proofs.error_bound import Bound


@dataclass(frozen=True)
class Fault:
    """One fault: its kind, where it sits, the right description and the faulty one, and the claim that should fail."""

    kind: str
    place: str
    right: Program
    wrong: Program
    proof: str
    fails: Callable[[Program], bool]


@dataclass(frozen=True)
class FaultRecord:
    """What caught a fault: the step of the differential test (None: not seen), and the claim that no longer holds."""

    kind: str
    place: str
    step: int | None
    proof: str | None

    @property
    def caught(self) -> bool:
        """Whether anything caught it."""
        return self.step is not None or self.proof is not None


def _numeric(p: Program, name: str, **fields: object) -> Program:
    return p.change(name, numeric=replace(p.node(name).numeric, **fields))  # type: ignore[arg-type]


def _rounding_sense() -> list[Fault]:
    from gradcert.hardware_models.proofs.error_bound import prove_trace, trace_bound
    from gradcert.hardware_models.proofs.invariant import safe
    from gradcert.hardware_models.proofs.stochastic import bias_near_zero

    q = safe(profile_trace(PROFILES["q-format"]))
    bound = trace_bound(q)
    away = _numeric(q, "e.leaked", rounding=Rounding.AWAY)
    reckon = profile_trace(PROFILES["reckon"])
    source = reckon.node("e.leaked").numeric.source
    assert source is not None
    generator = PROFILES["reckon"].generators[source.generator]
    right_bias = bias_near_zero(generator, source, 15)
    free = _numeric(reckon, "e.leaked", source=replace(source, hold_zero=False))

    def other_bias(p: Program) -> bool:
        changed = p.node("e.leaked").numeric.source
        return changed is not None and bias_near_zero(generator, changed, 15) != right_bias

    return [
        Fault("rounding sense", "q-format trace: away from zero for nearest", q, away, "2 (error bound)",
              lambda p: prove_trace(p, bound).status == "refuted"),
        Fault("zero rule", "reckon trace: a floored zero may round up", reckon, free, "5 (bias near zero)", other_bias),
    ]  # fmt: skip


def _one_bit_narrow() -> list[Fault]:
    from gradcert.hardware_models.proofs.invariant import box, induction, safe
    from gradcert.hardware_models.proofs.no_overflow import narrowed
    from gradcert.hardware_models.proofs.sign import operands, prove_sign, smallest_threshold, wrapped

    q = PROFILES["q-format"]
    fit = safe(profile_trace(q))
    ranges = box(fit)
    weight, known = profile_weight(q), operands(q)
    threshold = smallest_threshold(weight, q, known)
    assert threshold is not None
    return [
        Fault("one bit narrow", "q-format trace register", fit, narrowed(fit, "e"), "1 (no overflow)",
              lambda p: induction(p, ranges).status == "refuted"),
        Fault("narrow, wrapping", "q-format product register", weight, wrapped(weight), "3 (sign)",
              lambda p: prove_sign(p, q, threshold, known, pin_trace=True).status == "refuted"),
    ]  # fmt: skip


def _wrong_order() -> list[Fault]:
    from gradcert.hardware_models.proofs.error_bound import trace_bound
    from gradcert.hardware_models.proofs.invariant import safe

    q = safe(profile_trace(PROFILES["q-format"]))
    bound = trace_bound(q)
    # the leak acts after the spike was added: leak x (e + spike) for leak x e + spike (trap T13 of mathematics.md 14)
    nodes = {n.name: n for n in q.nodes}
    added = replace(nodes["e.next"], name="e.added", args=("e", "spike"))
    late = replace(nodes["e.leaked"], name="e.next", args=(nodes["e.leaked"].args[0], "e.added"))
    rest = tuple(n for n in q.nodes if n.name not in ("e.leaked", "e.next"))
    swapped = replace(q, nodes=(*rest, added, late))
    step = program("reckon", "e-prop")
    # the learning signal reads the output weights after their update instead of before (read-before-write)
    after = [n for n in step.nodes if n.name.startswith("Wo.") and n.name != "Wo.bare"]
    late_signal = _late_signal(step, [n.name for n in after])
    return [
        Fault("wrong order", "q-format trace: leak after the spike", q, swapped, "2 (error bound)",
              lambda p: _unbounded(q, p, bound)),
        Fault("wrong order", "reckon learning signal reads updated output weights", step, late_signal, "",
              lambda p: False),
    ]  # fmt: skip


def _late_signal(step: Program, output_update: list[str]) -> Program:
    """Move the output weights' update before the learning signal and let the signal read its result."""
    first = next(i for i, n in enumerate(step.nodes) if n.name == "Wo.bare")
    early = [n for n in step.nodes if n.name in output_update]
    needed = [n for n in step.nodes[first:] if n.name in ("trace.out.leaked",)]
    rest = [n for n in step.nodes if n.name not in output_update and n not in needed]
    at = next(i for i, n in enumerate(rest) if n.name == "Wo.bare")
    nodes = [*rest[:at], *needed, *early, *rest[at:]]
    return replace(step, nodes=tuple(replace(n, args=("Wo.next",)) if n.name == "Wo.bare" else n for n in nodes))


def _unbounded(right: Program, wrong: Program, bound: Bound) -> bool:
    """Whether the faulty integer step is shown to leave the right rule's bound, on the right real-valued rule."""
    import z3

    from gradcert.hardware_models.description.terms import int_step, real_step
    from gradcert.hardware_models.solver import prove

    step = int_step(wrong)
    state = z3.Real("real.state")
    inputs = {n.name: step.values[n.name] for n in step.program.of_kind("input")}
    real = real_step(right, state={"e": state}, inputs=inputs)
    ulp = z3.Q(1, 1 << right.node("e").format.radix)
    now, after = (z3.ToReal(x) * ulp - y for x, y in ((step.values["e"], state), (step.next()["e"], real["e.next"])))
    low, high = (z3.Q(x.numerator, x.denominator) for x in (bound.low, bound.high))
    fmt = right.node("e").format
    assume = [*step.assume, now >= low, now <= high, step.values["e"] >= fmt.low, step.values["e"] <= fmt.high]
    return prove(z3.And(after >= low, after <= high), assume).status == "refuted"


def _shared_random_number() -> list[Fault]:
    from gradcert.hardware_models.proofs.stochastic import joint_law, words_of_period

    step = program("brainscales2", "ottt")
    word = step.node("W.step.word")
    shared = step.change("W.step.word", axes=())
    lfsr = PROFILES["brainscales2"].generators["lane"]

    def correlated(p: Program) -> bool:
        """Synapses with words of their own are uncorrelated over the period to within 1/100.

        With one word they are not.
        """
        words = words_of_period(lfsr)
        own = p.node("W.step.word").axes == word.axes
        return abs(joint_law(words, np.roll(words, 1) if own else words, 128).covariance) > 1 / 100

    return [Fault("shared random number", "brainscales2 weight rounding", step, shared, "5 (joint law)", correlated)]


def _guard_on_the_wrong_bit() -> list[Fault]:
    from gradcert.hardware_models.proofs.invariant import box, induction, safe

    fit = safe(profile_trace(PROFILES["q-format"]))
    ranges = box(fit)
    low_guard = _numeric(fit, "e.next", format=fit.node("e.next").format.narrower(), overflow=Overflow.SATURATE)
    weight = profile_weight(PROFILES["reckon"])
    hold = weight.node("w.next").numeric
    wrong = weight.change("w.next", numeric=replace(hold, overflow=Overflow.WRAP), held=None)
    return [
        Fault("guard on the wrong bit", "q-format trace saturates at half its range", fit, low_guard, "1 (no overflow)",
              lambda p: induction(p, ranges).status == "refuted"),
        Fault("guard missing", "reckon weight wraps at its limit instead of holding", weight, wrong, "",
              lambda p: False),
    ]  # fmt: skip


def faults() -> list[Fault]:
    """Return every fault of the table."""
    return [
        *_rounding_sense(),
        *_one_bit_narrow(),
        *_wrong_order(),
        *_shared_random_number(),
        *_guard_on_the_wrong_bit(),
    ]


def first_difference(fault: Fault, *, steps: int = 1000) -> int | None:
    """Return the first step at which right and faulty description differ in any intermediate, on random steps.

    Intermediates, not only weights: a wrong learning signal moves a weight rarely (hardware.md 4.3).
    """
    from gradcert.hardware_models.description.simulate import Simulator

    right, wrong = Simulator(fault.right), Simulator(fault.wrong)
    for step, one in enumerate(random_inputs(fault.right, steps, 7)):
        if step % 4 == 0:
            start = random_states(fault.right, step)
            right.state, wrong.state = dict(start), dict(start)
        narrow = {n.name: one[n.name] for n in fault.wrong.of_kind("input", "random")}
        for node in fault.wrong.of_kind("random"):
            while narrow[node.name].ndim > len(node.axes):
                narrow[node.name] = narrow[node.name][0]
        good, bad = right.step(one), wrong.step(narrow)
        if any((good[n.name] != bad[n.name]).any() for n in fault.right.operations if n.name in bad):
            return step
    return None


def fault_table() -> list[FaultRecord]:
    """Try the differential test and the proof on every fault; the right description must pass the same claim."""
    records = []
    for fault in faults():
        proved = fault.proof if fault.proof and fault.fails(fault.wrong) and not fault.fails(fault.right) else None
        records.append(FaultRecord(fault.kind, fault.place, first_difference(fault), proved))
    return records
