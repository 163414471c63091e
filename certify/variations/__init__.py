"""Published algorithms with one of their lines done otherwise: controls of the judge, candidates of the diagnosis.

One kind of algorithm per file. A new algorithm of `gradcert.reference.published` needs an entry of `VARIATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from gradcert.certify.problems import PRECISIONS, stored
from gradcert.certify.variations import composite, eventprop, factorised, fptt, influence, traces, trained, updates
from gradcert.certify.variations.variation import Posed, Variation, published
from gradcert.properties.numbers import Balls
from gradcert.reference.networks import Problem
from gradcert.reference.published import Algorithm

VARIATIONS: dict[str, Callable[[Posed], Iterator[Variation]]] = {
    "rows": composite.variations,
    "eventprop": eventprop.variations,
    "es-d-rtrl": factorised.variations,
    "fptt": fptt.variations,
    "s-tllr": traces.s_tllr,
    "otpe": traces.otpe,
    "rate-based": traces.rate_based,
    "sltt-k": traces.sltt_k,
    "ndot": trained.ndot,
    "ottt-code": trained.ottt_code,
    "etlp": trained.etlp,
    "opzo": trained.opzo_variations,
    "tess": trained.tess,
    "uoro": partial(influence.variations, "uoro"),
    "kf-rtrl": partial(influence.variations, "kf-rtrl"),
    "update-per-step": updates.per_step,
    "update-per-sequence": updates.per_sequence,
}


def posed(problem: Problem, settings: Mapping[str, Any], *, balls: bool = False) -> Posed:
    """Return a problem in float64, or on balls of its own dtype."""
    if not balls:
        return Posed(problem.floats(), settings)
    numbers = Balls(PRECISIONS[problem.dtype])
    return Posed(replace(problem.mapped(numbers.exactly, numbers), network=stored(problem.network)), settings)


def variations(claimed: Algorithm, problem: Problem) -> Iterator[Variation]:
    """Yield the algorithm with one line done otherwise, for a problem.

    Of somebody's own the lines are not known, but its settings are.
    """
    if not claimed.kind.own:
        yield from VARIATIONS[claimed.kind.name](posed(problem, claimed.settings))
        return
    for name, value in claimed.settings.items():
        for factor in (0.5, 2.0) if isinstance(value, float) and value else ():
            label = f"{name} = {factor * value:g} in the place of {value:g}"
            other = partial(published, claimed.kind.name, {name: factor * value})
            yield Variation(f"{name} times {factor:g}", label, other)


__all__ = ["VARIATIONS", "Posed", "Variation", "posed", "published", "variations"]
