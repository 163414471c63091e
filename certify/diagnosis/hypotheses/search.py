"""Try every hypothesis in floats, prove those that come close on balls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gradcert.certify.diagnosis.bench import Bench, on_balls, on_floats
from gradcert.certify.diagnosis.evidence import LIKELY, Evidence
from gradcert.certify.diagnosis.hypotheses import (
    arcs,
    conventions,
    credit,
    differences,
    factors,
    feeds,
    gates,
    parameters,
    slopes,
    timing,
)
from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis
from gradcert.certify.problems import Bounds, bounds_of
from gradcert.properties.numbers import Undecided, working_precision
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule

MAKERS = (
    *(slopes.make, timing.make, arcs.make, credit.make, conventions.make),
    *(feeds.make, parameters.make, gates.make, factors.make),
)


def all_of(bench: Bench, *, differenced: bool = False) -> Iterator[Hypothesis]:
    """Yield every hypothesis about a network under a rule, the most common mistakes first.

    Parameters
    ----------
    differenced : whether it may have been differences, which cost two forward passes for every entry.
    """
    for make in (*MAKERS, *((differences.make,) if differenced else ())):
        yield from make(bench)


def search(evidence: Sequence[Evidence], claimed: Rule) -> Iterator[Hypothesis]:
    """Yield the hypotheses under which everything given, on every case, lies within the budget."""
    # a hypothesis that fails, fails on the smallest case already
    order = sorted(evidence, key=lambda e: sum(g.size for g in e.given.values()))
    benches = [on_floats(e.case.problem, claimed) for e in order]
    balls: dict[int, Bench] = {}
    deepest = max(benches, key=lambda b: b.network.depth)
    seen: set[str] = set()
    # the loss of spiking units is constant but for its jumps: most of its differences are zero
    given = [g for e in order for g in e.given.values()]
    differenced = 4 * sum(int((g == 0).sum()) for g in given) > sum(g.size for g in given)
    for hypothesis in _distinct(deepest, benches, differenced=differenced):
        if hypothesis.key in seen or not all(
            _likely(e, tried(hypothesis, b)) for e, b in zip(order, benches, strict=True)
        ):
            continue
        if all(_proven(hypothesis, e, claimed, number, balls) for number, e in enumerate(order)):
            seen.add(hypothesis.key)
            yield hypothesis


def _distinct(deepest: Bench, benches: Sequence[Bench], *, differenced: bool) -> Iterator[Hypothesis]:
    """Yield the hypotheses about all networks; those of the deepest know most layers."""
    known: set[tuple[str, str]] = set()
    for bench in (deepest, *benches):
        for hypothesis in all_of(bench, differenced=differenced):
            if (hypothesis.key, hypothesis.label) not in known:
                known.add((hypothesis.key, hypothesis.label))
                yield hypothesis


def tried(hypothesis: Hypothesis, bench: Bench) -> Mapping[str, Array] | None:
    """Return the gradient of a hypothesis in the numbers of a bench, or None where it makes no sense."""
    try:
        with np.errstate(all="ignore"):
            return hypothesis.compute(bench)
    except (Undecided, KeyError, AttributeError):  # no such node, parameter or option in this network
        return None


def _likely(e: Evidence, candidate: Mapping[str, Array] | None) -> bool:
    if candidate is None or any(name not in candidate for name in e.given):
        return False
    for name, given in e.given.items():
        size = float(np.linalg.norm(candidate[name]))
        if not float(np.linalg.norm(given - candidate[name])) <= LIKELY * size:
            return False
    return True


def _proven(hypothesis: Hypothesis, e: Evidence, claimed: Rule, number: int, balls: dict[int, Bench]) -> bool:
    with working_precision():
        try:
            if number not in balls:
                balls[number] = on_balls(e.case.problem, claimed, e.case.problem.dtype)
        except Undecided:
            return False
        found = tried(hypothesis, balls[number])
        if found is None:
            return False
        bounds: dict[str, Bounds] = {name: bounds_of(found[name]) for name in e.given}
    return all(e.equals(name, bounds[name]) for name in e.given)
