"""More ordinary cases where some are wrong: what is said of a subject has more to hold on.

A wrong sentence may hold on every case of a plan by chance (a threshold that no trace happens to reach). What is asked
is judged like every case, and is on the certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradcert.certify.campaign.asked import ask_for
from gradcert.certify.problems import Spec
from gradcert.certify.runs import Run

MORE = 16
FIRST = 2000  # of the numbers of such cases
ORDINARY = ("dyadic", "bounded")
EXPLAINED = {"gradient", "outputs", "loss"}  # what a diagnosis looks at; others (a call that hangs) say it themselves


def further(specs: Sequence[Spec]) -> list[Spec]:
    """Return more specs like the ordinary ones of a plan, which take its cells, depths and alternatives in turn.

    Examples
    --------
    >>> from gradcert.certify.claims import Claim
    >>> from gradcert.certify.problems import plan
    >>> found = further(plan(Claim(rule="bptt", cells="rnn"), "default"))
    >>> len(found), found[0].id
    (16, 'rnn/1/squared_error-every/bounded/2000')
    """
    usual = [spec for spec in specs if spec.family in ORDINARY]
    rounds = -(-MORE // max(len(usual), 1))
    chosen = [usual[i * rounds * len(usual) // MORE % len(usual)] for i in range(MORE)] if usual else []
    return [replace(spec, index=FIRST + i, turn=spec.turn + i) for i, spec in enumerate(chosen)]


def ask(run: Run, *, seed: int) -> None:
    """Ask for more of them, where an ordinary case failed of a claim that is judged entry by entry."""
    wrong = [check for case, _, check in run.failed if case.spec.family in ORDINARY]
    if not run.claim.entrywise or not wrong or not set(wrong) <= EXPLAINED:
        return
    for spec in further([prepared.case.spec for prepared in run.prepared if prepared.case is not None]):
        if not run.running:
            return
        ask_for(run, spec, seed=seed)
