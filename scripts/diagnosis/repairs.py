"""Repairs of mutants: each mutant is a file of its own, as a user's would be."""

from __future__ import annotations

import ast
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradcert.certify.campaign import judge_all
from gradcert.certify.repair import Repair, line, look
from gradcert.certify.runs import Prepared, Run
from gradcert.certify.subjects import Limits, Subject, Worker
from scripts.diagnosis.subjects import Literal

LIMITS = Limits(call=5.0)


def looked(literal: Literal, other: Sequence[Prepared], run: Run, source: str, seconds: float) -> dict[str, Any]:
    """Look for a repair of a mutant that was judged.

    Parameters
    ----------
    other : the whole plan of the claim with another seed, made ready once: on it, and on all that was judged, a repair
        is certified.
    run : the campaign of the mutant.

    Returns
    -------
    Entries of `scripts.diagnosis.measure.Outcome`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rule.py"
        call = f"def subject(problem):\n    return {literal.function}(problem, **{dict(literal.options)!r})\n"
        file.write_text(f"{source}\n\n\n{call}", encoding="utf-8")
        written = file.read_bytes()
        named = Subject(f"{file}:subject", limits=LIMITS)
        kept: list[Repair] = []

        def certified(found: Repair) -> dict[str, Any] | None:
            count = _right(found, named, run, [*run.prepared, *other])
            if count is None:
                return None
            kept.append(found)
            done = {"again": len(run.prepared), "cases": len(other), "seed": 1, "profile": "default", "identity": ""}
            return {"certified": done}

        record = look(replace(run, subject=named), certified, seconds=seconds)
        assert file.read_bytes() == written, "a repair has touched the file"
        told = {"tried": record.get("tried", 0), "search": record.get("processor", 0.0)}
        said = line(record, literal.claim.rule)
        if not record.get("edits"):
            return {**told, "repair": "none" if record["looked"] else record["why"], "line": said}
        text = kept[-1].texts[os.path.realpath(file)].split("\n\n\ndef subject(")[0]
        undone = ast.unparse(ast.parse(text)) == ast.unparse(ast.parse(literal.source))
        by = " and ".join(edit["operator"] for edit in record["edits"])
        return {**told, "repair": "certified", "line": said, "edits": len(record["edits"]), "by": by, "undone": undone}


def _right(found: Repair, named: Subject, run: Run, ready: Sequence[Prepared]) -> int | None:
    """Return on how many cases a repaired mutant is right, None where it is wrong on one or does not run."""
    subject = Subject(named.name, limits=LIMITS, replaced=found.texts)
    worker = subject.start()
    if not isinstance(worker, Worker):
        return None
    wanted = [p for p in ready if p.case is not None]
    other = Run(subject, run.claim, worker=worker, planned=len(wanted))
    try:
        judge_all(other, [p.case.spec for p in wanted if p.case is not None], wanted, lambda *_: None)
    finally:
        if other.worker is not None:
            other.worker.stop()
    return None if other.findings else len(wanted)
