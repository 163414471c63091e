"""Run the steps of the diagnosis and put what they find into one sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcert.certify.answers import Answer
from gradcert.certify.cases.case import Case
from gradcert.certify.diagnosis import conventions, rows, transformations
from gradcert.certify.diagnosis.evidence import Evidence, names_in
from gradcert.reference.rules.rule import Rule

MOST = 6  # cases that an explanation has to account for


def chosen(failed: Sequence[tuple[Case, Answer]]) -> list[Evidence]:
    """Return evidence from every cell and depth that failed, the deepest first."""
    seen: dict[tuple[str, int], int] = {}
    out: list[Evidence] = []
    for case, answer in sorted(failed, key=lambda pair: -pair[0].spec.depth):
        key = (case.spec.cell, case.spec.depth)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= 2 and len(out) < MOST:
            given = {k: np.asarray(v, dtype=float) for k, v in answer.gradients.items() if isinstance(v, np.ndarray)}
            out.append(Evidence(case, given))
    return out


def explain(failed: Sequence[tuple[Case, Answer]], claimed: Rule) -> str:
    """Return what the subject computes instead, in one sentence, or that nothing known explains it."""
    evidence = chosen(failed)
    names = names_in(evidence)
    row, single = rows.search(evidence, claimed)
    if row is not None:
        return f"it equals {row.label}, to {row.distance:.0e}"
    partial: dict[str, str] = {name: found.label for name, found in single.items()}
    for found in transformations.search(evidence, claimed):
        if set(found.names) == set(names):
            return f"it equals {found.label}"
        for name in found.names:
            partial.setdefault(name, found.label)
    if set(partial) == set(names):
        return _together(partial, names)
    if text := conventions.surrogates(evidence, claimed):
        return f"it equals {text}"
    if partial:
        rest = [name for name in names if name not in partial]
        return f"{_together(partial, names)}; nothing known explains {', '.join(rest)}"
    return "no row of the rule table, no simple transformation of one and no known convention explains it"


def explain_outputs(failed: Sequence[tuple[Case, Answer]]) -> str:
    """Return which convention the outputs follow instead, or "" if none is known."""
    return conventions.outputs(failed)


def _together(partial: dict[str, str], names: list[str]) -> str:
    groups: dict[str, list[str]] = {}
    for name in names:
        if name in partial:
            groups.setdefault(partial[name], []).append(name)
    return "; ".join(f"{', '.join(members)}: equals {label}" for label, members in groups.items())
