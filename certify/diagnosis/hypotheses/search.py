"""All hypotheses about a case: in floats to be tried, on balls to be proven."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.diagnosis.evidence import Evidence
from gradcert.certify.diagnosis.hypotheses import (
    backward,
    differences,
    equations,
    forward_pass,
    given,
    graphs,
    pooling,
    traces,
)
from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, everywhere
from gradcert.certify.diagnosis.unrolled import Bench, CircleError
from gradcert.certify.problems import Bounds, bounds_of
from gradcert.properties.numbers import Undecided, working_precision
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule

# the most common mistakes first, then what is made of formulas
MAKERS = (
    *(
        graphs.make,
        pooling.make,
        *given.COMMON,
        *backward.COMMON,
        *forward_pass.COMMON,
        *backward.OTHER,
        *forward_pass.OTHER,
    ),
    *(*backward.FORMULAS, traces.make, equations.make),
)


def all_of(bench: Bench, *, differenced: bool = False) -> Iterator[Hypothesis]:
    """Yield every hypothesis about a network under a rule, the most common mistakes first.

    Parameters
    ----------
    differenced : whether it may have been differences, which cost two forward passes for every entry.
    """
    for make in (*MAKERS, *((differences.make,) if differenced else ())):
        yield from make(bench)


def make(evidence: Sequence[Evidence], claimed: Rule) -> Iterator[Candidate]:
    """Yield every hypothesis about the networks of the evidence, the simplest first."""
    for hypothesis in distinct(evidence):
        yield candidate(hypothesis, claimed)


def distinct(evidence: Sequence[Evidence]) -> Iterator[Hypothesis]:
    """Yield the hypotheses about all networks of the evidence, once."""
    benches = [e.bench for e in evidence]
    deepest = max(benches, key=lambda b: b.network.depth)
    # the loss of spiking units is constant but for its jumps: most of its differences are zero
    given = [g for e in evidence for g in e.given.values()]
    differenced = 4 * sum(int((g == 0).sum()) for g in given) > sum(g.size for g in given)
    yield from _distinct(deepest, benches, differenced=differenced)


def candidate(hypothesis: Hypothesis, claimed: Rule) -> Candidate:
    """Return a hypothesis as a candidate."""

    def floats(e: Evidence) -> Mapping[str, Array] | None:
        return tried(hypothesis, e.bench)

    def bounds(e: Evidence) -> Mapping[str, Bounds] | None:
        with working_precision():
            found = tried(hypothesis, e.balls) if e.balls is not None else None
            if found is None:
                return None
            try:
                return {name: bounds_of(np.asarray(g, dtype=object)) for name, g in found.items()}
            except Undecided:
                return None

    return Candidate(hypothesis.key, f"{claimed.name} with {hypothesis.label}", floats, bounds, kept=True)


def _distinct(deepest: Bench, benches: Sequence[Bench], *, differenced: bool) -> Iterator[Hypothesis]:
    """Yield the hypotheses about all networks; those of the deepest know most layers."""
    known: set[tuple[str, str]] = set()
    kinds = {(b.network.depth, repr([layer.cell for layer in b.network.layers])): b for b in (deepest, *benches)}
    deep = deepest.network.depth > 1
    for bench in kinds.values():
        for hypothesis in all_of(bench, differenced=differenced):
            if (hypothesis.key, hypothesis.label) not in known:
                known.add((hypothesis.key, hypothesis.label))
                yield from everywhere(hypothesis) if deep else (hypothesis,)


def tried(hypothesis: Hypothesis, bench: Bench) -> Mapping[str, Array] | None:
    """Return the gradient of a hypothesis in the numbers of a bench, or None where it makes no sense."""
    try:
        with np.errstate(all="ignore"):
            return hypothesis.compute(bench)
    # no such node, parameter or option in this network; an edited formula may divide a number by zero; an edited
    # graph may be one that nobody can compute
    except (Undecided, KeyError, AttributeError, ZeroDivisionError, CircleError):
        return None
    except ValueError:  # values of one population in the place of those of another, which has other units
        if bench.network.graph is None:
            raise
        return None
