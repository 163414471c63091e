"""What the word "online" means, checked on a stepwise learner; one check per file.

==========  ==========================================================================================================
causality   what was credited up to step t is the same to the last bit, whatever comes after t
prefix      after t steps, the gradients are those of the first t steps under the claimed rule
memory      what the learner holds is no more than a state, and does not grow with the number of steps
reset       a new sequence begins from nothing, also after one that was left half way
==========  ==========================================================================================================

A later step is in another process until it is due: a learner cannot look ahead, it can only remember. What `memory`
does not see it says, on the certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gradcert.certify.certificates import CheckResult
from gradcert.certify.problems import Case
from gradcert.certify.runs.online import causality, memory, prefix, reset
from gradcert.certify.runs.online.outcome import Outcome
from gradcert.certify.runs.run import Run

CHECKS: dict[str, Callable[[Run, Case], Outcome]] = {
    "causality": causality.check,
    "prefix": prefix.check,
    "memory": memory.check,
    "reset": reset.check,
}

__all__ = ["CHECKS", "chosen", "judge", "run_all"]


def run_all(run: Run) -> None:
    """Do every check on one case of each cell and depth; memory on the deepest of each cell."""
    failed = {case.id for case, _, _ in run.failed}
    cases = [prepared.case for prepared in run.prepared if prepared.case is not None]
    for name in CHECKS:
        for case in chosen(cases, deepest=name == "memory"):
            judge(run, name, case, wrong=case.id in failed)


def chosen(cases: Iterable[Case], *, deepest: bool) -> list[Case]:
    """Return one case for each cell and depth, or for the deepest network of each cell: loss at every step, if any."""
    groups: dict[tuple[str, int], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.spec.cell, case.spec.depth), []).append(case)
    if deepest:
        most = {cell: max(d for c, d in groups if c == cell) for cell, _ in groups}
        groups = {key: members for key, members in groups.items() if most[key[0]] == key[1]}
    return [
        min(members, key=lambda c: (c.spec.when != "every", c.spec.family != "bounded")) for members in groups.values()
    ]


def judge(run: Run, name: str, case: Case, *, wrong: bool) -> None:
    """Do one check and write down what came of it.

    Parameters
    ----------
    wrong : whether the case's own gradient was refuted: then so are those of its first steps, which say nothing new.
    """
    if wrong and name == "prefix":
        outcome = Outcome("blocked", "the gradient of the whole sequence is refuted already")
    else:
        outcome = CHECKS[name](run, case)
    where = f"{case.spec.cell}/{case.spec.depth}"
    run.checks.append(CheckResult(f"online/{name}/{where}", outcome.verdict, outcome.what, outcome.facts))
    if outcome.finding is not None:
        run.findings.append((case, outcome.finding))
