"""One case with ordinary threads: a process that nothing tells from a user's, but that the judge has started it.

Everywhere else a subject has one thread, so that its sums have one order. That can be seen from inside, and a library
may go another way with many; so one case is asked of a process in which threads are as they are for everybody. Its
answer is held to the same budget, not to the same bits.
"""

from __future__ import annotations

from gradcert.certify.certificates import Finding
from gradcert.certify.judging import FORWARD, acceptance
from gradcert.certify.runs.run import Run
from gradcert.certify.subjects import Ahead, Failure

CAUSE = "it computes otherwise where its threads are not limited to one"


def begin(run: Run) -> None:
    """Ask the first case that passed of a fresh process with ordinary threads, and do not wait for its answer."""
    chosen = next((case for case, _ in run.answers if case.spec.family != "scale"), None)
    if chosen is None or run.subject is None or run.subject.callable is not None or run.findings:
        return  # a forked callable's threads are the same in every case
    run.ahead = run.ahead or (chosen, Ahead.of(run.subject, chosen.problem))


def check(run: Run) -> None:
    """Judge the answer of the process with ordinary threads, which is begun now if it is not on its way."""
    begin(run)
    if run.ahead is None or run.findings:
        return
    (case, asked), run.ahead = run.ahead, None
    answer = asked.answer()
    if isinstance(answer, Failure):
        found = [Finding("repeat", case.id, f"with ordinary threads, {answer.reason}", cause=CAUSE)]
    else:
        found = next((wrong for judge in FORWARD if (wrong := judge(case, answer))), [])
        found = found or acceptance.check(case, answer, run.claim)
    for finding in found[:1]:
        reason = f"asked again with ordinary threads: {finding.reason}"
        run.findings.append((case, Finding("repeat", case.id, reason, cause=CAUSE, where=finding.where)))
