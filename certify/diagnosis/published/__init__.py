"""Algorithms that are no rows of the rule table, each with its lines done otherwise, one file per kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.evidence import LIKELY, Evidence
from gradcert.certify.diagnosis.published import fptt, traces
from gradcert.certify.diagnosis.published.variation import Posed, Variation
from gradcert.certify.problems import PRECISIONS, bounds_of, stored
from gradcert.properties.numbers import Balls, Undecided, working_precision
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
