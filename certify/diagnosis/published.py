"""Algorithms that are no rows of the rule table: which of them, or which of their lines done otherwise, it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.problems import Bounds, bounds_of
from gradcert.certify.variations import Posed, Variation, posed, published, variations
from gradcert.properties.numbers import Undecided, working_precision
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators import ESTIMATORS
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array
from gradcert.reference.published import Algorithm
from gradcert.reference.rules import RULES, Rule


def candidates(claimed: Algorithm, problem: Problem) -> Iterator[Candidate]:
    """Yield the same as candidates; rows of the table, and other algorithms, after them."""
    for variation in variations(claimed, problem):
        yield candidate(variation, claimed)
    for name, rule in RULES.items():
        if rule.feedback == "symmetric":
            yield Candidate(
                f"row:{name}", f"{name}, a row of the table", partial(_row, rule), partial(_row_bounds, rule)
            )


def candidate(variation: Variation, claimed: Algorithm) -> Candidate:
    """Return an algorithm done otherwise as a candidate."""
    found = partial(_varied, variation, claimed), partial(_enclosed, variation, claimed)
    return Candidate(f"published:{variation.what}", f"{claimed.name} {_joined(variation.label)}", *found, kept=True)


def _joined(label: str) -> str:
    return label if label.startswith(("with ", "without ")) else f"with {label}"


def _varied(variation: Variation, claimed: Algorithm, e: Evidence) -> Mapping[str, Array]:
    try:
        with np.errstate(all="ignore"):
            return variation.compute(posed(e.case.problem, claimed.settings))
    except GradcertError:
        return {}


def _enclosed(variation: Variation, claimed: Algorithm, e: Evidence) -> Mapping[str, Bounds] | None:
    with working_precision():
        try:
            found = variation.compute(posed(e.case.problem, claimed.settings, balls=True))
            return {k: bounds_of(np.asarray(v, dtype=object)) for k, v in found.items()}
        except Undecided:
            return None


def _row(rule: Rule, e: Evidence) -> Mapping[str, Array]:
    return e.gradient(rule)


def _row_bounds(rule: Rule, e: Evidence) -> Mapping[str, Bounds] | None:
    run = e.expected(rule)
    return None if run is None else run.gradients


def make() -> Iterator[Candidate]:
    """Yield the algorithms that are no rows, with their usual settings: what a claimed row may have been taken for."""
    for name, estimator in ESTIMATORS.items():
        if not estimator.needs:
            found = f"published:{name}", f"{estimator.title} ({name}), which is no row of the table"
            yield Candidate(*found, partial(_floats, name), partial(_bounds, name), kept=True)


def _computed(name: str, p: Posed) -> Mapping[str, Array]:
    """Return the gradient of an algorithm; nothing where it cannot be computed for a network."""
    try:
        with np.errstate(all="ignore"):
            return published(name, {}, p)
    except (GradcertError, Undecided):
        return {}


def _floats(name: str, e: Evidence) -> Mapping[str, Array]:
    return _computed(name, posed(e.case.problem, {}))


def _bounds(name: str, e: Evidence) -> Mapping[str, Bounds] | None:
    with working_precision():
        found = _computed(name, posed(e.case.problem, {}, balls=True))
        try:
            return {k: bounds_of(np.asarray(v, dtype=object)) for k, v in found.items()} or None
        except Undecided:
            return None
