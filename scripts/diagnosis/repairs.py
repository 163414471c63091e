"""Repairs of mutants: each mutant is a file of its own, as a user's would be."""

from __future__ import annotations

import ast
import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from gradcert.certify.campaign import judge_all
from gradcert.certify.certificates import Finding
from gradcert.certify.problems import Case, plan
from gradcert.certify.repair import Repair, line, look
from gradcert.certify.runs import Prepared, Run, Task, case_of
from gradcert.certify.subjects import Answer, Limits, Subject, Worker
from scripts.diagnosis.asked import LATE, Asked
from scripts.diagnosis.subjects import LITERALS, Literal

LIMITS = Limits(call=5.0)
OTHER = 1  # seed of the cases on which a repair is certified


@lru_cache(maxsize=1)
def others(name: str, profile: str) -> tuple[Case, ...]:
    """Return the whole plan of an implementation's claim with another seed."""
    claim = next(literal.claim for literal in LITERALS if literal.name == name)
    ready = [case_of(Task(spec, claim, OTHER)) for spec in plan(claim, profile)]
    return tuple(case for case in ready if case is not None)


def looked(
    prepared: Asked,
    answers: Sequence[tuple[Case, Answer]],
    found: Sequence[tuple[Case, Finding]],
    source: str,
    *,
    seconds: float,
    profile: str,
) -> dict[str, Any]:
    """Look for a repair of a mutant that was judged.

    A repair is certified on every case of the implementation, and on the whole plan with another seed.

    Parameters
    ----------
    answers, found : what it answered, and what was wrong.

    Returns
    -------
    Entries of `scripts.diagnosis.measure.Outcome`.
    """
    literal = prepared.literal
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rule.py"
        file.write_text(as_user(literal, source), encoding="utf-8")
        written = file.read_bytes()
        subject, given = Subject(f"{file}:subject", limits=LIMITS), {case.id: answer for case, answer in answers}
        run = Run(subject, literal.claim, answers=list(answers), findings=list(found))
        run.failed = [(case, given[case.id], finding.check) for case, finding in found]
        kept: list[Repair] = []

        def certified(repair: Repair) -> dict[str, Any] | None:
            fresh = others(literal.name, profile)
            if not _right(repair, subject, run, [*prepared.cases, *fresh]):
                return None
            kept.append(repair)
            done = {"again": len(prepared.cases), "cases": len(fresh), "seed": OTHER, "profile": profile}
            return {"certified": done}

        record = look(run, certified, seconds=seconds)
        assert file.read_bytes() == written, "a repair has touched the file"
    told = {"tried": record.get("tried", 0), "search": record.get("processor", 0.0)}
    said = line(record, literal.claim.rule)
    if not record.get("edits"):
        return {**told, "repair": "none" if record["looked"] else record["why"], "shown": said}
    text = kept[-1].texts[os.path.realpath(file)]
    by = " and ".join(edit["operator"] for edit in record["edits"])
    undone = ast.unparse(ast.parse(text)) == ast.unparse(ast.parse(as_user(literal, literal.source)))
    return {**told, "repair": "certified", "shown": said, "edits": len(record["edits"]), "by": by, "undone": undone}


def as_user(literal: Literal, source: str) -> str:
    """Return a source with a function of one argument, as a user's file has it."""
    call = (
        f"{literal.function}(problem, **{dict(literal.options)!r})"
        if literal.options
        else f"{literal.function}(problem)"
    )
    return f"{source}\n\n\ndef subject(problem):\n    return {call}\n"


def _right(found: Repair, named: Subject, run: Run, cases: Sequence[Case]) -> bool:
    """Return whether a repaired mutant is right on every case, the expensive ones last."""
    subject = Subject(named.name, limits=LIMITS, replaced=found.texts)
    worker = subject.start()
    if not isinstance(worker, Worker):
        return False
    other = Run(subject, run.claim, worker=worker, planned=len(cases))
    try:
        for case in sorted(cases, key=lambda case: case.spec.family in LATE):
            judge_all(other, [case.spec], [Prepared(case)], lambda *_: None)
            if other.findings:
                return False
    finally:
        if other.worker is not None:
            other.worker.stop()
    return True
