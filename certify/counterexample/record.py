"""The JSON form of a counterexample: the problem, what came back, what should have, and how to run it again."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.certify.certificates import Certificate, canonical, sha256
from gradcert.certify.counterexample.search import Small, failing, shrink
from gradcert.certify.problems import Bounds
from gradcert.certify.runs import Run
from gradcert.certify.subjects import Answer, Worker
from gradcert.reference.errors import GradcertError

SCHEMA = "gradcert-counterexample-1"
FOLDER = ".gradcert"


def find(run: Run, *, most: int) -> dict[str, Any] | None:
    """Shrink the first failure of a campaign whose subject is still running; None where there is nothing to shrink.

    A subject that keeps state between calls is not asked: it is wrong in another way each time. Nor is one whose claim
    is not exact: outside its budget is then not outside its claim.
    """
    if run.claim.acceptance != "exact" or any(finding.check == "repeat" for _, finding in run.findings):
        return None
    own = (name for member in run.claim.members for name in member["options"])
    fixed = (*run.claim.options, *run.claim.readout_options, *own)
    found = shrink(run.failed, run.solve, most=most, fixed=fixed, claim=run.claim)
    if found is None:
        return None
    for case, finding in found.others:  # whatever is asked is judged
        reason = f"asked for a smaller problem: {finding.reason}"
        run.findings.append((case, replace(finding, reason=reason)))
    python = run.subject.python if run.subject is not None else sys.executable
    return to_dict(found, alone=_alone(run, found), python=python)


def _alone(run: Run, found: Small) -> bool:
    """Return whether a process that was never asked anything is wrong in the same way."""
    started = run.subject.start() if run.subject is not None else None
    if not isinstance(started, Worker):
        return False
    answer = started.ask(found.problem)
    started.stop()
    return failing(replace(found.start, problem=found.problem, expected=found.expected), answer) == found.check


def to_dict(found: Small, *, alone: bool, python: str = sys.executable) -> dict[str, Any]:
    """Return the JSON form.

    Parameters
    ----------
    alone : whether a fresh process shows the same.
    python : the subject's interpreter, which the replay command names where it is not this one.
    """
    digest = sha256(canonical(found.problem.to_dict()))
    file = f"{FOLDER}/{found.start.spec.cell.rpartition(':')[2]}-{digest[:10]}.json"
    interpreter = f"--python {shlex.quote(python)} " if python != sys.executable else ""
    return {
        "case": found.start.id,
        "check": found.check,
        "rule": found.start.rule.name,
        "asked": found.asked,
        "complete": found.complete,
        "alone": alone,
        "was": _size(found.start.problem.to_dict()),
        "size": _size(found.problem.to_dict()),
        "problem": found.problem.to_dict(),
        "arrays": arrays(found.check, found.answer, bounds_of(found.check, found.expected)),
        "file": file,
        "replay": f"gradcert replay --run {interpreter}{file}",
    }


def bounds_of(check: str, expected: Any) -> dict[str, Bounds]:
    """Return the reference of what a check looks at."""
    if check == "gradient":
        return dict(expected.gradients)
    return {check: getattr(expected, check)}


def arrays(check: str, answer: Answer, bounds: Mapping[str, Bounds]) -> list[dict[str, Any]]:
    """Return what came back beside what should have, array by array, as nested lists."""
    given = answer.gradients if check == "gradient" else {"outputs": answer.outputs, "loss": answer.loss}
    out = []
    for name, wanted in bounds.items():
        value = np.asarray(given[name], dtype=float).reshape(wanted.value.shape)
        ok = (np.abs(value - wanted.value) <= wanted.budget).tolist()
        record = {"name": name, "given": value.tolist(), "reference": wanted.value.tolist()}
        out.append({**record, "budget": wanted.budget.tolist(), "ok": ok})
    return out


def _size(problem: Mapping[str, Any]) -> dict[str, Any]:
    network = problem["network"]
    if "graph" in network:
        inputs, units = sum(i["size"] for i in network["graph"]["inputs"]), network["graph"]["populations"]
    else:
        inputs, units = network["layers"][0]["inputs"], network["layers"]
    widths = [inputs, *(each["units"] for each in units)]
    return {"widths": widths, "steps": len(problem["inputs"]), "batch": len(problem["inputs"][0])}


def store(certificate: Certificate, *, folder: Path = Path()) -> Path | None:
    """Write a certificate's counterexample to the file that its replay command names; return the file.

    Raises
    ------
    GradcertError : if it cannot be written.
    """
    found = certificate.counterexample
    if found is None:
        return None
    path = folder / found["file"]
    record = {"schema": SCHEMA, "subject": certificate.subject, "claim": dict(certificate.claim)}
    record["counterexample"] = found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (ignore := path.parent / ".gitignore").exists():
            ignore.write_text("*\n", encoding="utf-8")
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise GradcertError(f"{path} cannot be written: {error.strerror}") from None
    return path
