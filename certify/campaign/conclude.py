"""From what was seen to a certificate: controls, merged findings with their causes, the verdict."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gradcert.certify import diagnosis, figures
from gradcert.certify.campaign import where, within
from gradcert.certify.campaign.more import ORDINARY
from gradcert.certify.certificates import (
    CERTIFIED,
    INCONCLUSIVE,
    REFUTED,
    VERSION,
    Certificate,
    Control,
    Finding,
    environment,
    grounds,
)
from gradcert.certify.claims import AXES, Claim, coinciding
from gradcert.certify.judging import RATE, ROUNDED, aligned, judge_all
from gradcert.certify.judging.controls import PATH
from gradcert.certify.problems import TRUTH, Case, evaluated, profile_named, summary
from gradcert.certify.runs import Prepared, Run
from gradcert.certify.subjects import Answer
from gradcert.reference.errors import GradcertError
from gradcert.reference.rules import RULES, Rule

MOST = 4  # other rows of the same paths that are named
UNUSUAL = re.compile(r"/(circumstance|long)/\d+$")  # ids of cases that are asked for their circumstances
OWN_NAME = re.compile(r"(?P<name>\S+) of the claim is (made of )?\S+ in the code")  # as a module's notes say
# Checks, most telling first.
ORDER = (
    *("structure", "call", "inputs", "repeat", "outputs", "loss", "gradient"),
    *("mean", "reset", "prefix", "causality", "memory", "import"),
)


def conclude(
    run: Run,
    *,
    subject: str,
    replay: str,
    digests: Mapping[str, str],
    steps: list[dict[str, Any]],
    seed: int,
    profile: str,
    started: float,
    counterexample: dict[str, Any] | None = None,
    sources: Mapping[str, Any] | None = None,
) -> Certificate:
    """Return the certificate of a campaign.

    Parameters
    ----------
    subject : its name.
    replay : the command that shows a finding again.
    digests : as in `Certificate`.
    steps : as from `gradcert.certify.runs.steps`.
    started : `time.perf_counter` at the beginning.
    counterexample : as from `gradcert.certify.counterexample`.
    sources : as in `Certificate`.
    """
    cases = [prepared.case for prepared in run.prepared if prepared.case is not None]
    shown, separated, void = control(run.prepared, run.claim)
    findings = explained(run, replay=replay)
    verdict, reason = decide(run, findings, separated, void, run.claim)
    wrong = [(case, answer) for case, answer, check in run.failed if check == "gradient"]
    notes = dict.fromkeys(run.notes)
    if run.recalled:
        given = f"{run.recalled} of {len(run.results)} answers were read from a journal, which is taken at its word"
        notes[f"{grounds.RESUMED}{given}"] = None
    if cases and verdict == CERTIFIED and (unseen := _unseen(run.prepared)):
        notes[f"no case of this run depends on {', '.join(unseen)}"] = None
    if "rule" in digests:
        notes[f"{run.claim.rule} {grounds.GIVEN}"] = None
    if "rule" in digests and verdict == CERTIFIED and (rows := _like(run, cases)):
        notes[f"no case tells {run.claim.claimed.name} from {', '.join(rows)}"] = None
    if isinstance(run.claim.claimed, Rule) and cases and verdict == CERTIFIED:
        same = coinciding(
            run.claim.claimed, {repr(c.problem.network.layers): c.problem.network for c in cases}.values()
        )
        if same:
            more = f" and {len(same) - MOST} more" if len(same) > MOST else ""
            notes[f"on these networks {run.claim.rule} is {', '.join(same[:MOST])}{more} too: the same paths"] = None
    if run.claim.acceptance == "aligned" and verdict == CERTIFIED and (names := aligned.allowed(cases, run.claim)):
        notes[f"the stated limits allow these mistakes too, on every case: {', '.join(names)}"] = None
    judged = [r.worst for r in run.results if r.worst is not None]
    return Certificate(
        verdict=verdict,
        reason=reason,
        subject=subject,
        claim=run.claim.to_dict(),
        seed=seed,
        profile=profile,
        findings=tuple(findings),
        cases=tuple(run.results),
        controls=tuple(shown),
        separated=separated,
        notes=tuple(notes),
        worst=max(judged) if judged else None,
        environment=environment(),
        seconds=round(time.perf_counter() - started, 3),
        suite=VERSION,
        digests=dict(digests),
        figures=figures.collect(
            cases,
            run.answers,
            wrong,
            steps,
            claimed=run.claim.claimed,
            refuted=verdict == REFUTED or not run.claim.entrywise,
        ),
        counterexample=counterexample,
        checks=tuple(run.checks),
        sources=dict(sources or {}),
        resumed=run.recalled,
        circumstances=circumstances(run),
        timing={"date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "cases": dict(run.seconds)},
    )


def _unseen(prepared: list[Prepared]) -> list[str]:
    """Return the paths within a step without which no case has another gradient."""
    told = [variant for p in prepared if p.case is not None for variant in p.variants if variant[0].startswith(PATH)]
    shown = {name for name, verdict in told if verdict is not None}
    return [name.removeprefix("without ") for name, _ in dict.fromkeys(told) if name not in shown]


def _like(run: Run, cases: Iterable[Case]) -> list[str]:
    """Return the rows whose gradient is that of a rule that somebody defined, inside its budget, on every case."""
    found = dict(RULES)
    for case in cases:
        tape = evaluated(case.problem)
        for name, rule in list(found.items()):
            try:
                same = judge_all(tape.gradients(rule), case.expected.gradients)
            except GradcertError:  # a row whose matrices the problem does not bring, or of other networks
                same = {}
            if not same or not all(verdict.ok for verdict in same.values()):
                del found[name]
    return list(found)[:MOST]


def circumstances(run: Run) -> dict[str, Any]:
    """Return which circumstances the judged cases met (`gradcert.certify.problems.cases.circumstances`)."""
    judged = [result.facts for result in run.results if result.verdict != "blocked"]
    outside = () if run.arrays else tuple(("memory", level) for level in AXES["memory"] if level != "C order")
    least = profile_named(run.profile).calls  # not the very number: a resumed run has answered fewer
    calls = least if run.most_calls >= least else 0
    found = summary(run.claim, judged, calls=calls, again=run.again, outside=outside)
    return {**found, "code": run.code} if run.code else found


def control(prepared: list[Prepared], claim: Claim) -> tuple[list[Control], dict[str, dict[str, float]], list[str]]:
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
    refuted = ((name, wrong) for name, (_, wrong) in tally.items())
    void += grounds.void(refuted, separated, claim.dtype, ready=bool(ready))
    return [Control(name, shown, wrong) for name, (shown, wrong) in tally.items()], separated, void


def explained(run: Run, *, replay: str, known: Mapping[str, str] | None = None) -> list[Finding]:
    """Merge findings of one kind, explain them, and say how to see them again.

    Parameters
    ----------
    known : check -> cause, where more answers of the subject than those of this run have told it.
    """
    merged: dict[tuple[str, str], list[tuple[Case | None, Finding]]] = {}
    for case, finding in run.findings:
        kind = f"{finding.cause}{finding.where.get('limit', '')}"  # a limit of the judge's is another matter
        key = (finding.check, kind if finding.check in ("call", "inputs", "repeat") else "")
        if finding.check == "structure":
            key = (finding.check, finding.reason)
        merged.setdefault(key, []).append((case, finding))
    out = []
    for (check, _), group in merged.items():
        _, finding = max(group, key=lambda pair: _weight(pair[1])) if check == "gradient" else group[0]
        cause = finding.cause
        failed = [(case, answer) for case, answer, what in run.failed if what == check]
        if all(f.cause == ROUNDED for _, f in group):
            pass  # the evidence says no more
        elif known and check in known:
            cause = known[check]
        elif check == "gradient" and run.claim.entrywise and failed:
            cause = explanation(run, failed)[0]
            finding = replace(finding, where={**finding.where, **_first(run, failed)})
        elif check in ("outputs", "loss") and run.claim.entrywise and failed:
            usual = any(case.spec.family in ORDINARY for case, _ in failed)
            cause = diagnosis.explain_forward(run.answers, run.claim.claimed, check) if usual else ""
            cause = cause or where.said(run)[0]
        cause = in_own_names(cause, run.notes)
        count = len({case.id for case, _ in group if case is not None}) or 1
        out.append(replace(finding, cause=cause, cases=count, replay=replay))
    return out


def in_own_names(cause: str, notes: Iterable[str]) -> str:
    """Return a cause with what the user calls the parameters that it names, where the claim has other names for them.

    Examples
    --------
    >>> in_own_names("the factor of v<-leak 0", ["layers.0.leak of the claim is th in the code, at mine.py:3"])
    'the factor of v<-leak 0; layers.0.leak of the claim is th in the code, at mine.py:3'
    """
    told = [note for note in notes if (found := OWN_NAME.match(note)) and _names(cause, found["name"])]
    return "; ".join([cause, *told[:MOST]])


def _names(cause: str, parameter: str) -> bool:
    """Return whether a cause names a parameter, or what it is in every layer."""
    last = parameter.rpartition(".")[2]
    return bool(re.search(rf"(?<![\w.])({re.escape(parameter)}|{re.escape(last)})(?![\w.])", cause))


def explanation(run: Run, failed: list[tuple[Case, Answer]]) -> tuple[str, tuple[str, ...]]:
    """Return what a wrong gradient is, in a sentence and as keys; none of the latter where nothing known explains it.

    A subject is explained by what it computes instead, on every case; where nothing known does that, by what the cases
    that failed have in common, and the others have not, and what it computes there. Where ordinary cases all passed and
    that is known, rows and transformations alone are tried.
    """
    worked: dict[int, diagnosis.Worked] = {}

    def known(case: Case) -> diagnosis.Worked:
        return worked.setdefault(id(case), diagnosis.Worked(case))

    ordinary = [pair for pair in failed if pair[0].spec.family in ORDINARY]
    beside = where.said(run)
    brief = not ordinary and bool(beside[1])
    found, keys = diagnosis.explain(run.answers, run.claim.claimed, keep=run.keep, brief=brief, known=known)
    there = ("", ()) if keys else within.explain(run, known, beside, brief=brief)
    if keys or there[1]:
        return (found, keys) if keys else there
    if not beside[1]:
        return found, keys
    return (f"{found}; {beside[0]}" if ordinary else beside[0]), beside[1]


def _first(run: Run, failed: list[tuple[Case, Answer]]) -> dict[str, Any]:
    """Return where the gradient goes wrong first, on the first case that was asked step by step."""
    for case, _ in failed:
        if case.id in run.prefixes and (found := diagnosis.locate(case, run.prefixes[case.id])):
            return {"first": found}
    return {}


def _weight(finding: Finding) -> float:
    error = finding.where.get("relative error", 0.0)
    return float(error) if error == error and error != float("inf") else 0.0


def decisive(findings: Iterable[Finding]) -> Finding:
    """Return the finding that decides the verdict: on ordinary cases, if there is one."""
    return min(findings, key=lambda f: (UNUSUAL.search(f.case) is not None, ORDER.index(f.check)))


def decide(
    run: Run, findings: list[Finding], separated: Mapping[str, Mapping[str, float]], void: list[str], claim: Claim
) -> tuple[str, str]:
    """Return the verdict and its reason."""
    passed = sum(r.verdict == "passed" for r in run.results)
    ran = sum(r.verdict != "blocked" for r in run.results)
    blocked = len(run.results) - ran
    limited = [finding for finding in findings if "limit" in finding.where]
    judged = [finding for finding in findings if finding not in limited]
    grounded = [finding for finding in judged if finding.check != "gradient" or _grounded(run)]
    if grounded and ran:
        worst = decisive(grounded)
        what = worst.cause if worst.check in ("gradient", "outputs", "loss") and worst.cause else worst.reason
        return REFUTED, f"{worst.check}: {what}"
    if not ran:
        return INCONCLUSIVE, f"nothing ran: {findings[0].reason}" if findings else "nothing ran"
    if limited:
        return INCONCLUSIVE, f"{limited[0].reason}: a limit of this run, which says nothing of the gradients"
    if void:
        return INCONCLUSIVE, f"the run is void: {'; '.join(void[:3])}"
    if blocked:
        return INCONCLUSIVE, f"{blocked} of {len(run.results)} cases did not run"
    if idle := [c for c in run.checks if c.verdict == "blocked"]:
        what = "checks decided nothing, the first is"
        return INCONCLUSIVE, f"{len(idle)} of {len(run.checks)} {what} {idle[0].id}: {idle[0].what}"
    agreed = _agree(claim, sum(r.exact for r in run.results))
    return CERTIFIED, grounds.certified(passed, agreed, online=claim.online)


def _grounded(run: Run) -> bool:
    """Return whether a gradient is wrong on a case where the reference itself is not, by both engines."""
    unsound = {p.case.id for p in run.prepared if p.case is not None and not p.sound}
    failed = [case.id for case, _, check in run.failed if check == "gradient"]
    return not failed or any(name not in unsound for name in failed)


def _agree(claim: Claim, exact: int) -> str:
    """Return what was certified of every case, in the words of the claim's class."""
    if claim.acceptance == "aligned":
        return f"are aligned with {claim.rule}, layer by layer, inside the stated limits"
    if claim.acceptance == "bounded":
        whose = "the stated error" if claim.within else f"the bound proven for {claim.rule}"
        return f"are within {whose} of {TRUTH.name}"
    if claim.acceptance == "unbiased":
        return f"have {claim.rule} as the mean of their draws, at an error rate of {RATE:g}"
    return grounds.agreement(claim.claimed.name, exact)
