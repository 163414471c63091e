"""In which circumstance a subject is wrong: the levels that every case that failed meets, and none that passed.

Where several levels fit, each is asked for alone: a case in which nothing else is unusual. What is asked is judged like
every case, and is on the certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcert.certify.claims import AXES
from gradcert.certify.problems import Spec, alone, long
from gradcert.certify.runs import Run, Task, prepare
from gradcert.certify.subjects import Answer

MOST = 10  # levels that are asked for alone
FIRST = 1000  # of the numbers of such cases
ORDINARY = ("dyadic", "bounded")


def levels(run: Run) -> list[str]:
    """Return the levels (``axis: level``) that tell the cases that failed from those that passed; may be none."""
    failed = [set(r.facts.get("met", ())) for r in run.results if r.verdict == "failed"]
    # where every gradient is zero a factor changes nothing: such a case says nothing for its levels
    told = [r for r in run.results if r.verdict == "passed" and any(p["norm"] for p in r.parameters.values())]
    passed = [set(r.facts.get("met", ())) for r in told]
    if not failed or not passed:
        return []
    common = set.intersection(*failed) - set.union(*passed)
    order = [f"{axis}: {level}" for axis, names in AXES.items() for level in names]
    return sorted(common, key=order.index)


def narrow(run: Run, *, seed: int, judge: Callable[[Run, Any, Answer | None], None]) -> None:
    """Ask for each of several levels alone, so that one is left, where only unusual cases failed."""
    failed = [case for case, _, _ in run.failed]
    found = levels(run)
    if (
        not failed
        or len(found) < 2
        or len(found) > MOST
        or run.worker is None
        or any(c.spec.family in ORDINARY for c in failed)
    ):
        return
    like = failed[0].spec
    for number, text in enumerate(found, start=FIRST):
        axis, _, level = text.partition(": ")
        row = alone(run.claim, like.cell, axis, level, loss=like.loss, depth=like.depth)
        if row is None:
            continue
        spec = Spec(
            like.cell, int(row["depth"]), row["loss"], like.when, "circumstance", number, 0, levels=tuple(row.items())
        )
        prepared = prepare(Task(spec, run.claim, seed))
        if prepared.case is not None and text in prepared.case.facts["met"]:
            run.prepared.append(prepared)
            judge(run, prepared.case, run.ask(prepared.case))


def said(run: Run) -> tuple[str, tuple[str, ...]]:
    """Return what is known of a subject that is right on ordinary cases: a sentence and its keys, or neither."""
    for case, answer, check in run.failed:
        if case.spec.family == "long" and check == "gradient" and (steps := long.truncation(case, answer.gradients)):
            return f"it equals tbptt({steps}): credit is truncated after {steps} steps", (f"row:tbptt({steps})",)
    if found := levels(run):
        passed = sum(r.verdict == "passed" for r in run.results)
        return f"right on {passed} cases, wrong exactly where {' and '.join(found)}", tuple(f"where:{t}" for t in found)
    return "", ()
