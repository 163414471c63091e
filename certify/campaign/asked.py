"""Whatever is asked is judged: every case, the same ones again and often, the first steps of a sequence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from gradcert.certify import figures
from gradcert.certify.certificates import (
    CaseResult,
    Finding,
    canonical,
    grounds,
    parted,
    sha256,
)
from gradcert.certify.claims import GRAPH
from gradcert.certify.judging import acceptance, repeat
from gradcert.certify.judging.acceptance import aligned, unbiased
from gradcert.certify.problems import Case, Spec
from gradcert.certify.runs import Prepared, Run, Task, prepare
from gradcert.certify.subjects import Answer
from gradcert.reference.errors import GradcertError

Progress = Callable[[int, int, str], None]
BATCH = 5  # calls in one message, so that their time is counted together, and one that hangs is not waited for too long


def judge_all(run: Run, specs: Sequence[Spec], ready: Iterable[Prepared], progress: Progress) -> None:
    """Have every case solved and judged, as it gets ready."""
    for number, (spec, prepared) in enumerate(zip(specs, ready, strict=True)):
        progress(number, len(specs), spec.id)
        run.asking = partial(progress, number, len(specs))
        run.prepared.append(prepared)
        case = prepared.case
        if case is None:
            run.notes.append(f"no acceptable draw for {spec.id}")
            run.results.append(CaseResult(spec.id, spec.family, False, "blocked", None, 0.0))
            continue
        if case.spec.instead:
            stands = f"a {case.spec.family} case, because no {case.spec.instead} one can be drawn"
            run.notes.append(f"{case.id} is {stands}")
        _asked(run, spec, prepared, case)
    progress(len(specs), len(specs), "")
    if none := sorted({name for p in run.prepared if p.case for name in p.case.facts.get("no gradient", ())}):
        kind = "no path of the rule leads from it to the loss" if len(none) == 1 else "no path leads to the loss"
        run.notes.append(f"{', '.join(none)}: the gradient is 0 in cases where {kind}")
    if gone := sorted({name for p in run.prepared if p.case for name in p.case.facts.get("taken off", ())}):
        run.notes.append(f"{', '.join(gone)}: the gradient is 0 but for roundings: what is added is taken off again")
    if any(spec.family == "scale" for spec in specs):
        run.notes.append(grounds.SCALE)
    if run.claim.network:
        left = "problems at another scale (of a thorough run), fewer units in a counterexample"
        run.notes.append(f"{GRAPH}: not looked at where a network is a graph: {left}")
    for cell in run.claim.stacks:
        if not any(s.cell == cell and s.family == "dyadic" for s in specs):
            why = "its outputs are irrational, or a leak is fixed that does not survive every form that libraries use"
            run.notes.append(f"{cell}: {grounds.NONE_EXACT}{why}")
        elif not any(r.exact for r in run.results if parted(r.id)[0] == cell):
            run.notes.append(
                f"{cell}: {grounds.NOT_TO_THE_BIT}their exact values, those of the pseudo-derivative among them, "
                "are no floats"
            )


def ask_for(run: Run, spec: Spec, *, seed: int, level: str = "") -> bool:
    """Ask for one case more, and judge it like every case; return whether there was one (that meets a level)."""
    prepared = prepare(Task(spec, run.claim, seed))
    if prepared.case is None or (level and level not in prepared.case.facts["met"]):
        return False
    run.prepared.append(prepared)
    _asked(run, spec, prepared, prepared.case)
    return True


def _asked(run: Run, spec: Spec, prepared: Prepared, case: Case) -> None:
    started = time.perf_counter()
    judge(run, case, run.answered(spec, prepared))
    run.seconds[case.id] = round(time.perf_counter() - started, 4)


def judge(run: Run, case: Case, answer: Answer | None) -> None:
    """Judge the answer to one case; None where there is none.

    Raises
    ------
    GradcertError : where an adapter's maps do not fit, or a module cannot be read: nothing of it was run or refuted.
    """
    if answer is not None and answer.failure is not None and answer.failure.kind == "usage":
        raise GradcertError(answer.failure.reason)
    gone = case.facts.get("taken off", ())
    budget = max((b.relative for name, b in case.expected.gradients.items() if name not in gone), default=0.0)
    digest = sha256(canonical(case.problem.to_dict()))
    result = CaseResult(case.id, case.spec.family, case.expected.exact, "blocked", None, budget, case.facts, digest)
    if answer is None:
        run.results.append(result)
        return
    found = acceptance.first_wrong(case, answer, run.claim)
    worst, errors = None, {}
    if not found and run.claim.acceptance == "unbiased":
        found, worst = _drawn(run, case)
    elif not found or found[0].check in ("gradient", "inputs", "loss"):
        given = {k: v for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
        if set(given) == set(case.expected.gradients) and run.claim.acceptance == "aligned":
            worst = aligned.used(case, given, run.claim)
        elif set(given) == set(case.expected.gradients) and run.claim.acceptance != "unbiased":
            errors = figures.by_parameter(given, case.expected.gradients)
            worst = max(figure["worst"] for figure in errors.values())
    run.results.append(replace(result, verdict="failed" if found else "passed", worst=worst, parameters=errors))
    if case.spec.family == "scale":  # too large to be enclosed, and so to be explained
        found = [replace(finding, cause=finding.cause or f"at scale: {case.facts['kind']}") for finding in found]
    else:
        run.failed += [(case, answer, finding.check) for finding in found[:1]]
    run.findings += [(case, finding) for finding in found]
    if answer.failure is None:
        run.answers.append((case, answer))


def _drawn(run: Run, case: Case) -> tuple[list[Finding], float | None]:
    """Judge the mean over draws; the known-wrong variants are the subject's own draws, displaced."""
    outcome = unbiased.judge(case, unbiased.drawn(case, run.draw), profile=run.profile, cases=run.planned)
    run.checks.append(outcome.result)
    if run.prepared:
        run.prepared[-1] = replace(run.prepared[-1], variants=outcome.variants)
    return list(outcome.findings), outcome.worst


