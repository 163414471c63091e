"""Amounts: what has to be added or weighed, and how much of it, where the amount follows from what was given.

The gradient is taken as ``fixed + sum of c_i part_i`` with few unknown numbers c. They are fitted by least squares,
per case, then rounded to the simple number next to them, if there is one. What was given must then lie within the
budget of the whole, computed on balls; a fit that has not become simple adds its own rounding to the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import combinations

import numpy as np

from gradcert.certify.diagnosis.evidence import LIKELY, Evidence
from gradcert.certify.diagnosis.unrolled import Bench, Edit, edited, gradients, graph_of, on_balls, on_floats, sweep
from gradcert.certify.problems import Bounds, bounds_of
from gradcert.properties.numbers import Undecided, working_precision
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule

Parts = tuple[Mapping[str, Array] | None, list[Mapping[str, Array]]]  # fixed, and what the unknown numbers multiply
DENOMINATOR = 64  # of a simple number
DIGITS = 6  # of one that is no simple fraction
FEW = 4  # of one that a single case is enough for
ALIKE = 1e-8  # numbers that were fitted, and are one: what is said of them has four digits, and is proven by budgets
FIT_ERROR = 2.0**-46  # relative, of a coefficient fitted to a few dozen entries that are right to 2^-50


@dataclass(frozen=True)
class Fit:
    """An amount that explains everything.

    Attributes
    ----------
    what : a key.
    label : completes "<rule> with ...".
    """

    what: str
    label: str


@dataclass(frozen=True)
class Family:
    """A linear family of gradients: see the module.

    Attributes
    ----------
    parts : the fixed part and the others, in the numbers of a bench; None where it does not apply.
    accept : given the coefficients of every case and the cases, says what they mean; None where they mean nothing.
    unknowns : how many numbers there are to find in a case.
    """

    parts: Callable[[Bench], Parts | None]
    accept: Callable[[list[Array], Sequence[Evidence]], Fit | None]
    unknowns: Callable[[Bench], int] = lambda _: 1


def search(evidence: Sequence[Evidence], claimed: Rule, *, beyond: Sequence[Evidence] = ()) -> Iterator[Fit]:
    """Yield the amounts under which everything given lies within the budget, on every case that can tell.

    A case with fewer entries than unknown numbers says nothing of them, and one that is wrong has to say something.

    Parameters
    ----------
    beyond : long cases, which the same amount has to fit in floats, where they have entries enough to tell.
    """
    every = evidence
    for family in FAMILIES:
        evidence = [e for e in every if not _silent(family, e)]
        if all(len(e.right) == len(e.given) for e in evidence):
            continue
        found = [_fitted(family, e, claimed) for e in evidence]
        coefficients = [c for c in found if c is not None]
        if len(coefficients) < len(found):
            continue
        fit = family.accept(coefficients, evidence)
        if fit and all(_proven(family, e, claimed, c) for e, c in zip(evidence, coefficients, strict=True)):
            if _lasts(family, fit, coefficients, evidence, beyond, claimed):
                yield fit


def _silent(family: Family, e: Evidence) -> bool:
    return 2 * family.unknowns(e.bench) > max(2, sum(g.size for g in e.given.values()))


def _lasts(
    family: Family,
    fit: Fit,
    coefficients: list[Array],
    evidence: Sequence[Evidence],
    beyond: Sequence[Evidence],
    claimed: Rule,
) -> bool:
    """Return whether an amount is the same on long cases; those with fewer entries than unknown numbers say nothing."""
    for e in beyond:
        if _silent(family, e):
            continue
        c = _fitted(family, e, claimed, within=LIKELY)
        if c is None:
            return False
        for known in (coefficients[0], np.ones(len(c))):
            if len(known) == len(c):  # floats over many steps do not give more digits
                c = np.where(np.abs(c - known) <= LIKELY * np.abs(known), known, c)
        if family.accept([*coefficients, c], [*evidence, e]) != fit:
            return False
    return True


def _fitted(family: Family, e: Evidence, claimed: Rule, *, within: float = LIKELY**2) -> Array | None:
    found = family.parts(on_floats(e.case.problem, claimed))
    if found is None:
        return None
    fixed, parts = found
    if any(set(part) < set(e.given) for part in (*([fixed] if fixed is not None else []), *parts)):
        return None  # it says nothing of the gradients of initial values
    columns = np.stack([_flat(part, e) for part in parts], axis=1)
    wanted = _flat(e.given, e) - (_flat(fixed, e) if fixed is not None else 0)
    live = np.abs(columns).max(axis=0) > 0
    if 2 * live.sum() > len(wanted) or not live.any():
        return None
    c = np.full(len(parts), np.nan)
    c[live] = np.linalg.lstsq(columns[:, live], wanted, rcond=None)[0]
    left = wanted - columns[:, live] @ c[live]
    size = float(np.linalg.norm(_flat(e.given, e)))
    if not float(np.linalg.norm(left)) <= within * size:
        return None
    return np.array([_simple(x) for x in c])


def _flat(values: Mapping[str, Array], e: Evidence) -> Array:
    return np.concatenate([np.ravel(np.asarray(values[name], dtype=float)) for name in e.given])


def _simple(x: float) -> float:
    if not np.isfinite(x):
        return x
    near = float(Fraction(x).limit_denominator(DENOMINATOR))
    if abs(x - near) <= ALIKE * max(1.0, abs(x)):
        return near
    short = float(f"{x:.{DIGITS}g}")
    return short if abs(x - short) <= ALIKE * abs(x) else x


def _alike(values: Array) -> bool:
    """Return whether fitted numbers are one number, but for what rounding leaves."""
    return len(values) == 0 or bool(np.ptp(values) <= ALIKE * np.abs(values).max())


def _proven(family: Family, e: Evidence, claimed: Rule, coefficients: Array) -> bool:
    with working_precision():
        try:
            found = family.parts(on_balls(e.case.problem, claimed, e.case.problem.dtype))
        except Undecided:
            return False
        if found is None:
            return False
        fixed, parts = found
        for name in e.given:
            total = fixed[name] if fixed is not None else None
            spread = np.zeros(np.shape(e.given[name]))
            for c, part in zip(coefficients, parts, strict=True):
                if np.isfinite(c):
                    term = part[name] * float(c)
                    total = term if total is None else total + term
                    if Fraction(float(c)).denominator > 2**20:  # a fit, or a fraction that is not dyadic
                        spread += FIT_ERROR * np.abs(bounds_of(np.asarray(term, dtype=object)).value)
            if total is None:
                return False
            bounds = bounds_of(np.asarray(total, dtype=object))
            if not e.equals(name, Bounds(bounds.value, bounds.budget + spread)):
                return False
    return True


def _usual(bench: Bench) -> bool:
    return bench.rule.feedback == "symmetric" and bench.rule.window is None and bench.rule.reach is None


def _masked(bench: Bench, axis: int) -> Parts | None:
    if not _usual(bench):
        return None
    delta = bench.delta
    parts: list[Mapping[str, Array]] = []
    for k in range(delta.shape[axis]):
        keep = np.zeros((*delta.shape[:2], 1), dtype=int)
        keep[(slice(None),) * axis + (k,)] = 1
        found = edited(bench, Edit(error=partial(_times, keep)))
        if found is None:
            return None
        parts.append(found)
    return None, parts


def _times(keep: Array, delta: Array, _: Bench) -> Array:
    return delta * keep


def _updated(bench: Bench) -> Parts | None:
    """Split the gradient by the learning rate of weights that are updated while credit comes down through them."""
    if not _usual(bench) or bench.network.depth != 2 or bench.network.graph is not None:
        return None
    layer = bench.tape.layers[1]
    names = [k.weight for k in layer.layer.cell.links if k.source == "x" and k.weight is not None]
    if len(names) != 1:
        return None
    graph, delta = graph_of(layer, bench.rule.own), bench.delta
    above = sweep(graph_of(layer, bench.rule.kept_above(layer.layer.cell.name)), delta)
    target = next(k.target for k in layer.layer.cell.links if k.weight == names[0])
    credit = []
    for t in range(bench.steps):
        so_far = np.concatenate([delta[: t + 1], 0 * delta[t + 1 :]])
        total = gradients(graph, sweep(graph, so_far))[names[0]]
        credit.append(-1 * np.matmul(above[target][t], total))
    low = graph_of(bench.tape.layers[0], bench.rule.own)
    moved = gradients(low, sweep(low, np.stack(credit)))
    right = bench.gradients()
    change = {name: moved[name.removeprefix("layers.0.")] if name[7] == "0" else 0 * g for name, g in right.items()}
    return right, [change]


def _decay(coefficients: list[Array], _: Sequence[Evidence]) -> Fit | None:
    c = _same(coefficients)
    return Fit("weight decay", f"weight decay in it, {c:.6g} times the parameter") if c else None


def _rate(coefficients: list[Array], _: Sequence[Evidence]) -> Fit | None:
    c = _same(coefficients)
    return Fit("updated weights", f"credit through weights already updated, at a rate of {c:.6g}") if c else None


def _weighed(what: str) -> Callable[[list[Array], Sequence[Evidence]], Fit | None]:
    def accept(coefficients: list[Array], _: Sequence[Evidence]) -> Fit | None:
        known = [c[~np.isnan(c)] for c in coefficients]
        if all(_alike(c) for c in known):  # one factor for all of them: see `transformations`
            return None
        for a, b in combinations(coefficients, 2):  # what is said of one case is true of every case of that length
            if len(a) == len(b) and not (np.isnan(a) | np.isnan(b) | np.isclose(a, b, rtol=ALIKE, atol=0)).all():
                return None
        shown = ", ".join("any" if np.isnan(x) else f"{x:.4g}" for x in coefficients[0])
        return Fit(f"{what}s weighed", f"the {what}s of the loss weighed by {shown}")

    return accept


def _clipped(coefficients: list[Array], evidence: Sequence[Evidence]) -> Fit | None:
    """Say that what every step adds is clipped: its norm, where it was made smaller, is one number."""
    norms = []
    for c, e in zip(coefficients, evidence, strict=True):
        _, parts = _masked(e.bench, 0) or (None, [])
        for factor, part in zip(c, parts, strict=True):
            if np.isfinite(factor) and not 0 < factor <= 1:
                return None
            if factor < 1:
                norms.append(factor * float(np.sqrt(sum(float((g**2).sum()) for g in part.values()))))
    if len(norms) > 1 and max(norms) - min(norms) <= 1e-9 * max(norms):
        return Fit("steps clipped", f"the norm of what every step adds clipped to {norms[0]:.6g}")
    return None


def _multiple(coefficients: list[Array], _: Sequence[Evidence]) -> Fit | None:
    c = _same(coefficients)
    few = abs(float(f"{c:.{FEW}g}") - c) <= ALIKE * abs(c)
    known = len(coefficients) > 1 or few  # one case has many factors: that it is one number is seen where two have it
    return Fit("a factor", f"a factor of {c:.6g}") if known and c not in (0.0, 1.0) else None


def _same(coefficients: list[Array]) -> float:
    values = np.array([float(c[0]) for c in coefficients])
    return float(values[0]) if _alike(values) else 0.0


FAMILIES = (
    Family(lambda b: (b.gradients(), [dict(b.parameters)]), _decay),
    Family(lambda b: (None, [b.gradients()]), _multiple),
    Family(_updated, _rate),
    Family(lambda b: _masked(b, 0), _clipped, lambda b: b.steps),
    # one step of each output enters a first crossing: weights of steps would be a coincidence
    Family(lambda b: None if b.network.loss.when == "first" else _masked(b, 0), _weighed("step"), lambda b: b.steps),
    Family(lambda b: _masked(b, 1), _weighed("sample"), lambda b: int(b.targets.shape[1])),
)
