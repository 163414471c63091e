"""The same problem again, after others: state kept between calls is the commonest silent fault."""

from __future__ import annotations

import numpy as np

from gradcert.certify.certificates import Finding
from gradcert.certify.judging.verdict import judge
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer, Subject, Worker
from gradcert.reference.numbers import Array


def arrays(answer: Answer) -> dict[str, Array]:
    """Return every array of an answer."""
    both = {**answer.gradients, "loss": answer.loss, "outputs": answer.outputs}
    return {name: value for name, value in both.items() if isinstance(value, np.ndarray)}


def differing(first: Answer, second: Answer) -> list[str]:
    """Return the names of arrays that are not the same bytes."""
    a, b = arrays(first), arrays(second)
    return [name for name in a if name not in b or a[name].tobytes() != b[name].tobytes()]


def beyond_rounding(case: Case, first: Answer, second: Answer) -> list[str]:
    """Return what differs by more than two correct answers can, two budgets: gradients, loss, outputs.

    A product in another place of memory may be summed in another order, in the loss as in a gradient.
    """
    out = []
    known = {**case.expected.gradients, "loss": case.expected.loss, "outputs": case.expected.outputs}
    one, other = arrays(first), arrays(second)
    for name, bounds in known.items():
        a, b = one.get(name), other.get(name)
        if name not in case.expected.gradients and a is None and b is None:
            continue
        shape = bounds.value.shape
        if a is not None and b is not None and a.shape == b.shape and a.size == bounds.value.size:
            limits = type(bounds)(np.asarray(a, dtype=float).reshape(shape), 2 * bounds.budget)
            if not judge(b.reshape(shape), limits).ok:
                out.append(name)
        else:
            out.append(name)
    return out


def check(case: Case, first: Answer, second: Answer, subject: Subject, *, when: str) -> tuple[list[Finding], str]:
    """Compare two answers to one problem; answers from two fresh processes tell state from chance.

    Returns
    -------
    findings, and a note where only rounding differs.
    """
    if second.failure is not None:
        what = second.failure
        reason = f"asked again {when}, {what.reason}"
        where = {"limit": "memory"} if what.limit else {}
        return [Finding("repeat", case.id, reason, cause=what.kind, where=where)], ""
    names = differing(first, second)
    if not names:
        return [], ""
    wrong = beyond_rounding(case, first, second)
    if not wrong and set(names) <= {*case.expected.gradients, "loss", "outputs"}:
        return [], f"{case.id}: not the same bits {when}, but within the budget"
    fresh = [_fresh(subject, case) for _ in range(2)]
    agree = all(answer.failure is None for answer in fresh) and not differing(*fresh)
    cause = "state kept between calls" if agree else "not deterministic"
    reason = f"asked again {when}, the subject returns another {', '.join(wrong or names)}"
    return [Finding("repeat", case.id, reason, cause=cause, where={"arrays": wrong or names})], ""


def _fresh(subject: Subject, case: Case) -> Answer:
    """Ask a process that has never been asked anything."""
    started = subject.start()
    if not isinstance(started, Worker):
        return Answer(failure=started)
    answer = started.ask(case.problem)
    started.stop()
    return answer