def found_wrong(run: Run) -> set[str]:
    """Return the cases with a finding: asked again, they would say the same once more."""
    return {case.id for case, _ in run.findings if case is not None}


def ask_again(run: Run, most: int) -> None:
    """Ask the last case again at once, then others in reverse order."""
    if run.subject is None:
        return
    pairs = [pair for pair in run.answers if not pair[1].changed]
    again = pairs[-1:] + pairs[-most:][::-1][1:] if len(pairs) >= most else pairs[::-1]
    if len(pairs) > most:
        again[-1] = pairs[0]  # the very first, which met a fresh process
    wrong = found_wrong(run)
    for number, (case, first) in enumerate(again):
        second = run.ask(case)
        if second is None:
            return
        when = "at once" if number == 0 else "after other problems"
        run.again = run.again or number > 0
        found, note = repeat.check(case, first, second, run.subject, when=when)
        if found and run.claim.acceptance == "unbiased" and second.failure is None:
            found, note = [], "the subject has randomness beside problem.seed: no run of it repeats to the bit"
        found = found or (_wrong(run, case, second, f"asked again {when}") if case.id not in wrong else [])
        run.findings += [(case, finding) for finding in found]
        run.notes += [note] if note else []
        if found:
            return


def ask_often(run: Run, most: int) -> None:
    """Ask the smallest case that passed again and again, until the process has answered so many calls."""
    wrong = found_wrong(run)
    pairs = [pair for pair in run.answers if pair[0].id not in wrong]
    if run.worker is None or not pairs or run.calls >= most or run.claim.acceptance == "unbiased":
        return
    size = {id(c): c.problem.inputs.size * len(c.problem.parameters) for c, _ in pairs}
    case, first = min(pairs, key=lambda pair: (size[id(pair[0])], pair[0].id))
    while run.running and run.calls < most:
        answer = run.solve(case.problem, times=min(BATCH, most - run.calls))
        if answer is None:
            return
        when = f"after {run.calls} calls"
        found = repeat.check(case, first, answer, run.subject, when=when)[0] if run.subject is not None else []
        found = found or _wrong(run, case, answer, when)
        run.findings += [(case, finding) for finding in found]
        if found:
            return


def judge_prefixes(run: Run) -> None:
    """Judge what was asked to see where in time a gradient goes wrong: whatever is asked is judged.

    Of a case that failed as a whole, its prefixes add what is of another kind: an error, or the death of the process.
    """
    failed = {case.id for case, _, _ in run.failed}
    for name, prefixes in run.prefixes.items():
        for prefix in prefixes:
            if prefix is None:
                continue
            found = _wrong(run, prefix.case, prefix.answer, f"given the first {prefix.length} steps")
            if found and (name not in failed or found[0].check in ("call", "structure", "inputs")):
                run.findings += [(prefix.case, found[0])]
                run.failed += [(prefix.case, prefix.answer, found[0].check)] if name not in failed else []


def _wrong(run: Run, case: Case, answer: Answer, when: str) -> list[Finding]:
    """Return what is wrong with an answer that was asked for beside the cases, and when it was."""
    found = acceptance.first_wrong(case, answer, run.claim)
    return [replace(finding, reason=f"{when}: {finding.reason}") for finding in found[:1]]
