"""Run the steps of the diagnosis and put what they find into one sentence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import numpy as np

from gradcert.certify.diagnosis import causes, forward
from gradcert.certify.diagnosis.direct import rows
from gradcert.certify.diagnosis.evidence import Evidence, Worked
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer
from gradcert.reference.published import Algorithm, Claimed
from gradcert.reference.rules import Rule

STRICT = "GRADCERT_STRICT"  # set by our own tests: there, a diagnosis that raises is a failure
NOT_LOOKED_FOR = "no cause could be looked for: a fault in gradcert's diagnosis, please report it"


BEYOND = ("scale", "long")  # families of cases that no enclosure follows in time


def evidence_of(
    answered: Iterable[tuple[Case, Answer]],
    known: Callable[[Case], Worked] | None = None,
    *,
    families: Callable[[str], bool] = lambda family: family not in BEYOND,
) -> list[Evidence]:
    """Return what came back as evidence; scale and long cases, which no enclosure follows in time, are left out.

    Parameters
    ----------
    known : what has been worked out of the cases before, for other answers.
    families : of which families of cases.
    """
    out = []
    for case, answer in answered:
        given = {k: np.asarray(v, dtype=float) for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
        fits = set(given) == set(case.expected.gradients) and all(
            given[k].shape == b.value.shape for k, b in case.expected.gradients.items()
        )
        if fits and families(case.spec.family) and all(np.isfinite(g).all() for g in given.values()):
            shape = case.expected.outputs.value.shape
            worked = None if known is None else known(case)
            out.append(Evidence(case, given, _array(answer.outputs, shape), _array(answer.loss, ()), worked))
    return out


def explain(
    answered: Iterable[tuple[Case, Answer]],
    claimed: Claimed,
    *,
    keep: Callable[[causes.Explanation], None] | None = None,
    brief: bool = False,
    known: Callable[[Case], Worked] | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Return what the subject computes instead, in one sentence, or that nothing known explains it; and its keys.

    Parameters
    ----------
    answered : every case that was answered, with its answer: an explanation holds on all of them.
    keep : is handed an explanation that accounts for every parameter, for `holds`.
    brief : whether rows and transformations alone are tried.
    known : as for `evidence_of`.

    Returns
    -------
    The sentence, and the keys of an explanation that accounts for every parameter, else none.
    """
    keys: tuple[str, ...] = ()

    def find() -> str:
        nonlocal keys
        pairs = list(answered)
        beyond = evidence_of(pairs, known, families=lambda family: family == "long")
        found = causes.find(evidence_of(pairs, known), claimed, beyond=beyond, brief=brief)
        keys = found.keys if not found.unexplained else ()
        if keys and keep is not None:
            keep(found)
        return str(found)

    return guarded(find), keys


def holds(found: causes.Explanation, evidence: list[Evidence]) -> bool:
    """Return whether an explanation accounts for other evidence as well."""
    return all(cause.holds(evidence) for cause in found.causes)


def is_row(answered: Iterable[tuple[Case, Answer]], rule: Rule) -> bool:
    """Return whether a row is what was given on every case, and not far off where no enclosure follows in time."""
    pairs = list(answered)
    row = rows.row(rule)
    beyond = evidence_of(pairs, families=lambda family: family in BEYOND)
    return all(row.near(e) >= set(e.given) for e in beyond if e.steady) and all(
        row.proven(e, frozenset(e.given)) for e in evidence_of(pairs)
    )


def truncations(answered: Iterable[tuple[Case, Answer]], rule: Rule) -> list[Rule]:
    """Return the truncations of a row that are close to what was given on every case."""
    with np.errstate(all="ignore"):  # a wrong gradient may be of any size
        return rows.fitting(rule, *_apart(answered))


def untold(answered: Iterable[tuple[Case, Answer]], rule: Rule) -> str:
    """Return which truncations of other lengths than a row's explain every case as well, in words."""
    return rows.untold(rule, *_apart(answered))


def _apart(answered: Iterable[tuple[Case, Answer]]) -> tuple[list[Evidence], list[Evidence]]:
    pairs = list(answered)
    long = evidence_of(pairs, families=lambda family: family == "long")
    return evidence_of(pairs), [e for e in long if e.steady]


def explain_forward(answered: Iterable[tuple[Case, Answer]], claimed: Claimed, check: str) -> str:
    """Return what is wrong with the outputs or the loss (`check`), and what of the gradients, or "" if unknown."""
    if isinstance(claimed, Algorithm):  # what is known of forward passes is said in rows
        return ""

    def find() -> str:
        pairs = list(answered)
        beyond = evidence_of(pairs, families=lambda family: family == "long")
        return forward.explain(evidence_of(pairs), claimed, check, beyond)

    return guarded(find)


def _array(value: object, shape: tuple[int, ...]) -> np.ndarray | None:
    if not isinstance(value, np.ndarray) or value.shape != shape or not np.isfinite(value).all():
        return None
    return np.asarray(value, dtype=float)


def guarded(find: Callable[[], str]) -> str:
    """Return what a search for a cause finds. The verdict does not depend on it: a fault of ours is said here."""
    try:
        with np.errstate(all="ignore"):  # a wrong gradient may be of any size
            return find()
    except Exception as error:
        if os.environ.get(STRICT):
            raise
        return f"{NOT_LOOKED_FOR} ({type(error).__name__}: {str(error)[:200]})"
