"""A campaign: generate the cases of a claim, have them solved, judge, repeat, control, diagnose, and certify."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradcert import __version__
from gradcert.certify import diagnosis, figures, repeat
from gradcert.certify.answers import Answer
from gradcert.certify.cases.case import Case
from gradcert.certify.cases.plan import plan, profile_named
from gradcert.certify.certificate import (
    CERTIFIED,
    INCONCLUSIVE,
    REFUTED,
    CaseResult,
    Certificate,
    Control,
    Finding,
)
from gradcert.certify.checks import CHECKS
from gradcert.certify.claims import Claim, claim_of, from_dict
from gradcert.certify.identity import canonical, environment, reference_digest, sha256, subject_digest
from gradcert.certify.journal import Journal
from gradcert.certify.prepare import Prepared, prepare_all
from gradcert.certify.problem import Problem
from gradcert.certify.subject import Limits, Subject, Worker
from gradcert.reference.errors import GradcertError
from gradcert.reference.rules import rule_named

# An edge counts as separated when dropping it moves the gradient this many budgets away.
SEPARATION = {"float64": 1e4, "float32": 50.0}
LOST = 3  # processes that may be lost before the rest of the campaign is blocked

Progress = Callable[[int, int, str], None]


@dataclass
class _Run:
    """What accumulates during a campaign."""

    subject: Subject
    claim: Claim
    findings: list[tuple[Case | None, Finding]] = field(default_factory=list)
    results: list[CaseResult] = field(default_factory=list)
    answers: list[tuple[Case, Answer]] = field(default_factory=list)
    failed: list[tuple[Case, Answer, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    prepared: list[Prepared] = field(default_factory=list)
    lost: int = 0
    worker: Worker | None = None
    journal: Journal | None = None

    def ask(self, case: Case) -> Answer | None:
        """Have a case solved, in a new process if the last one was lost; None once too many were."""
        if self.worker is None:
            if self.lost >= LOST:
                return None
            started = self.subject.start()
            if not isinstance(started, Worker):
                self.findings.append(
                    (case, Finding("import", case.id, started.reason, where={"output": _tail(started.output)}))
                )
                self.lost = LOST
                return None
            self.worker = started
        return self.solve(case.problem)

    def solve(self, problem: Problem) -> Answer | None:
        """Have any problem solved by the process that there is."""
        if self.worker is None:
            return None
        answer = self.worker.ask(problem)
        if _lost(answer):
            self.worker, self.lost = None, self.lost + 1
        return answer

    def recall(self, case: Case) -> Answer | None:
        """Return the answer that an interrupted run has had, if it had one."""
        answer = self.journal.answers.get(case.id) if self.journal is not None else None
        if answer is not None:
            self.lost += _lost(answer)
        return answer


def certify(
    subject: str | Sequence[str] | Callable[..., Any],
    *,
    rule: str | None = None,
    cell: str | Iterable[str] | None = None,
    layers: int | Iterable[int] | None = None,
    dtype: str | None = None,
    options: Mapping[str, Any] | None = None,
    claim: Claim | None = None,
    profile: str = "default",
    seed: int = 0,
    python: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
    progress: Progress | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    resume: Path | None = None,
) -> Certificate:
    """Judge a subject against what it claims.

    Parameters
    ----------
    subject : a callable that takes a `Problem` and returns a dict of gradients, ``(loss, gradients)`` or
        ``(loss, gradients, outputs)``; or its name, ``package.module:attribute`` or ``path/to/file.py:attribute``;
        or the words of a command, for a program in any language.
    rule, cell, layers, dtype, options : the claim, or what replaces parts of the claim that the subject was decorated
        with: a row of the rule table, one or more cells, one or more depths, ``float64`` or ``float32``, conventions.
    claim : the whole claim at once.
    profile : ``quick``, ``default`` or ``thorough``.
    seed : decides every case.
    python : another interpreter for a named subject.
    limits : seconds and memory.
    progress : called with (done, total, what).
    jobs : processes that prepare cases; the outcome does not depend on it.
    cluster : address of a Dask scheduler whose workers prepare cases instead.
    resume : a file in which the run writes down what it has done, and from which a stopped run goes on.

    Returns
    -------
    A `Certificate`.

    Raises
    ------
    GradcertError : if there is no claim, or it does not fit together.

    Examples
    --------
    >>> from gradcert.reference import RULES, reverse
    >>> def gradients(problem):
    ...     given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    ...     return reverse.gradients(*given, rule=RULES["ostl"])
    >>> certify(gradients, rule="ostl", cell="snu", layers=1, profile="quick").verdict
    'certified'
    """
    started = time.perf_counter()
    who = Subject(subject, python=python, limits=limits)
    first = who.start()
    declared = claim or claim_of(subject)
    if declared is None and isinstance(first, Worker) and first.claim is not None:
        declared = from_dict(first.claim)
    try:
        wanted = _claim(declared, rule, cell, layers, dtype, options, failed=not isinstance(first, Worker))
        specs = plan(wanted, profile)
    except GradcertError:
        if isinstance(first, Worker):
            first.stop()
        raise
    run = _Run(who, wanted)
    digests = {"subject": subject_digest(who), "reference": reference_digest()}
    shown_steps: list[dict[str, Any]] = []
    if isinstance(first, Worker):
        run.worker = first
        if resume is not None:
            asked = {"suite": __version__, "subject": who.name, "claim": wanted.to_dict(), "seed": seed}
            asked |= {"profile": profile, "digests": digests, "environment": environment()}
            run.journal = Journal(resume, {"journal": "gradcert-journal-1", **asked})
        done = run.journal.prepared if run.journal is not None else None
        ready = prepare_all(specs, wanted, seed=seed, jobs=jobs, cluster=cluster, done=done)
        cases = _judge_all(run, specs, ready, progress or (lambda *_: None))
        if run.worker is not None:
            _repeat(run, profile_named(profile).repeats)
            shown_steps = figures.steps(run.answers, [case.id for case, _, _ in run.failed], run.solve)
            if run.worker is not None:
                run.worker.stop()
    else:
        run.findings.append((None, Finding("import", "", first.reason, where={"output": _tail(first.output)})))
        run.results += [CaseResult(s.id, s.family, False, "blocked", None, 0.0) for s in specs]
        cases = []
    shown, separated, void = _controls(run.prepared, wanted)
    findings = _findings(run, seed=seed, profile=profile)
    verdict, reason = _verdict(run, findings, separated, void, wanted)
    wrong = [(case, answer) for case, answer, check in run.failed if check == "gradient"]
    judged = [r.worst for r in run.results if r.worst is not None]
    return Certificate(
        verdict=verdict,
        reason=reason,
        subject=who.name,
        claim=wanted.to_dict(),
        seed=seed,
        profile=profile,
        findings=tuple(findings),
        cases=tuple(run.results),
        controls=tuple(shown),
        separated=separated,
        notes=tuple(dict.fromkeys(run.notes)),
        worst=max(judged) if judged else None,
        environment=environment(),
        seconds=round(time.perf_counter() - started, 3),
        suite=__version__,
        digests=digests,
        figures=figures.collect(
            cases, run.answers, wrong, shown_steps, claimed=rule_named(wanted.rule), refuted=verdict == REFUTED
        ),
    )


def _claim(
    declared: Claim | None,
    rule: str | None,
    cell: str | Iterable[str] | None,
    layers: int | Iterable[int] | None,
    dtype: str | None,
    options: Mapping[str, Any] | None,
    *,
    failed: bool,
) -> Claim:
    given: dict[str, Any] = {}
    if rule is not None:
        given["rule"] = rule
    if cell is not None:
        given["cells"] = (cell,) if isinstance(cell, str) else tuple(cell)
    if layers is not None:
        given["depths"] = (layers,) if isinstance(layers, int) else tuple(layers)
    if dtype is not None:
        given["dtype"] = dtype
    if options is not None:
        given["options"] = {**(declared.options if declared else {}), **options}
    if declared is not None:
        return replace(declared, **given)
    if failed and ("rule" not in given or "cells" not in given):
        given = {"rule": "bptt", "cells": ("rnn",), **given}  # nothing will run; the reason is what counts
    if "rule" not in given or "cells" not in given:
        raise GradcertError(
            "the subject declares no claim",
            allowed="a rule and a cell",
            do='pass --rule and --cell, or decorate it: @gradcert.claim(rule="ostl", cells=("snu",))',
        )
    return Claim(**given)


def _judge_all(run: _Run, specs: Sequence[Any], ready: Iterable[Prepared], progress: Progress) -> list[Case]:
    cases = []
    for number, (spec, prepared) in enumerate(zip(specs, ready, strict=True)):
        progress(number, len(specs), spec.id)
        run.prepared.append(prepared)
        case = prepared.case
        if case is None:
            run.notes.append(f"no acceptable draw for {spec.id}")
            run.results.append(CaseResult(spec.id, spec.family, False, "blocked", None, 0.0))
            continue
        cases.append(case)
        answer = run.recall(case)
        if answer is None:
            answer = run.ask(case)
            if run.journal is not None:
                run.journal.add(spec, prepared, answer)
        _judge(run, case, answer)
    progress(len(specs), len(specs), "")
    for cell in run.claim.cells:
        if not any(s.cell == cell and s.family == "dyadic" for s in specs):
            run.notes.append(f"{cell}: no exact cases, its outputs are irrational")
        elif not any(c.expected.exact for c in cases if c.spec.cell == cell):
            run.notes.append(
                f"{cell}: outputs are judged to the last bit, gradients are not: the pseudo-derivative is irrational"
            )
    return cases


def _judge(run: _Run, case: Case, answer: Answer | None) -> None:
    budget = max(bounds.relative for bounds in case.expected.gradients.values())
    digest = sha256(canonical(case.problem.to_dict()))
    result = CaseResult(case.id, case.spec.family, case.expected.exact, "blocked", None, budget, case.facts, digest)
    if answer is None:
        run.results.append(result)
        return
    found: list[Finding] = []
    for check in CHECKS:
        found = check(case, answer)
        if found:
            break
    worst, errors = None, {}
    if not found or found[0].check in ("gradient", "inputs", "loss"):
        given = {k: v for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
        if set(given) == set(case.expected.gradients):
            errors = figures.by_parameter(given, case.expected.gradients)
            worst = max(figure["worst"] for figure in errors.values())
    run.results.append(replace(result, verdict="failed" if found else "passed", worst=worst, parameters=errors))
    run.findings += [(case, finding) for finding in found]
    run.failed += [(case, answer, finding.check) for finding in found[:1]]
    if answer.failure is None:
        run.answers.append((case, answer))


def _repeat(run: _Run, most: int) -> None:
    """Ask the last case again at once, then others in reverse order."""
    pairs = [pair for pair in run.answers if not pair[1].changed]
    again = pairs[-1:] + pairs[-most:][::-1][1:] if len(pairs) >= most else pairs[::-1]
    if len(pairs) > most:
        again[-1] = pairs[0]  # the very first, which met a fresh process
    for number, (case, first) in enumerate(again):
        second = run.ask(case)
        if second is None:
            return
        when = "at once" if number == 0 else "after other problems"
        found, note = repeat.check(case, first, second, run.subject, when=when)
        run.findings += [(case, finding) for finding in found]
        run.notes += [note] if note else []
        if found:
            return


def _controls(prepared: list[Prepared], claim: Claim) -> tuple[list[Control], dict[str, dict[str, float]], list[str]]:
    """Return the controls, what the cases separate, and why the run is void, if it is."""
    tally: dict[str, list[int]] = {}
    void = []
    ready = [(p, p.case) for p in prepared if p.case is not None]
    for p, case in ready:
        for name, verdict in p.variants:
            if verdict is not None:
                counts = tally.setdefault(name, [0, 0])
                counts[0] += 1
                counts[1] += verdict
        if not p.sound:
            void.append(f"the reference, run in {claim.dtype}, leaves its own budget on {case.id}")
    separated: dict[str, dict[str, float]] = {}
    for _, case in ready:
        best = separated.setdefault(f"{case.spec.cell}/{case.spec.depth}", {})
        for label, budgets in case.separates.items():
            best[label] = max(best.get(label, 0.0), budgets)
    void += [f"the control {name!r} passed on every case" for name, (_, wrong) in tally.items() if not wrong]
    for group, labels in separated.items():
        weak = [k for k, budgets in labels.items() if 0 < budgets < SEPARATION[claim.dtype]]
        void += [f"the cases of {group} hardly see the edge {name}" for name in weak]
    return [Control(name, shown, wrong) for name, (shown, wrong) in tally.items()], separated, void


def _findings(run: _Run, *, seed: int, profile: str) -> list[Finding]:
    """Merge findings of one kind, explain them, and say how to see them again."""
    merged: dict[tuple[str, str], list[tuple[Case | None, Finding]]] = {}
    for case, finding in run.findings:
        key = (finding.check, finding.cause if finding.check in ("call", "inputs", "repeat") else "")
        if finding.check == "structure":
            key = (finding.check, finding.reason)
        merged.setdefault(key, []).append((case, finding))
    out = []
    for (check, _), group in merged.items():
        _, finding = max(group, key=lambda pair: _weight(pair[1])) if check == "gradient" else group[0]
        cause = finding.cause
        failed = [(case, answer) for case, answer, what in run.failed if what == check]
        if check == "gradient":
            cause = diagnosis.explain(failed, rule_named(run.claim.rule))
        elif check == "outputs":
            cause = diagnosis.explain_outputs(failed)
        options = "" if profile == "default" else f"--profile {profile} "
        replay = f"gradcert certify --seed {seed} {options}{run.subject.replay}"
        count = len({case.id for case, _ in group if case is not None}) or 1
        out.append(replace(finding, cause=cause, cases=count, replay=replay))
    return out


def _weight(finding: Finding) -> float:
    error = finding.where.get("relative error", 0.0)
    return float(error) if error == error and error != float("inf") else 0.0


def _verdict(
    run: _Run, findings: list[Finding], separated: Mapping[str, Mapping[str, float]], void: list[str], claim: Claim
) -> tuple[str, str]:
    passed = sum(r.verdict == "passed" for r in run.results)
    ran = sum(r.verdict != "blocked" for r in run.results)
    blocked = len(run.results) - ran
    if findings and ran:
        order = ("structure", "call", "inputs", "repeat", "outputs", "loss", "gradient", "import")
        worst = min(findings, key=lambda f: order.index(f.check))
        what = worst.cause if worst.check in ("gradient", "outputs") and worst.cause else worst.reason
        return REFUTED, f"{worst.check}: {what}"
    if not ran:
        return INCONCLUSIVE, f"nothing ran: {findings[0].reason}" if findings else "nothing ran"
    if void:
        return INCONCLUSIVE, f"the run is void: {'; '.join(void[:3])}"
    if blocked:
        return INCONCLUSIVE, f"{blocked} of {len(run.results)} cases did not run"
    exact = sum(r.exact for r in run.results)
    bits = f", {exact} of them to the last bit" if exact else ""
    return CERTIFIED, f"{passed} cases agree with {claim.rule} within their budgets{bits}"


def _tail(text: str) -> list[str]:
    return text.strip().splitlines()[-12:]


def _lost(answer: Answer) -> bool:
    """Return whether the process ended with this answer."""
    return answer.failure is not None and answer.failure.kind in ("died", "hung", "flooded", "garbled")
