"""One case with ordinary threads: a process that nothing tells from a user's, but that the judge has started it.

Everywhere else a subject has one thread, so that its sums have one order. That can be seen from inside, and a library
may go another way with many; so one case is asked of a process in which threads are as they are for everybody. Its
answer is held to the same budget, not to the same bits.
"""

from __future__ import annotations

from gradcert.certify.certificates import Finding
from gradcert.certify.judging import FORWARD, acceptance
from gradcert.certify.runs.run import Run
from gradcert.certify.subjects import Failure

CAUSE = "it computes otherwise where its threads are not limited to one"


def check(run: Run) -> None:
    """Ask the first case that passed again, of a fresh process with ordinary threads, and judge the answer."""
    subject = run.subject
    chosen = next((case for case, _ in run.answers if case.spec.family != "scale"), None)
    if chosen is None or subject is None or subject.callable is not None or run.findings:
        return  # a forked callable has ordinary threads in every case
    started = run.fresh(ordinary=True)
    if started is None or isinstance(started, Failure):
        why = "" if started is None else started.reason
        found = [Finding("repeat", chosen.id, f"with ordinary threads, {why}", cause=CAUSE)]
    else:
        started.stepwise = subject.stepwise or started.stepwise
        answer = started.ask(chosen.problem)
        started.stop()
        found = next((wrong for judge in FORWARD if (wrong := judge(chosen, answer))), [])
        found = found or acceptance.check(chosen, answer, run.claim)
    for finding in found[:1]:
        reason = f"asked again with ordinary threads: {finding.reason}"
        run.findings.append((chosen, Finding("repeat", chosen.id, reason, cause=CAUSE, where=finding.where)))
