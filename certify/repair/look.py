"""Ask the subject's process for edits of its source that make it right, within a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from gradcert.certify.problems import Bounds, Case
from gradcert.certify.repair.record import Repair, none, repair
from gradcert.certify.runs import Run
from gradcert.certify.subjects import Failure, Subject, Worker

SECONDS = 20.0  # of the processor for the search; what it finds is certified besides
TRIALS = 12  # problems on which an edit is tried
SHORT = 3  # steps: a shorter problem is one on which too much is right
SLOW = 4.0  # times the seconds that may pass
GRACE = 30.0  # seconds beyond its own in which the process has to answer
MOST = 4  # repairs that are handed over to be certified
BY = "gradcert.certify.edits"


def look(run: Run, certified: Callable[[Repair], dict[str, Any] | None], *, seconds: float) -> dict[str, Any]:
    """Return the record of a search for a repair of a refuted subject.

    Parameters
    ----------
    run : the campaign.
    certified : certifies a repaired subject: what was done, or None where it is not certified.
    seconds : for the search.

    Returns
    -------
    ``{"looked": False, "why"}``, or ``{"looked": True, "tried", "seconds", "files"}`` with ``edits``, ``certified``
    where there is a repair, and ``ended`` where the search came to an end before its time.
    """
    subject = run.subject
    if subject is None or subject.program:
        return none("a program in another language, or answers from a file")
    if subject.callable is not None:
        return none("it was made while this program ran, and is not loaded from a file")
    if not run.claim.entrywise:
        return none(f"a claim of class {run.claim.acceptance}")
    chosen = trials(run)
    if not chosen:
        return none("what is wrong does not show in the answer to one problem")
    started = time.perf_counter()
    worker = subject.start(by=BY)
    if isinstance(worker, Failure):
        return none(worker.reason)
    try:
        return _asked(worker, subject, run, chosen, certified, seconds=seconds, started=started)
    finally:
        worker.stop()


def _asked(
    worker: Worker,
    subject: Subject,
    run: Run,
    chosen: list[Case],
    certified: Callable[[Repair], dict[str, Any] | None],
    *,
    seconds: float,
    started: float,
) -> dict[str, Any]:
    asked = {
        "name": subject.name,
        "trials": [_record(case) for case in chosen],
        "seconds": seconds,
        "raises": any(case is chosen[0] and check == "call" for case, _, check in run.failed),
    }
    line, handed, spent = json.dumps({"repair": asked}, allow_nan=False), 0, 0.0
    while True:
        said = worker.talk(line, patience=(SLOW * seconds + GRACE) / subject.limits.call)
        if isinstance(said, Failure):
            return {"looked": True, "ended": said.reason}
        told = _told(said, time.perf_counter() - started - spent)
        if "why" in said and not said.get("tried"):
            return {**none(str(said["why"])), "files": told["files"]}
        if "hunks" not in said:
            return told | ({"ended": str(said["ended"])} if "ended" in said else {})
        found = repair(said["hunks"]) if isinstance(said["hunks"], list) else None
        if found is not None:
            before = time.perf_counter()
            done = certified(found)
            if done is not None:
                return {**told, "edits": [dict(e) for e in found.edits], **done}
            spent += time.perf_counter() - before
        handed += 1
        if handed >= MOST:
            return told
        line = '{"next":true}'


def _told(said: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    files = said.get("files")
    names = [str(name) for name in files] if isinstance(files, list) else []
    tried, hung = (n if type(n := said.get(name)) is int and n >= 0 else 0 for name in ("tried", "hung"))
    counts = {"tried": tried, "stopped": hung}
    spent = said.get("processor")
    spent = round(spent, 2) if isinstance(spent, float) and 0 <= spent < 1e9 else 0.0
    return {"looked": True, **counts, "seconds": round(seconds, 2), "processor": spent, "files": names}


def trials(run: Run) -> list[Case]:
    """Return the problems on which edits are tried: the smallest one that failed first, then others of every kind."""
    failed = {case.id: case for case, _, _ in run.failed if case.spec.family not in ("scale", "long")}
    passed = {case.id: case for case, _ in run.answers if case.id not in failed and case.spec.family != "scale"}
    order = sorted(failed.values(), key=lambda case: (len(case.problem.inputs) < SHORT, _size(case), case.id))
    if not order:
        return []
    out, kinds = [order[0]], set[tuple[Any, ...]]()
    for group in (order[1:], sorted(passed.values(), key=lambda case: (_size(case), case.id))):
        for wanted in (True, False):  # of every kind one, then the smallest
            for case in group:
                kind = (case.spec.cell, case.spec.depth, case.spec.loss, case.spec.when, case.id in failed)
                if case not in out and len(out) < TRIALS and (kind not in kinds) == wanted:
                    out.append(case)
                    kinds.add(kind)
            if len(out) >= (TRIALS if group is not order[1:] else TRIALS // 2):
                break
    return out


def _size(case: Case) -> int:
    steps, batch, width = case.problem.inputs.shape
    return steps * batch * (width + sum(layer.units for layer in case.problem.network.layers))


def _record(case: Case) -> dict[str, Any]:
    def told(bounds: Bounds) -> dict[str, Any]:
        return {"value": bounds.value.tolist(), "budget": bounds.budget.tolist()}

    wanted = {name: told(bounds) for name, bounds in case.expected.gradients.items()}
    return {
        "problem": case.problem.to_dict(),
        "memory": dict(case.spec.levels).get("memory"),
        "expected": {**wanted, "loss": told(case.expected.loss), "outputs": told(case.expected.outputs)},
    }
