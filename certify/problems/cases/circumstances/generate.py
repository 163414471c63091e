"""The case of a row of levels: drawn until the problem shows them, with a gradient to see and margins everywhere."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.certify.claims import AXES, CLAIMED, Claim
from gradcert.certify.problems.budget.envelope import flushed
from gradcert.certify.problems.budget.expected import Bounds, Expected
from gradcert.certify.problems.budget.goal import expectation
from gradcert.certify.problems.cases.case import Case, Spec
from gradcert.certify.problems.cases.circumstances.make import Placed, moved, vectors
from gradcert.certify.problems.cases.circumstances.seen import met, outside
from gradcert.certify.problems.cases.draw import draw, spiking
from gradcert.certify.problems.cases.evaluated import evaluated
from gradcert.certify.problems.cases.families import FAMILIES, families
from gradcert.certify.problems.cases.graphs import sizes_of
from gradcert.certify.problems.cases.owners import owners
from gradcert.properties.numbers import Undecided
from gradcert.reference.engines import Tape
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array
from gradcert.reference.published import Claimed

TRIES = 24
ENOUGH = 4  # draws that show all that was wanted, among which the one with most to see is taken
SCALES = (1.0, 2.0, 1.5, 3.0, 4.0)
GIVEN_UP = ("inputs", "spikes", "weights", "biases", "leak", "threshold", "samples", "targets", *CLAIMED)
PLAIN = ("some", "ordinary", "real", "of both signs", "different")  # what no draw has to aim at


@dataclass(frozen=True, eq=False)
class Draft:
    """A draw and what it shows."""

    problem: Problem
    levels: tuple[str, ...]
    score: tuple[float, ...]


def generate(spec: Spec, claim: Claim, *, seed: int = 0) -> Case | None:
    """Return the case of a spec with levels, or None if no draw is acceptable.

    Where nothing shows all levels of a row together (one input that is subnormal, negative weights, and spikes), levels
    are given up one after the other; a certificate counts those that a case shows, not those that it was drawn for.

    Examples
    --------
    >>> row = (("T", "1"), ("B", "1"), ("inputs", "above 1e6"))
    >>> case = generate(Spec("snu", 1, "squared_error", "every", "circumstance", levels=row), Claim("bptt", "snu"))
    >>> case.problem.inputs.shape[:2], "inputs: above 1e6" in case.facts["met"]
    ((1, 1), True)
    """
    row = dict(spec.levels)
    for given_up in ("", *(axis for axis in GIVEN_UP if axis in row)):
        row.pop(given_up, None)
        if (case := _drawn(spec, claim, row, seed)) is not None:
            return case
    return None


def _drawn(spec: Spec, claim: Claim, row: dict[str, str], seed: int) -> Case | None:
    rng = np.random.default_rng([seed, zlib.crc32(spec.id.encode())])
    rule = claim.claimed
    bases = families(claim, spec.cell)
    # a level of many is in few rows: of two draws the one that shows it
    wanted = {f"{a}: {level}": len(AXES[a]) for a, level in row.items() if a in AXES and level not in PLAIN}
    drafts: list[Draft] = []
    good = 0
    for attempt in range(TRIES):
        base = FAMILIES[bases[(spec.index + attempt) % len(bases)]](claim, 0, attempt)
        family: Any = Placed(base, row, claim)
        try:
            problem = draw(spec, claim, rule, family, rng, scale=SCALES[attempt % len(SCALES)])
        except GradcertError:  # a cell that refuses such a constant
            row = {k: v for k, v in row.items() if k not in ("leak", "threshold")}
            continue
        problem = moved(_aimed(problem, row, attempt), row, rng)
        if outside(problem, claim):
            continue
        tape, gradients = floats(problem, rule)
        if not all(np.isfinite(g).all() for g in (tape.outputs, *gradients.values())):
            continue
        levels = met(problem, tape, gradients, memory=row.get("memory", "C order"))
        shown = sum(worth for text, worth in wanted.items() if text in levels)
        parts = [np.count_nonzero(np.abs(g) > 1e-9 * np.abs(g).max()) / g.size for g in gradients.values()]
        drafts.append(Draft(problem, tuple(levels), (shown, float(np.mean(parts)))))
        good += shown == sum(wanted.values())
        if good >= ENOUGH:
            break
    blind: Case | None = None
    for draft in sorted(drafts, key=lambda d: d.score, reverse=True):
        expected = bounded(draft.problem, rule, claim)
        if expected is not None and _sees(expected):
            return Case(spec, draft.problem, rule, expected, {}, facts(draft.problem, draft.levels))
        if expected is not None and blind is None:
            blind = Case(spec, draft.problem, rule, expected, {}, facts(draft.problem, ()))
    return blind


def _sees(expected: Expected) -> bool:
    """Return whether a wrong answer may leave the budget: where it is larger than every gradient, nothing is met."""
    told = [b for b in expected.gradients.values() if b.value.any()]
    return not told or min(b.relative for b in told) < 1


def facts(problem: Problem, levels: tuple[str, ...]) -> dict[str, Any]:
    """Return what a certificate says of a case: its sizes, and what it meets."""
    widths = sizes_of(problem.network)
    largest = {name: float(np.abs(v).max()) for name, v in (("inputs", problem.inputs), ("targets", problem.targets))}
    return {"T": len(problem.inputs), "B": problem.inputs.shape[1], "sizes": widths, **largest, "met": list(levels)}


def bounded(problem: Problem, rule: Claimed, claim: Claim) -> Expected | None:
    """Return the reference of a problem, or None where a comparison has no margin or a number no size.

    Where inputs are subnormal a right implementation may flush them to zero: the budget allows for it.
    """
    try:
        with np.errstate(all="ignore"):  # an enclosure may leave the range of floats, and is refused below
            expected = expectation(problem, rule, claim)
    except (Undecided, OverflowError):
        return None
    size, tiny = np.abs(problem.inputs), np.finfo(problem.inputs.dtype).tiny
    if ((size > 0) & (size < tiny)).any() and problem.dtype != "float16":  # of which nobody flushes (`precision_for`)
        extra = flushed(problem, problem.dtype)
        expected = Expected(
            _wider(expected.outputs, extra),
            _wider(expected.loss, extra),
            {name: _wider(b, extra) for name, b in expected.gradients.items()},
        )
    arrays = [expected.outputs, expected.loss, *expected.gradients.values()]
    return expected if all(np.isfinite(b.value).all() and np.isfinite(b.budget).all() for b in arrays) else None


def _wider(bounds: Bounds, extra: float) -> Bounds:
    return Bounds(bounds.value, bounds.budget + extra)


def floats(problem: Problem, rule: Claimed) -> tuple[Tape, dict[str, Array]]:
    """Return the forward pass and the rule's gradient in float64."""
    found = evaluated(problem)
    return found.tape, found.gradients(rule)


def _aimed(problem: Problem, row: Mapping[str, str], attempt: int) -> Problem:
    """Return the problem with a unit kept from spiking, or a layer made to, where a row asks for it."""
    level, parameters = row.get("spikes"), {k: np.array(v) for k, v in problem.parameters.items()}
    first = next((owner for owner in owners(problem.network) if spiking(owner.cell)), None)
    for owner in owners(problem.network):
        if not spiking(owner.cell):
            continue
        for name in (f"{owner.name}.{n}" for n in owner.shapes(problem.network.layers[owner.layer])):
            if level == "never" and (parameters[name].ndim == 2 or name in vectors(problem)):
                parameters[name][0] = -np.abs(parameters[name][0])
            elif level == "always" and owner == first and owner.layer == 0 and name in vectors(problem):
                parameters[name] += 0.5 * (1 + attempt % 6)
    return replace(problem, parameters=parameters)
