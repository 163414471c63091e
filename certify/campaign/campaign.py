"""A campaign: generate the cases of a claim, have them solved, judge, repeat, control, diagnose, and certify."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.certify import figures
from gradcert.certify.campaign import where
from gradcert.certify.campaign.conclude import conclude
from gradcert.certify.campaign.reach import reach
from gradcert.certify.certificates import (
    VERSION,
    CaseResult,
    Certificate,
    Finding,
    canonical,
    environment,
    reference_digest,
    sha256,
    subject_digest,
)
from gradcert.certify.claims import Claim, claim_of, files_of, from_dict
from gradcert.certify.counterexample import record as counterexample
from gradcert.certify.judging import FORWARD, acceptance, repeat
from gradcert.certify.judging.acceptance import aligned, unbiased
from gradcert.certify.names import present_names
from gradcert.certify.problems import Case, Spec, plan, profile_named
from gradcert.certify.runs import Journal, Prepared, Run, ordinary, prepare_all, tail
from gradcert.certify.runs import online as online_checks
from gradcert.certify.subjects import Answer, Failure, Limits, Subject, Worker
from gradcert.reference.checks import check_seed
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import file_of

Progress = Callable[[int, int, str], None]
BATCH = 20  # calls in one message, so that their time is counted together


@present_names
def certify(
    subject: Any,
    *,
    rule: str | None = None,
    cells: str | Iterable[str] | None = None,
    depths: int | Iterable[int] | None = None,
    dtype: str | None = None,
    options: Mapping[str, Any] | None = None,
    online: bool | None = None,
    acceptance: str | None = None,
    within: Mapping[str, Any] | None = None,
    without: Mapping[str, Any] | None = None,
    claim: Claim | None = None,
    profile: str = "default",
    seed: int = 0,
    python: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
    progress: Progress | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    resume: Path | None = None,
    run_cells: bool = False,
) -> Certificate:
    """Judge a subject against what it claims.

    Parameters
    ----------
    subject : a callable that takes a `Problem` and returns a dict of gradients, ``(loss, gradients)`` or
        ``(loss, gradients, outputs)``; or its name, ``package.module:attribute`` or ``path/to/file.py:attribute``;
        or a stepwise learner (`gradcert.certify.subjects.learner`), or the words of a command, for a program in any
        language.
    rule, cells, depths, dtype, options, online, acceptance, within, without : the claim, or what replaces parts of that
        which the subject was decorated with: a row of the rule table, one or more cells, one or more depths,
        ``float64`` or ``float32``, conventions, whether it is online, the class and its limits, the circumstances that
        it rules out (`Claim`).
    claim : the whole claim at once.
    profile : ``quick``, ``default`` or ``thorough``.
    seed : decides every case.
    python : another interpreter for a named subject.
    limits : seconds and memory.
    progress : called with (done, total, what).
    jobs : processes that prepare cases; the outcome does not depend on it.
    cluster : address of a Dask scheduler whose workers prepare cases instead.
    resume : a file in which the run writes down what it has done, and from which a stopped run goes on.
    run_cells : whether the judge may run the files of cells that the subject's own claim names, other than the
        subject's own file and what `cells` names.

    Returns
    -------
    A `Certificate`.

    Raises
    ------
    GradcertError : if there is no claim, or it does not fit together.

    Examples
    --------
    >>> from gradcert.reference import RULES
    >>> from gradcert.reference.engines import reverse
    >>> def gradients(problem):
    ...     given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    ...     return reverse.gradients(*given, rule=RULES["ostl"])
    >>> certify(gradients, rule="ostl", cells="snu", depths=1, profile="quick").verdict
    'certified'
    """
    started = time.perf_counter()
    seed = check_seed(seed)
    who = Subject(subject, python=python, limits=limits)
    first = who.start()
    told = first.claim if isinstance(first, Worker) else None
    try:
        wanted = claimed(
            subject,
            told,
            rule=rule,
            cells=cells,
            depths=depths,
            dtype=dtype,
            options=options,
            online=online,
            acceptance=acceptance,
            within=within,
            without=without,
            claim=claim,
            failure=None if isinstance(first, Worker) else first,
            run_cells=run_cells,
        )
        if isinstance(first, Worker):
            stepwise(who, first, wanted)
        specs = plan(wanted, profile)
    except GradcertError:
        if isinstance(first, Worker):
            first.stop()
        raise
    run = Run(who, wanted, profile=profile, planned=len(specs))
    digests = {"subject": "", "reference": reference_digest()}
    sources: dict[str, Any] = {}
    shown_steps: list[dict[str, Any]] = []
    small: dict[str, Any] | None = None
    if isinstance(first, Worker):
        run.worker, run.arrays = first, not (first.program or first.stepwise)
        run.notes += first.notes
        try:
            if resume is not None:
                digests["subject"] = subject_digest(who, who.made_of(first))  # as far as it is imported by now
                asked = {"suite": VERSION, "subject": who.name, "claim": wanted.to_dict(), "seed": seed}
                asked |= {"profile": profile, "digests": digests, "environment": environment()}
                run.journal = Journal(resume, asked)
            done = run.journal.prepared if run.journal is not None else None
            ready = prepare_all(specs, wanted, seed=seed, jobs=jobs, cluster=cluster, done=done)
            judge_all(run, specs, ready, progress or (lambda *_: None))
            if run.worker is not None:
                ask_again(run, profile_named(profile).repeats)
                if profile != "quick":
                    ordinary.check(run)
                ask_often(run, profile_named(profile).calls)
                if wanted.online:
                    online_checks.run_all(run)
                run.code = reach(run, seed=seed, most=profile_named(profile).reach, judge=judge)
                where.narrow(run, seed=seed, judge=judge)
                wrong = [case.id for case, _, _ in run.failed]
                if wanted.entrywise:
                    small_enough = [pair for pair in run.answers if pair[0].spec.family != "scale"]
                    shown_steps = figures.steps(
                        small_enough, wrong, run.solve, seen=run.prefixes, without=run.claim.without
                    )
                    judge_prefixes(run)
                    small = counterexample.find(run, most=profile_named(profile).questions)
            sources = who.made_of(run.worker)
        finally:
            if run.worker is not None:
                run.worker.stop()
    else:
        run.findings.append((None, Finding("import", "", first.reason, where={"output": tail(first.output)})))
        run.results += [CaseResult(s.id, s.family, False, "blocked", None, 0.0) for s in specs]
    digests["subject"] = subject_digest(who, sources)
    options_shown = "" if profile == "default" else f"--profile {profile} "
    return conclude(
        run,
        subject=who.name,
        replay=f"gradcert certify --seed {seed} {options_shown}{who.replay}",
        digests=digests,
        sources=sources,
        steps=shown_steps,
        counterexample=small,
        seed=seed,
        profile=profile,
        started=started,
    )


def claimed(
    subject: Any,
    told: Mapping[str, Any] | None,
    *,
    rule: str | None = None,
    cells: str | Iterable[str] | None = None,
    depths: int | Iterable[int] | None = None,
    dtype: str | None = None,
    options: Mapping[str, Any] | None = None,
    online: bool | None = None,
    acceptance: str | None = None,
    within: Mapping[str, Any] | None = None,
    without: Mapping[str, Any] | None = None,
    claim: Claim | None = None,
    failure: Failure | None = None,
    run_cells: bool = False,
) -> Claim:
    """Return the claim of a subject: as decorated, as its process told, or as given, which wins.

    Raises
    ------
    GradcertError : if there is none, or it does not fit together. Nothing is claimed in the name of a subject that did
        not start: its failure is then the reason.
    """
    declared = claim or claim_of(subject)
    cells = None if cells is None else _words(cells)
    if declared is None and told is not None:
        where = file_of(subject)
        files = [*([where] if where else []), *files_of({"cells": cells})]
        declared = from_dict(told, run=run_cells, files=files)
    given: dict[str, Any] = {}
    if rule is not None:
        given["rule"] = rule
    if cells is not None:
        given["cells"] = cells
    if depths is not None:
        given["depths"] = (depths,) if isinstance(depths, int) else tuple(depths)
    if dtype is not None:
        given["dtype"] = dtype
    if options is not None:
        given["options"] = {**(declared.options if declared else {}), **options}
    for name, value in (("online", online), ("acceptance", acceptance), ("limits", within), ("without", without)):
        if value is not None:
            given[name] = value
    if declared is not None:
        return replace(declared, **given)
    if failure is not None and ("rule" not in given or "cells" not in given):
        said = "".join(f"\n  {line}" for line in tail(failure.output))
        raise GradcertError(f"{failure.reason}{said}", do="check the subject's name, and run it by itself")
    if "rule" not in given or "cells" not in given:
        raise GradcertError(
            "the subject declares no claim",
            allowed="a rule and cells",
            do='pass --rule and --cells, or decorate it: @gradcert.claim(rule="ostl", cells=("snu",))',
        )
    return Claim(**given)


def _words(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def stepwise(who: Subject, worker: Worker, wanted: Claim) -> None:
    """Have a program that claims "online" driven step by step.

    Raises
    ------
    GradcertError : if a callable claims "online", which nobody can check from outside.
    """
    if wanted.online and not worker.stepwise and not worker.program:
        raise GradcertError(
            f"{who.name} claims to be online, and is a callable, which is given the whole sequence at once",
            allowed="a stepwise learner: start(start), step(input, target), gradients()",
            do="write the learner as an object with these three methods, or leave online out of the claim",
        )
    if who.program:
        who.stepwise = worker.stepwise = wanted.online


def judge_all(run: Run, specs: Sequence[Spec], ready: Iterable[Prepared], progress: Progress) -> None:
    """Have every case solved and judged, as it gets ready."""
    for number, (spec, prepared) in enumerate(zip(specs, ready, strict=True)):
        progress(number, len(specs), spec.id)
        run.prepared.append(prepared)
        case = prepared.case
        if case is None:
            run.notes.append(f"no acceptable draw for {spec.id}")
            run.results.append(CaseResult(spec.id, spec.family, False, "blocked", None, 0.0))
            continue
        if case.spec.instead:
            stands = f"a {case.spec.family} case, because no {case.spec.instead} one can be drawn"
            run.notes.append(f"{case.id} is {stands}")
        answer = run.recall(case)
        if answer is None:
            answer = run.ask(case)
            if run.journal is not None:
                run.journal.add(spec, prepared, answer)
        judge(run, case, answer)
    progress(len(specs), len(specs), "")
    if any(spec.family == "scale" for spec in specs):
        run.notes.append("scale cases are held to a measured envelope: weaker evidence than a derived budget")
    for cell in run.claim.cells:
        if not any(s.cell == cell and s.family == "dyadic" for s in specs):
            why = "its outputs are irrational, or a leak is fixed that does not survive every form that libraries use"
            run.notes.append(f"{cell}: no exact cases: {why}")
        elif not any(r.exact for r in run.results if r.id.split("/")[0] == cell):
            run.notes.append(
                f"{cell}: outputs are judged to the last bit, gradients are not: the pseudo-derivative is irrational"
            )


def judge(run: Run, case: Case, answer: Answer | None) -> None:
    """Judge the answer to one case; None where there is none.

    Raises
    ------
    GradcertError : where the maps of an adapter do not fit: nothing of the subject was run, so nothing is refuted.
    """
    if answer is not None and answer.failure is not None and answer.failure.kind == "usage":
        raise GradcertError(answer.failure.reason, do="mend the maps of the adapter")
    budget = max(bounds.relative for bounds in case.expected.gradients.values())
    digest = sha256(canonical(case.problem.to_dict()))
    result = CaseResult(case.id, case.spec.family, case.expected.exact, "blocked", None, budget, case.facts, digest)
    if answer is None:
        run.results.append(result)
        return
    found: list[Finding] = []
    for check in FORWARD:
        found = check(case, answer)
        if found:
            break
    found = found or acceptance.check(case, answer, run.claim)
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
    found: list[Finding] = []
    for check in FORWARD:
        found = found or check(case, answer)
    found = found or acceptance.check(case, answer, run.claim)
    return [replace(finding, reason=f"{when}: {finding.reason}") for finding in found[:1]]
