"""What a subject computes in the cases in which it is wrong, where those have something in common.

A mean over time is no mistake with a loss of the last step alone, and a squared error without its 1/2 none in a cross
entropy: no cause holds on all of the cases, and one does on those of one loss. It has to explain all of these, those
that passed too, and all others have to be right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

from gradcert.certify import diagnosis
from gradcert.certify.campaign import where
from gradcert.certify.problems import Case
from gradcert.certify.runs import Run

LEAST = 2  # cases that failed, and that passed elsewhere, before it is said where a subject is wrong


def explain(
    run: Run, known: Callable[[Case], diagnosis.Worked], found: tuple[str, tuple[str, ...]], *, brief: bool
) -> tuple[str, tuple[str, ...]]:
    """Return what a wrong gradient is where it is wrong, in a sentence and as keys; neither where that is not known.

    Parameters
    ----------
    known : what has been worked out of the cases.
    found : where it is wrong, as a sentence and keys, if that is known (`where.said`).
    brief : whether rows and transformations alone are tried there, as they are where it is not known.
    """
    texts = tuple(key.removeprefix("where:") for key in found[1])
    if texts and all(key.startswith("where:") for key in found[1]):
        there, keys = _there(run, texts, known, brief=brief)
        return (f"{found[0]}; there {there}", (*keys, *found[1])) if keys else ("", ())
    for mine in places(run):
        there, keys = _there(run, mine, known, brief=True)
        if keys:
            failed, passed = where.split(run)
            words = f"right on {where.cases(len(passed))}, wrong only where {', '.join(mine)}"
            said = f"{words} ({where.cases(len(failed))}); there {there}"
            return said, (*keys, *(f"where:{text}" for text in mine))
    return "", ()


def places(run: Run) -> Iterator[tuple[str, ...]]:
    """Yield the cell, depth, loss or moment of all cases that failed, then two of them, which others have not.

    Those of most cases come first: what explains them says more.
    """
    failed, passed = ([where.met(r) for r in results] for results in where.split(run))
    if len(failed) < LEAST:
        return
    found = {text.partition(": ")[0]: text for text in set.intersection(*failed)}
    common = [found[axis] for axis in where.CONTEXT if axis in found]
    for size in (1, 2):
        often = {mine: sum(set(mine) <= one for one in passed) for mine in combinations(common, size)}
        for mine in sorted(often, key=lambda mine: -often[mine]):
            if len(passed) - often[mine] >= LEAST:
                yield mine


def _there(
    run: Run, texts: Sequence[str], known: Callable[[Case], diagnosis.Worked], *, brief: bool = False
) -> tuple[str, tuple[str, ...]]:
    """Return what explains all cases that meet some levels, or one of several of one axis."""
    mine = [(case, answer) for case, answer in run.answers if inside(where.of_case(case), texts)]
    kept: list[Any] = []
    said, keys = diagnosis.explain(mine, run.claim.claimed, keep=kept.append, brief=brief, known=known)
    if keys:
        run.keep(_limited(kept[0], texts))
    return said, keys


def inside(met: set[str], texts: Sequence[str]) -> bool:
    """Return whether a case meets levels: one of each axis.

    Examples
    --------
    >>> inside({"loss: squared_error", "T: odd"}, ["loss: squared_error", "T: odd", "T: one"])
    True
    """
    axes: dict[str, set[str]] = {}
    for text in texts:
        axes.setdefault(text.partition(": ")[0], set()).add(text)
    return all(met & one for one in axes.values())


def _limited(found: Any, texts: Sequence[str]) -> Any:
    """Return an explanation of the cases that meet some levels; all others have to be right."""
    return replace(found, causes=tuple(replace(c, holds=partial(_holds, c.holds, texts)) for c in found.causes))


def _holds(holds: Callable[..., bool], texts: Sequence[str], fresh: Sequence[diagnosis.Evidence]) -> bool:
    there = [e for e in fresh if inside(where.of_case(e.case), texts)]
    return holds(there) and all(len(e.right) == len(e.given) for e in fresh if e not in there)
