"""Kept edges counted with a factor: every path along them, of one label, half, twice, or with the opposite sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit
from gradcert.certify.diagnosis.unrolled import Bench, Graph
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.networks import Edge

FACTORS = (0.5, 2.0, -1.0)
LARGEST = 64  # denominator of a factor that is written as a fraction


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield factors on the edges of each label that the rule keeps."""
    for edge in labels(bench):
        for factor in FACTORS:
            yield scaled(edge, factor)


def labels(bench: Bench) -> tuple[Edge, ...]:
    """Return the labels of the edges that a rule keeps somewhere in a network."""
    kept = bench.rule.own | bench.rule.upper
    links = (k for layer in bench.network.layers for k in layer.cell.links if k.lag)
    return tuple(dict.fromkeys(k.edge for k in links if k.edge in kept))


def scaled(edge: Edge, factor: float) -> Hypothesis:
    """Return the hypothesis that the edges of a label are counted with a factor."""

    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        return graph.arcs_as(lambda a: replace(a, factor=a.factor * factor) if a.lag and a.origin.edge == edge else a)

    what = f"{edge.name} times {shown(factor)}"
    return of_edit("edge", what, f"the {edge.name} edge times {shown(factor)}", own=edit)


def simple(factor: float) -> float:
    """Return the fraction of small numbers that is nearest."""
    return float(Fraction(factor).limit_denominator(LARGEST))


def shown(factor: float) -> str:
    """Return a factor in few characters: as a fraction, where it is one of small numbers that ends nowhere soon.

    Examples
    --------
    >>> shown(0.5), shown(-1.0), shown(8 / 9), shown(0.3)
    ('1/2', '-1', '8/9', '0.3')
    """
    as_fraction = Fraction(factor).limit_denominator(LARGEST)
    if float(as_fraction) == factor and (abs(factor) == 0.5 or len(f"{factor:g}") > 4):
        return str(as_fraction)
    return f"{factor:g}"
