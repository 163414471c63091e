"""Numbers near the claimed ones: of a pseudo-derivative, a setting of an algorithm, a factor on an edge or a gradient.

The number is fitted in floats, by secants from the claimed one, to a case that is wrong; what comes out has to be a
number of few digits, as a program has it, and is then proven as every candidate is: on every case, within budgets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis import hypotheses, published
from gradcert.certify.diagnosis.candidate import Candidate
from gradcert.certify.diagnosis.evidence import LIKELY, Evidence
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.certify.problems import Bounds
from gradcert.certify.variations import Variation
from gradcert.certify.variations import published as computed
from gradcert.properties.numbers import Undecided
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Edge, Network
from gradcert.reference.numbers import FORMATS, Array
from gradcert.reference.published import Algorithm, Claimed
from gradcert.reference.rules import Rule

DIGITS = 4  # of a number in a program
TRIES = 8  # steps of a fit, each of two gradients
FAR = 2.0  # a number that is more than twice, or less than half, the claimed one is no neighbour of it
CLOSE = 1e-8  # of a fitted number and the one of few digits
WIDE = 100.0  # the same, of a factor on an edge: its claimed value is one
FEWEST = 6  # entries that a factor is fitted to
FITTED = 2.0**-40  # relative: of a factor that is fitted, and has not few digits


@dataclass(frozen=True, eq=False)
class Knob:
    """A number of the claim: what it is, and the candidate that has another."""

    value: float
    turned: Callable[[float], Candidate]
    allowed: Callable[[float], bool] = lambda ratio: 1 / FAR < ratio < FAR
    short: Callable[[float], tuple[float, ...]] = lambda x: (float(f"{x:.{DIGITS}g}"),)


def candidates(evidence: Sequence[Evidence], claimed: Claimed) -> Iterator[Candidate]:
    """Yield the claim with one of its numbers as it fits the first case that is wrong."""
    for knob in _settings(claimed) if isinstance(claimed, Algorithm) else _of_row(evidence, claimed):
        for e in evidence:
            if (found := _fitted(knob, e)) is not None:
                yield knob.turned(found)
                break


def _of_row(evidence: Sequence[Evidence], claimed: Rule) -> Iterator[Knob]:
    yield from _edges(evidence, claimed)
    yield from _scales(evidence, claimed)


def _edges(evidence: Sequence[Evidence], claimed: Rule) -> Iterator[Knob]:
    """Yield a factor on all edges of a label: in the own sweep, and where there are layers below, on the way down."""
    if claimed.window is not None or claimed.reach is not None or claimed.feedback == "local":
        return
    deep = any(e.network.depth > 1 for e in evidence)
    for edge in dict.fromkeys(label for e in evidence for label in hypotheses.edges.labels(e.bench)):
        for way in range(3 if deep else 1):

            def turned(to: float, edge: Edge = edge, way: int = way) -> Candidate:
                made = hypotheses.everywhere(hypotheses.edges.scaled(edge, to))
                return hypotheses.candidate(list(made)[way], claimed)

            yield Knob(1.0, turned, lambda ratio: abs(ratio) < WIDE, _digits_or_fraction)


def _digits_or_fraction(x: float) -> tuple[float, ...]:
    return float(f"{x:.{DIGITS}g}"), hypotheses.edges.simple(x)


def _settings(claimed: Algorithm) -> Iterator[Knob]:
    for name, value in claimed.settings.items():
        if isinstance(value, float) and value:

            def turned(to: float, name: str = name, value: float = value) -> Candidate:
                label = f"{name} = {to:g} in the place of {value:g}"
                other = Variation(f"{name} = {to:g}", label, partial(computed, claimed.kind.name, {name: to}))
                return published.candidate(other, claimed)

            yield Knob(value, turned)


def _scales(evidence: Sequence[Evidence], claimed: Rule) -> Iterator[Knob]:
    network = max((e.network for e in evidence), key=lambda n: len(n.cells))
    forms = {cell.surrogate for cell in network.cells if hasattr(cell, "surrogate")}
    spiking = [k for k, cell in enumerate(network.cells) if hasattr(cell, "surrogate")]
    places: list[int | None] = [None, *(spiking if len(spiking) > 1 else [])]
    for form in sorted(forms, key=lambda s: s.label):
        for name, value in (*form.scales, ("amplitude", form.amplitude)):
            for place in places if isinstance(value, (int, float)) and value else ():

                def turned(
                    to: float, name: str = name, value: float = value, form: Any = form, place: int | None = place
                ) -> Candidate:
                    where = "" if place is None else f" in {_called(network, place)}"
                    label = f"psi = {form.with_scale(name, to).label}, {name} in the place of {value:g}{where}"
                    compute = partial(_rescaled, form=form, name=name, to=to, place=place)
                    mistake = hypotheses.Hypothesis("slope", f"{name} = {to:g}{where}", label, compute)
                    return hypotheses.candidate(mistake, claimed)

                yield Knob(float(value), turned)


def _called(network: Network, place: int) -> str:
    return network.graph.populations[place].name if network.graph is not None else f"layers.{place}"


def _rescaled(bench: Bench, *, form: Any, name: str, to: float, place: int | None) -> dict[str, Array] | None:
    own = enumerate(bench.network.cells)
    mine = [k for k, cell in own if getattr(cell, "surrogate", None) == form and place in (None, k)]
    if not mine:
        return None
    cells: list[Any] = list(bench.network.cells)
    for k in mine:
        cells[k] = replace(cells[k], surrogate=form.with_scale(name, to))
    graph = bench.network.graph
    if graph is None:
        layers = tuple(replace(x, cell=cell) for x, cell in zip(bench.network.layers, cells, strict=True))
        return bench.again(network=replace(bench.network, layers=layers)).gradients()
    populations = tuple(replace(p, cell=cell) for p, cell in zip(graph.populations, cells, strict=True))
    other = replace(bench.network, layers=(), graph=replace(graph, populations=populations))
    return bench.again(network=other).gradients()


def _fitted(knob: Knob, e: Evidence) -> float | None:
    """Return the number of few digits under which what is wrong in a case is what was given."""
    wrong = [name for name in e.given if name not in e.right]
    wanted = np.concatenate([np.ravel(e.given[name]) for name in wrong])
    size, at = float(np.linalg.norm(wanted)), knob.value
    found = _tried(knob, at, e, wrong)
    for _ in range(TRIES):
        step = 1e-4 * max(abs(at), 1e-2 * abs(knob.value))
        near = _tried(knob, at + step, e, wrong)
        if found is None or near is None:
            return None
        slope = (near - found) / step
        steep = float(slope @ slope)
        moved = at + float(slope @ (wanted - found)) / steep if steep > 0 else np.nan
        if not np.isfinite(moved) or not knob.allowed(moved / knob.value):
            return None
        for short in knob.short(moved):
            if (there := _tried(knob, short, e, wrong)) is not None:
                if short != knob.value and float(np.linalg.norm(wanted - there)) <= CLOSE * size:
                    return short
        at, found = moved, _tried(knob, moved, e, wrong)
    return None


def _tried(knob: Knob, value: float, e: Evidence, names: Sequence[str]) -> Array | None:
    try:
        found = knob.turned(value).floats(e)
    except (GradcertError, Undecided):
        return None
    if found is None or not set(names) <= set(found):
        return None
    flat = np.concatenate([np.ravel(np.asarray(found[name], dtype=float)) for name in names])
    return flat if np.isfinite(flat).all() else None


def factor(claimed: Claimed, members: Sequence[tuple[Evidence, str]]) -> Candidate | None:
    """Return the claimed gradient times one number, where all that a pool holds is in proportion to it."""
    ratios, entries = [], 0
    cases = set()
    for e, name in members:
        right, given = e.case.expected.gradients[name].value, e.given[name]
        size = float((right * right).sum())
        if not size:
            continue
        ratio = float((given * right).sum()) / size
        if not float(np.linalg.norm(given - ratio * right)) <= LIKELY**2 * float(np.linalg.norm(given)):
            return None
        ratios.append(ratio)
        cases.add(id(e))
        entries += int(np.count_nonzero(right))
    if not ratios or entries < FEWEST or max(ratios) - min(ratios) > CLOSE * abs(ratios[0]):
        return None
    few = float(f"{ratios[0]:.{DIGITS}g}")
    if len(cases) == 1 and abs(few - ratios[0]) > CLOSE * abs(few):
        return None  # one case has many: that it is one number is seen where two have the same
    short = float(f"{ratios[0]:.6g}")
    c, loose = (short, 0.0) if abs(short - ratios[0]) <= CLOSE * abs(short) else (ratios[0], FITTED)

    def floats(e: Evidence) -> Mapping[str, Array]:
        return {name: c * b.value for name, b in e.case.expected.gradients.items()}

    def bounds(e: Evidence) -> Mapping[str, Bounds]:
        unit = 4 * FORMATS[e.case.problem.dtype].unit + loose
        found = e.case.expected.gradients.items()
        return {n: Bounds(c * b.value, abs(c) * (1 + unit) * b.budget + unit * np.abs(c * b.value)) for n, b in found}

    return Candidate(f"scale:times {c:.6g}", f"{claimed.name} times {c:.6g}", floats, bounds, kept=True)
