"""Further sequences where a truncation fits what came back, and its length is not yet told.

After 150 steps, with a loss of the last one alone, chunks of 10 and of 20 cut at the same step, and so does a window
of 10. Which of them it is shows over a number of steps that ends no two of them alike, best with a loss at every step.
What is asked is judged like every case, and is on the certificate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from gradcert.certify import diagnosis
from gradcert.certify.campaign import where
from gradcert.certify.campaign.asked import ask_for
from gradcert.certify.problems import Case, Spec, alone
from gradcert.certify.runs import Run
from gradcert.reference.rules import Rule

QUESTIONS = 3
FURTHEST = 200  # steps of a sequence that is asked


def ask(run: Run, *, seed: int) -> None:
    """Ask for sequences that tell the truncations apart which fit every answer."""
    claim = run.claim
    wrong = [case for case, _, check in run.failed if check == "gradient" and case.spec.family != "scale"]
    if not wrong or not claim.entrywise or not isinstance(claim.claimed, Rule) or claim.T is not None:
        return
    tried: set[int] = set()
    while len(tried) < QUESTIONS and run.running:
        fitting = diagnosis.truncations(run.answers, claim.claimed)
        steps = next(told(fitting, every="every" in claim.when, besides=tried), None)
        if len(fitting) < 2 or steps is None:
            return
        tried.add(steps)
        _ask(run, wrong[0], steps, seed=seed)


def told(fitting: Sequence[Rule], *, every: bool, besides: set[int] | frozenset[int] = frozenset()) -> Iterator[int]:
    """Yield numbers of steps after which truncations differ, those that tell most of them apart first.

    Parameters
    ----------
    every : whether the loss is one of every step, and not of the last alone.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from gradcert.reference.rules import RULES
    >>> chunks = [replace(RULES["tbptt-chunks"], chunk=k) for k in (10, 20)]
    >>> next(told(chunks, every=True)), next(told(chunks, every=False))
    (22, 11)
    """
    longest = max((rule.chunk or rule.window or 0 for rule in fitting), default=0)
    if every:
        found = sorted({(rule.chunk or rule.window or 0) + 2 for rule in fitting}, reverse=True)
    else:
        seen = {n: Counter(_seen(rule, n) for rule in fitting) for n in range(3, longest + 3)}
        found = sorted((n for n in seen if len(seen[n]) > 1), key=lambda n: (max(seen[n].values()), n))
    yield from (n for n in found if n not in besides and n <= FURTHEST)


def _seen(rule: Rule, steps: int) -> int:
    """Return over how many steps a loss of the last one is seen."""
    if rule.chunk:
        return (steps - 1) % rule.chunk + 1
    return min(rule.window or steps, steps)


def _ask(run: Run, like: Case, steps: int, *, seed: int) -> None:
    place, when = like.spec, "every" if "every" in run.claim.when else like.spec.when
    row = alone(run.claim, place.cell, "T", str(steps), loss=place.loss, depth=place.depth)
    if row is not None:
        number = where.FIRST + sum(where.is_asked(result) for result in run.results)
        levels = tuple(row.items())
        spec = Spec(place.cell, int(row["depth"]), row["loss"], when, "circumstance", number, 0, levels=levels)
        ask_for(run, spec, seed=seed)
