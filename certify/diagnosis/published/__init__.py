"""Algorithms that are no rows of the rule table, each with its lines done otherwise, one file per kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.diagnosis.evidence import LIKELY, Evidence
from gradcert.certify.diagnosis.published import fptt, traces
from gradcert.certify.diagnosis.published.variation import Posed, Variation
from gradcert.certify.problems import PRECISIONS, Bounds, bounds_of, stored
from gradcert.properties.numbers import Balls, Undecided, working_precision
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators import ESTIMATORS
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import FLOAT64, Array

VARIATIONS: dict[str, Callable[[Posed], Iterator[Variation]]] = {
    "fptt": fptt.variations,
    "s-tllr": traces.s_tllr,
    "otpe": traces.otpe,
    "rate-based": traces.rate_based,
    "sltt-k": traces.sltt_k,
}


def posed(problem: Problem, settings: Mapping[str, Any], *, balls: bool = False) -> Posed:
    """Return a problem in float64, or on balls of its own dtype."""
    numbers: Any = Balls(PRECISIONS[problem.dtype]) if balls else FLOAT64
    convert = numbers.exactly if balls else numbers.array
    return Posed(
        stored(problem.network) if balls else problem.network,
        {name: convert(value) for name, value in problem.parameters.items()},
        convert(problem.inputs),
        convert(problem.targets),
        numbers,
        settings,
    )


def search(evidence: Sequence[Evidence], rule: str, settings: Mapping[str, Any]) -> Iterator[Variation]:
    """Yield the variations under which everything given, on every case, lies within the budget."""
    floats = [posed(e.case.problem, settings) for e in evidence]
    for variation in VARIATIONS[rule](floats[0]):
        near = all(_near(e, variation, p) for e, p in zip(evidence, floats, strict=True))
        if near and all(_proven(e, variation, settings) for e in evidence):
            yield variation


def _near(e: Evidence, variation: Variation, p: Posed) -> bool:
    with np.errstate(all="ignore"):
        found = variation.compute(p)
    pairs = ((e.given[name], found[name]) for name in e.given)
    return all(float(np.linalg.norm(a - b)) <= LIKELY * float(np.linalg.norm(b)) for a, b in pairs)


def _proven(e: Evidence, variation: Variation, settings: Mapping[str, Any]) -> bool:
    with working_precision():
        try:
            found: Mapping[str, Array] = variation.compute(posed(e.case.problem, settings, balls=True))
        except Undecided:
            return False
        return all(e.equals(name, bounds_of(found[name])) for name in e.given)


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
            return ESTIMATORS[name].gradients(p.network, p.parameters, p.inputs, p.targets, numbers=p.numbers)
    except (GradcertError, Undecided):
        return {}


def _floats(name: str, e: Evidence) -> Mapping[str, Array]:
    return _computed(name, posed(e.case.problem, {}))


def _bounds(name: str, e: Evidence) -> Mapping[str, Bounds] | None:
    with working_precision():
        found = _computed(name, posed(e.case.problem, {}, balls=True))
        return {k: bounds_of(np.asarray(v, dtype=object)) for k, v in found.items()} or None
