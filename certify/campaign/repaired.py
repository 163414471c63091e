"""A repaired subject, certified: on all cases of the campaign, and by a whole campaign with another seed.

The cause that was named and the repair check each other: without the edit, the subject has to be what the cause says on
fresh problems as well, on which it is right with the edit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcert.certify import diagnosis, repair
from gradcert.certify.campaign.asked import judge_all
from gradcert.certify.campaign.more import ORDINARY
from gradcert.certify.certificates import CERTIFIED, Certificate
from gradcert.certify.problems import Spec, generate
from gradcert.certify.runs import Run
from gradcert.certify.subjects import Subject, Worker
from gradcert.reference.errors import GradcertError

COMPARED = 3  # fresh problems on which the cause is held against the subject as it is
LARGEST = 2**53 - 1  # seed


def look(
    run: Run, specs: Sequence[Spec], certify: Callable[..., Certificate], *, seed: int, seconds: float
) -> dict[str, Any]:
    """Return the record of the search for a repair (`gradcert.certify.repair`).

    Parameters
    ----------
    run : the campaign of a refuted subject.
    specs : of its cases.
    certify : runs a whole campaign.
    seed : of the campaign; the repaired subject is certified with the next one.
    seconds : for the search.
    """
    fresh = seed + 1 if seed < LARGEST else 0

    def certified(found: repair.Repair) -> dict[str, Any] | None:
        old = run.subject
        assert old is not None
        subject = Subject(old.name, python=old.python, limits=old.limits, replaced=found.texts)
        again = _again(subject, run, specs)
        if again is None:
            return None
        whole = certify(subject, claim=run.claim, profile=run.profile, seed=fresh)
        if whole.verdict != CERTIFIED:
            return None
        done = {"again": again, "cases": len(whole.cases), "seed": fresh, "profile": run.profile}
        return {"certified": {**done, "identity": whole.identity}}

    found = repair.look(run, certified, seconds=seconds)
    if "edits" in found and run.explanation is not None:
        found |= _compared(run, specs, fresh)
    return found


def _again(subject: Subject, run: Run, specs: Sequence[Spec]) -> int | None:
    """Return on how many cases of the campaign a repaired subject is right, None where it is wrong on one."""
    worker = subject.start()
    if not isinstance(worker, Worker):
        return None
    ready = [prepared for prepared in run.prepared if prepared.case is not None]
    wanted = [prepared.case.spec for prepared in ready if prepared.case is not None]
    other = Run(subject, run.claim, worker=worker, profile=run.profile, planned=len(specs))
    try:
        judge_all(other, wanted, ready, lambda *_: None)
    finally:
        if other.worker is not None:
            other.worker.stop()
    return None if other.findings else len(wanted)


def _compared(run: Run, specs: Sequence[Spec], seed: int) -> dict[str, Any]:
    """Return whether the cause that was named is what the subject computes on fresh problems."""
    usual = [spec for spec in specs if spec.family in ORDINARY]
    few = [usual[i * len(usual) // COMPARED] for i in range(min(COMPARED, len(usual)))]
    cases = [case for spec in few if (case := generate(spec, run.claim, seed=seed)) is not None]
    worker = run.subject.start() if run.subject is not None else None
    if not isinstance(worker, Worker):
        return {}
    try:
        evidence = diagnosis.evidence_of([(case, worker.ask(case.problem)) for case in cases])
    finally:
        worker.stop()
    if not evidence:
        return {}
    try:
        agrees = diagnosis.holds(run.explanation, evidence)
    except GradcertError:  # undecided on a fresh problem: nothing is said, and the verdict stands
        return {}
    return {"cause": agrees, "compared": len(evidence)}
