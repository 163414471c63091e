"""One mutant: judged by the checks that judge everybody, diagnosed, its cause held against fresh cases.

A mutant is our own code with one edit, so it needs no process of its own; what it needs is a limit on its time.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcert.certify.certificates import Finding
from gradcert.certify.diagnosis import Evidence, causes, evidence_of
from gradcert.certify.judging import acceptance
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer, Failure
from gradcert.reference.rules import rule_named
from scripts.diagnosis import repairs
from scripts.diagnosis.asked import LATE, Asked, digest, own, written_to

CALL = 4.0  # seconds of the processor for one call of a mutant
DIAGNOSIS = 120.0  # and for one search


class OutOfTime(BaseException):
    """Not an Exception, so that no mutant catches it."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` when the processor has worked so long."""

    def stop(*_: Any) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def answered(function: Callable[[Any], Any], case: Case) -> Answer:
    """Return a mutant's answer."""
    problem = own(case.problem)
    try:
        with limited(CALL):
            given = function(problem)
    except Exception as error:
        return Answer(failure=Failure("raised", f"{type(error).__name__}: {error}"))
    if not isinstance(given, dict):
        return Answer(failure=Failure("wrong", "no dictionary"))
    gradients = {name: _array(value) for name, value in given.items()}
    return Answer(gradients, changed=written_to(problem, case.problem))


def _array(value: Any) -> Any:
    value = value.detach().numpy() if hasattr(value, "detach") else value
    found = np.array(value)  # a copy: nothing that it keeps is read later
    return found if found.dtype.kind in "fiub" else "no array of numbers"


def judged(
    prepared: Asked, source: str, *, repair: float = 0.0, profile: str = "default", every: int = 1
) -> dict[str, Any]:
    """Return what the judge and the diagnosis say about a source, and its repair.

    Parameters
    ----------
    repair : seconds in which a repair is looked for; 0 for none.
    profile : of the cases.
    every : a repair is looked for where no cause is named, and for one in so many of the others.
    """
    literal = prepared.literal
    try:
        with limited(CALL):
            function = literal.compiled(source)
    except (Exception, OutOfTime):
        return {"verdict": "invalid"}
    answers, raised = [], 0
    checks: set[str] = set()
    wrong: list[tuple[Case, Finding]] = []
    ordinary = sum(case.spec.family not in LATE for case in prepared.cases)
    try:
        for case in prepared.cases:
            if checks and case.spec.family in LATE:
                break
            answer = answered(function, case)
            answers.append((case, answer))
            found = acceptance.first_wrong(case, answer, literal.claim)
            checks |= {finding.check for finding in found}
            wrong += [(case, finding) for finding in found[:1]]
            raised += any(finding.check == "call" for finding in found)
            if raised * 2 >= ordinary:
                return {"verdict": "invalid"}
    except OutOfTime:
        return {"verdict": "hung"}
    if not checks:
        return {"verdict": "missed" if _elsewhere_wrong(prepared, function, profile) else "equivalent"}
    check = next((c for c in ("structure", "call", "inputs") if c in checks), "gradient")
    told: dict[str, Any] = {"verdict": "refuted", "check": check, "named": "fully"}  # the finding itself says it
    told["equal"] = _equal(prepared, answers)
    told |= diagnosed(prepared, function, answers) if check == "gradient" else {}
    unsaid = told["named"] != "fully" or told.get("false")
    if repair and (unsaid or int(digest(source), 16) % every == 0):
        told |= repairs.looked(prepared, answers, wrong, source, seconds=repair, profile=profile)
        if told["repair"] == "certified" and told.get("keys"):
            told["agrees"] = not told["false"]  # both were held against problems that neither was found on
    return told


def _elsewhere_wrong(prepared: Asked, function: Any, profile: str) -> bool:
    """Return whether a mutant that was accepted is wrong on fresh problems, or on the whole plan with another seed."""
    for case in (*prepared.fresh, *repairs.others(prepared.literal.name, profile)):
        try:
            if acceptance.first_wrong(case, answered(function, case), prepared.literal.claim):
                return True
        except OutOfTime:
            continue
    return False


def _equal(prepared: Asked, answers: list[tuple[Case, Answer]]) -> bool:
    """Return whether a mutant that was refuted has answered, to the last bit, what the implementation answers."""
    clean = prepared.literal.compiled(prepared.literal.source)
    for case, answer in answers:
        if case.id not in prepared.right:
            prepared.right[case.id] = answered(clean, case)
        right = prepared.right[case.id].gradients
        if answer.failure is not None or answer.changed or set(answer.gradients) != set(right):
            return False
        if not all(np.array_equal(answer.gradients[name], value) for name, value in right.items()):
            return False
    return True


def diagnosed(prepared: Asked, function: Any, answers: list[tuple[Case, Answer]]) -> dict[str, Any]:
    """Return the cause, and whether it is true of fresh problems."""
    started = time.process_time()
    rule = rule_named(prepared.literal.claim.rule)
    try:
        with limited(DIAGNOSIS):
            explanation = causes.find(evidence_of(answers, prepared.known), rule)
    except OutOfTime:
        return {"named": "not", "said": "out of time", "seconds": DIAGNOSIS}
    except Exception as error:
        return {"verdict": "crashed", "said": f"{type(error).__name__}: {error}"}
    seconds = round(time.process_time() - started, 3)
    named = "not" if not explanation.keys else "partly" if explanation.unexplained else "fully"
    told = {"named": named, "keys": list(explanation.keys), "said": str(explanation), "seconds": seconds}
    return {**told, "false": bool(explanation.keys) and not _true(prepared, function, explanation)}


def _true(prepared: Asked, function: Any, explanation: causes.Explanation) -> bool:
    """Return whether every cause accounts for what the subject returns for the fresh problems."""
    answers = []
    for case in prepared.fresh:
        try:
            answers.append((case, answered(function, case)))
        except OutOfTime:
            continue
    fresh: list[Evidence] = evidence_of(answers, prepared.known)
    return all(cause.holds(fresh) for cause in explanation.causes)
