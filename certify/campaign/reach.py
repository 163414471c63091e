"""Lines of the subject that no case has run: further problems are tried, which may reach them, and judged.

Problems whose length, batch or number of units is a number that the subject's own conditions compare with come first,
then rows of levels in other combinations. How many is fixed, so that a second run does the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gradcert.certify.campaign.asked import ask_for
from gradcert.certify.problems import Spec, alone, circumstance_specs
from gradcert.certify.runs import Run

FIRST = 2000  # of the numbers of such cases
NUMBERS = 3  # of the subject's own that are tried
IDLE = 6  # problems that reach nothing new, after which it is left


def reach(run: Run, *, seed: int, most: int) -> dict[str, Any]:
    """Try up to so many problems; return what never ran, for the certificate.

    Returns
    -------
    ``{"looked": False, "why"}``, or ``{"looked": True, "files", "tried"}`` (`gradcert.certify.subjects.coverage`).
    """
    if run.worker is None or run.lost:
        return {"looked": False, "why": "its process ended"}
    found = run.worker.coverage()
    if found is None:
        return {"looked": False, "why": "a program in another language"}
    if not found["files"]:
        return {"looked": False, "why": "it has no source files of its own"}
    tried = idle = 0
    before = _open(found)
    if run.claim.acceptance == "exact" and not run.findings:
        for spec in _specs(run, found, seed):
            if tried >= most or not before or idle >= IDLE or not run.running:
                break
            if not ask_for(run, spec, seed=seed):
                continue
            tried += 1
            found = _again(run) or found
            idle = idle + 1 if _open(found) == before else 0
            before = _open(found)
    return {"looked": True, "files": list(found["files"]), "tried": tried}


def _again(run: Run) -> Mapping[str, Any] | None:
    return run.worker.coverage() if run.worker is not None else None


def _open(found: Mapping[str, Any]) -> int:
    """Return how many lines and ends of conditions are left."""
    lines = sum(last - first + 1 for f in found["files"] for first, last in f["lines"])
    return lines + sum(len(f["conditions"]) for f in found["files"])


def _specs(run: Run, found: Mapping[str, Any], seed: int) -> Iterator[Spec]:
    """Yield problems that may reach something: by the subject's own numbers, then in other circumstances."""
    number = FIRST
    cell, claim = run.claim.stacks[0], run.claim
    depth, loss, when = min(claim.depths), claim.losses[0], claim.when[0]
    for value in (v + more for v in found["numbers"][:NUMBERS] for more in (0, 1)):
        for axis, level in (("T", f"{value}"), ("sizes", f"{value} units"), ("B", f"{value}")):
            row = alone(claim, cell, axis, level, loss=loss, depth=depth)
            if row is not None:
                yield Spec(
                    cell, int(row["depth"]), row["loss"], when, "circumstance", number, 0, levels=tuple(row.items())
                )
                number += 1
    for cell in claim.stacks:
        yield from circumstance_specs(claim, cell, 1, first=number, salt=f"{seed + 1}")
