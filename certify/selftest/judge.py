"""One member before the judge: the campaign that `gradcert.certify` runs, on cases that members of a claim share."""

from __future__ import annotations

import importlib
import json
import time
from dataclasses import fields
from functools import lru_cache, partial
from typing import Any

from gradcert.certify.campaign import BESIDE, beside, control, decide, decisive, explanation, judge_all
from gradcert.certify.certificates import CERTIFIED, REFUTED, Finding
from gradcert.certify.claims import Claim, from_dict
from gradcert.certify.problems import Spec, plan
from gradcert.certify.runs import Prepared, Run, Task, prepare
from gradcert.certify.selftest.record import ACCEPTED, ACCUSED, CORRECT, KILLED, SURVIVED, Member
from gradcert.certify.subjects import Subject, Worker
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.judge import judge as judge_by_laws
from gradcert.properties.gallery.wrong.learners import Stepwise
from gradcert.reference.published import KINDS
from gradcert.reference.rules import RULES

PROFILE = "default"
DRAWN = "quick"  # the profile of estimators, which are asked for thousands of draws
ASKED = ("repeat", "calls", "online", "more", "where")  # beside the cases; the rest needs a subject with a name


def claim_of(entry: Entry) -> Claim | None:
    """Return what a member claims, or None where no claim can say it.

    Examples
    --------
    >>> from gradcert.properties.gallery import WRONG
    >>> claim_of(WRONG["T05_reset_term_dropped"]).rule
    'ostl'
    """
    published = entry.claim["rule"] in KINDS
    if not (published or entry.claim["rule"] in RULES) or entry.beyond:
        return None
    given = {f.name: entry.claim[f.name] for f in fields(Claim) if f.name in entry.claim}
    if published:  # constants of their own for every layer
        options = {k: v for k, v in given.get("options", {}).items() if k not in ("leak", "threshold")}
        given |= {"options": options, "when": "every"}
    if entry.estimate is not None:
        given |= {"acceptance": "unbiased", "when": "every"}
    if entry.learner is not None:  # steps without a loss have no target, and a learner does not know how many there are
        given |= {"online": True, "when": "every", "time": "sum"}
    return Claim(**given)


def key_of(claim: Claim) -> str:
    """Return a claim as text."""
    return json.dumps(claim.to_dict(), sort_keys=True)


@lru_cache(maxsize=4)
def cases_of(key: str) -> list[tuple[Spec, Prepared]]:
    """Return the prepared cases of a claim."""
    claim = from_dict(json.loads(key))
    return [(spec, prepare(Task(spec, claim, 0))) for spec in plan(claim, profile_of(claim))]


def profile_of(claim: Claim) -> str:
    """Return how much is done for a claim."""
    return DRAWN if claim.acceptance == "unbiased" else PROFILE


def judge(entry: Entry) -> Member:
    """Judge one member.

    Examples
    --------
    >>> from gradcert.properties.gallery import WRONG
    >>> found = judge(WRONG["T62_one_over_batch"])
    >>> found.verdict, found.check, found.found
    ('killed', 'gradient', ('scale:divided by B',))
    """
    started = time.perf_counter()
    if (claim := claim_of(entry)) is not None:
        told = _by_certify(entry, claim, cases_of(key_of(claim)))
    else:
        told = _by_laws(entry)
    said = {**told, "seconds": round(time.perf_counter() - started, 3)}
    return Member(entry.name, entry.title, entry.bug_class or CORRECT, entry.wrong, expected=entry.cause, **said)


def _by_certify(entry: Entry, claim: Claim, cases: list[tuple[Spec, Prepared]]) -> dict[str, Any]:
    profile = profile_of(claim)
    for name in entry.needs:  # before the fork: imports are no part of a call, and have a time of their own
        importlib.import_module(name)
    run = Run(Subject(_subject(entry)), claim, profile=profile, planned=len(cases))
    worker = run.subject.start() if run.subject is not None else None
    assert isinstance(worker, Worker), worker
    run.worker = worker
    try:
        judge_all(run, [spec for spec, _ in cases], [case for _, case in cases], lambda *_: None)
        for name in beside(claim, profile) if run.running else ():
            if name in ASKED:
                BESIDE[name](run, 0)
    finally:
        if run.worker is not None:
            run.worker.stop()
    _, separated, void = control([case for _, case in cases], claim)
    findings = [finding for _, finding in run.findings]
    verdict, reason = decide(run, findings, separated, void, claim)
    refuted, fine = verdict == REFUTED, verdict == CERTIFIED
    told: dict[str, Any] = {"judge": "certify", "said": reason, "verdict": SURVIVED if entry.wrong else ACCUSED}
    if entry.wrong and refuted:
        told["verdict"] = KILLED
    elif not entry.wrong and fine:
        told["verdict"] = ACCEPTED
    return {**told, **_cause(entry, run, decisive(findings))} if refuted else told


def _subject(entry: Entry) -> Any:
    """Return a member as a subject; not by name, which would start an interpreter: a fork has imported everything."""
    if entry.learner is not None:
        return Stepwise(entry.learner)
    if entry.estimate is not None:
        return partial(_drawn, entry.estimate)
    return partial(_called, entry.gradients)


def _drawn(estimate: Any, problem: Any) -> Any:
    return estimate(problem, problem.seed)


def _called(gradients: Any, problem: Any) -> Any:
    return gradients(problem)


def _cause(entry: Entry, run: Run, finding: Finding) -> dict[str, Any]:
    """Return the check that decided, and what the diagnosis makes of it."""
    if finding.check != "gradient":
        return {"check": finding.check, "found": (key_of_finding(finding),), "said": finding.reason}
    failed = [(case, answer) for case, answer, check in run.failed if check == "gradient"]
    if not failed:
        return {"check": "gradient", "found": (key_of_finding(finding),), "said": finding.reason}
    said, found = explanation(run, failed)
    return {"check": "gradient", "found": found, "said": said}


def key_of_finding(finding: Finding) -> str:
    """Return what a finding that needs no search says, without its figures."""
    if finding.check == "mean":
        return "mean:biased"
    if finding.check == "structure":
        kinds = ("NaN", "infinite", "missing", "unknown", "shape", "dtype")
        return f"structure:{next((kind for kind in kinds if kind in finding.reason), finding.reason)}"
    return f"{finding.check}:{(finding.cause or finding.reason).partition(':')[0]}"


def _by_laws(entry: Entry) -> dict[str, Any]:
    finding = judge_by_laws(entry)
    if entry.wrong:
        verdict = SURVIVED if finding.accepted else KILLED
    else:
        verdict = ACCEPTED if finding.accepted else ACCUSED
    found = (f"law:{finding.law}",) if finding.law else ()
    return {"judge": "laws", "check": finding.law, "verdict": verdict, "found": found, "said": finding.said}
