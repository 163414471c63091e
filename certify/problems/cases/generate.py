"""Draw until a case is worth having: it spikes, has a gradient, keeps its margins, and sees its neighbours."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.certify.claims import Claim, changes
from gradcert.certify.problems.budget.expected import Expected
from gradcert.certify.problems.budget.goal import expectation
from gradcert.certify.problems.cases.bounded import STEPS
from gradcert.certify.problems.cases.case import Case, Spec
from gradcert.certify.problems.cases.circumstances.generate import facts, floats
from gradcert.certify.problems.cases.circumstances.seen import met, outside
from gradcert.certify.problems.cases.draw import Family, draw, latency, spiking
from gradcert.certify.problems.cases.evaluated import evaluated
from gradcert.certify.problems.cases.families import FAMILIES, fewest
from gradcert.certify.problems.cases.options import cells_of
from gradcert.certify.problems.cases.owners import owners
from gradcert.properties.numbers import Undecided
from gradcert.reference.engines import Tape, arriving, new_value, tape_gradients
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import PREFIX, Problem
from gradcert.reference.numbers import FLOAT64, FORMATS, Array
from gradcert.reference.published import Algorithm, Claimed

DRAWS, MANY = 200, 600  # at most; where there is hardly a unit, few draws pass the floors
USUAL = 6  # steps that a case has, about
CANCELLED = 450 * 2.0**-52  # of the largest gradient, in all draws: no judgement rests on it, enclosures judge
GOOD = 6  # acceptable draws among which the one that sees its neighbours best is taken
EXACT_TRIES = 10  # draws on the way to a case whose gradients are exact, where the cell allows one
CLEAR_TRIES = 24  # in 16 bits, on the way to a case with small budgets
FEW_TRIES = 100  # where there is hardly a unit, and a try costs little
EFFECT = 0.03  # an effect of 3 %, the smallest of known mistakes, is good enough to stop looking
NOISE = 2.0**-40  # above gamma(2^12) of float64: no float64 run of a case rounds more often on one path
FAR = 12  # draws in a row of which none has a gradient of a size
HUGE = 1e100  # whose square is a float
RATES = (0.1, 0.9)  # spikes per unit and step, in every layer
SCALES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # of weights that have to make spikes
GRADED = (1.0, 0.8, 1.2)  # of weights that do not: contractive, so that budgets stay small
FAINT = (0.6, 0.4, 0.8)  # of such in 16 bits: the slope of a unit near saturation is a small difference


@dataclass(frozen=True, eq=False)
class Draft:
    """A draw that passed the floors."""

    problem: Problem
    gradients: dict[str, Array]
    neighbours: dict[str, dict[str, Array]]
    effect: float
    facts: dict[str, Any]


def least_steps(rule: Claimed, late: int = 0, *, usual: int = USUAL) -> int:
    """Return the length that shows a truncation or has room for parts, and what comes `late` steps after the input."""
    if isinstance(rule, Algorithm):
        return max(rule.least + 1, usual) + late if rule.least > 1 or late else 0
    least = max((rule.window or 0), (rule.chunk or 0)) + 2 if rule.window or rule.chunk else 0
    return max(least, usual) + late if late else least


def generate(
    spec: Spec, claim: Claim, *, seed: int = 0, gone: frozenset[str] = frozenset(), sparse: bool = False
) -> Case | None:
    """Return the case of a spec, or None if no draw is acceptable; a bounded one in the place of a dyadic one.

    Parameters
    ----------
    gone : parameters whose gradient is 0 but for roundings, whatever is drawn; looked for where no draw is acceptable.
    sparse : take gradients with few entries that are not 0, where no draw has more: of lateral weights at one step
        alone that is one column for each unit that has just fired.

    Examples
    --------
    >>> case = generate(Spec("snu", 1, "squared_error", "every", "bounded"), Claim(rule="ostl", cells="snu"))
    >>> case.expected.gradients["layers.0.H"].value.shape, sorted(case.separates)
    ((4, 4), ['own RECURRENT', 'own RESET', 'own STATE'])
    """
    rng = np.random.default_rng([seed, zlib.crc32(spec.id.encode())])
    rule = claim.claimed
    drafts: list[Draft] = []
    kept: tuple[Draft, Expected] | None = None
    half = FORMATS[claim.dtype].half
    few = half and spec.index % 2 == 1
    scales = SCALES if any(map(spiking, cells_of(claim, spec.cell))) else FAINT if half and not few else GRADED
    tries, least = 0, least_steps(rule, latency(claim, spec), usual=STEPS[claim.dtype] + 1 if half else USUAL)
    draws = MANY if few else DRAWS
    beyond = 0
    for attempt in range(draws):
        family: Family = FAMILIES[spec.family](claim, least, attempt)
        if few:
            family.sizes = fewest(claim, spec)
        problem = draw(spec, claim, rule, family, rng, scale=scales[attempt % len(scales)])
        problem = replace(problem, seed=0) if claim.acceptance == "unbiased" else problem
        if outside(problem, claim):
            continue
        draft = _draft(problem, rule, attempt, ties=spec.family == "dyadic", gone=gone, sparse=sparse)
        if draft is None:
            beyond += attempt == beyond and _beyond(problem, rule)
            if beyond == FAR:  # every draw so far
                raise GradcertError(
                    f"{_largest(problem)}: no gradient of {FAR} problems is a number of a size that can be judged",
                    allowed=f"gradients between 1/{HUGE:g} and {HUGE:g}",
                    do="a claim of numbers nearer to 1",
                )
            continue
        drafts.append(draft)
        if draft.effect < EFFECT and len(drafts) < GOOD and attempt < draws - 1:
            continue
        best = max(drafts, key=lambda d: d.effect)
        drafts.remove(best)
        try:
            expected = expectation(best.problem, rule, claim)
        except Undecided:
            continue
        if kept is None or (_clear(best, expected) > _clear(*kept) if half else expected.exact and not kept[1].exact):
            kept = best, expected
        tries += 1
        rational = spec.loss == "squared_error" and all(family.may_be_exact(k.cell) for k in owners(problem.network))
        enough = FEW_TRIES if few else CLEAR_TRIES if half else EXACT_TRIES if rational else 1
        if tries >= enough or (kept[1].exact and (not half or _clear(*kept)[2] == np.inf)):
            break
    if kept is None:
        if spec.family != "bounded":
            return generate(replace(spec, family="bounded", instead=spec.family), claim, seed=seed)
        found = _taken_off(spec, claim, rule, least, rng) if not gone and not sparse else frozenset()
        if found:
            return generate(spec, claim, seed=seed, gone=found)
        return None if sparse else generate(spec, claim, seed=seed, gone=gone, sparse=True)
    best, expected = kept
    tape, gradients = floats(best.problem, rule)
    told = {**facts(best.problem, tuple(met(best.problem, tape, gradients))), **best.facts}
    separates = {label: _budgets(g, best.gradients, expected) for label, g in best.neighbours.items()}
    separates = separates if claim.entrywise else {}  # in budgets of the row's own rounding
    return Case(spec, best.problem, rule, expected, separates, told)


def _taken_off(spec: Spec, claim: Claim, rule: Claimed, least: int, rng: np.random.Generator) -> frozenset[str]:
    """Return parameters whose gradient is what roundings leave of 0 in every draw: what they add is taken off again.

    So it is of a bias under a mean over the same units. What is 0 in some draws alone is a draw that sees nothing.
    """
    found: frozenset[str] | None = None
    for attempt in range(DRAWS):
        problem = draw(spec, claim, rule, FAMILIES[spec.family](claim, least, attempt), rng, scale=1.0)
        gradients = evaluated(problem).gradients(rule)
        sizes = {name: np.abs(g).max(initial=0.0) for name, g in gradients.items()}
        largest = max(sizes.values())
        if np.isfinite(largest) and largest > 0:
            here = frozenset(name for name, size in sizes.items() if size < CANCELLED * largest)
            found = here if found is None else found & here
            if not found:
                return found
    return found or frozenset()


def _draft(
    problem: Problem, rule: Claimed, attempt: int, *, ties: bool, gone: frozenset[str], sparse: bool
) -> Draft | None:
    """Return the draw with its gradients in float64, or None if a floor is not reached."""
    in_floats = evaluated(problem)
    rates, tie = _spikes(in_floats.tape)
    if any(not RATES[0] <= r <= RATES[1] for r in rates) or (ties and rates and not tie):
        return None
    gradients = in_floats.gradients(rule)
    silent = without_gradient(problem, rule)
    if not all(np.abs(g).max(initial=0.0) < HUGE for g in gradients.values()):
        return None
    told = {k: (np.count_nonzero(np.abs(g) > 1e-6), g.size) for k, g in gradients.items()}
    weak = [k for k, (some, size) in told.items() if (not some if sparse else some * 2 < size)]
    weak = [k for k in weak if k not in gone and k not in silent]
    none = sorted(unreached(problem, rule) & {*weak}) if weak else []
    if len(weak) > len(none) or len(none) + len(gone) == len(gradients):
        return None
    near = [] if isinstance(rule, Algorithm) else changes(rule, problem.network)
    neighbours = {change.label: in_floats.gradients(change.rule) for change in near}
    effects = [_relative(g, gradients) for g in neighbours.values()]
    seen = [e for e in effects if e > NOISE] or [1.0]
    facts: dict[str, Any] = {"spike rates": [round(r, 3) for r in rates], "ties": tie, "draws": attempt + 1}
    facts |= {"no gradient": none} if none else {}
    facts |= {"taken off": sorted(gone)} if gone else {}
    return Draft(problem, gradients, neighbours, min(seen), facts)


def without_gradient(problem: Problem, rule: Claimed) -> frozenset[str]:
    """Return the initial values whose gradient is zero by the rule: it keeps no edge that they enter by.

    Examples
    --------
    >>> from gradcert.reference import RULES, Layer, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=1, units=2),))
    >>> x, y, start = np.ones((3, 1, 1)), np.zeros((3, 1, 2)), {"layers.0.z": np.ones(2)}
    >>> problem = Problem(network, network.parameters(), x, y, initial=start, initial_gradient=True)
    >>> sorted(without_gradient(problem, RULES["e-prop"])), sorted(without_gradient(problem, RULES["bptt"]))
    (['initial.layers.0.z'], [])
    """
    if isinstance(rule, Algorithm) or not problem.initial_gradient:
        return frozenset()
    layers = list(enumerate(problem.network.layers))
    kept = {x.full_name(i, k.source) for i, x in layers for k in x.cell.links if k.lag and k.edge in rule.own}
    return frozenset(f"{PREFIX}{name}" for name in problem.initial if name not in kept)


def unreached(problem: Problem, rule: Claimed) -> frozenset[str]:
    """Return the parameters whose gradient is 0 whatever the numbers: no path of the rule leads from them to the loss.

    At the last step a population that runs backwards has run one step: what it reads of itself is nothing yet. All that
    was computed is taken for 1, what a sequence starts with for 1 where it is not 0, and paths are counted.

    Examples
    --------
    >>> from gradcert.reference import RULES, Layer, Loss, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=1, units=2, backwards=True),), loss=Loss(when="last"))
    >>> problem = Problem(network, network.parameters(), np.ones((3, 1, 1)), np.zeros((3, 1, 2)))
    >>> sorted(unreached(problem, RULES["bptt"]))
    ['layers.0.H']
    """
    if isinstance(rule, Algorithm):
        return frozenset()
    found = evaluated(problem)
    with np.errstate(all="ignore"):
        delta = {k: (v != 0) * 1.0 for k, v in arriving(found.tape, found.targets, absolute=True).items()}
        layers = tuple(_counting(t) for t in found.tape.layers)
        feedback = {name: np.ones_like(value) for name, value in found.feedback(rule).items()}
        ones = np.ones_like(found.targets)
        counted = tape_gradients(replace(found.tape, layers=layers), ones, rule=rule, feedback=feedback, delta=delta)
    return frozenset(k for k, v in problem.asked(counted).items() if not np.asarray(v).any())


def _counting(t: Any) -> Any:
    """Return a layer's tape in which every number that was computed, and every factor, is 1."""

    def begun(value: Array) -> Array:
        out = np.ones_like(value)
        out[0] = value[0] != 0
        return out

    factors = {k: np.ones_like(f) if isinstance(f, np.ndarray) else 1.0 for k, f in _factors(t).items()}
    p = {k: np.ones_like(v) for k, v in t.p.items()}
    now = {k: np.ones_like(v) for k, v in t.now.items()}
    prev = {k: begun(v) for k, v in t.prev.items()}
    return replace(t, p=p, x=np.ones_like(t.x), prev=prev, now=now, factors=factors)


def _factors(t: Any) -> Mapping[Any, Any]:
    found: Mapping[Any, Any] = t.layer.cell.factors(FLOAT64, t.p, t.prev, t.now)
    return found


def _beyond(problem: Problem, rule: Claimed) -> bool:
    """Return whether no gradient of a problem has a size that can be judged; if all are 0, a spike comes too late."""
    sizes = [float(np.abs(g).max(initial=0.0)) for g in evaluated(problem).gradients(rule).values()]
    return any(sizes) and not any(1 / HUGE < size < HUGE for size in sizes)


def _largest(problem: Problem) -> str:
    """Return what a claim says of its cells that is farthest from 1."""
    said: list[tuple[float, str]] = []
    for owner in owners(problem.network):
        named = {k: v for k, v in owner.cell.constants().items() if isinstance(v, (int, float))}
        if (psi := getattr(owner.cell, "surrogate", None)) is not None:
            own = {**dict(psi.scales), "amplitude": psi.amplitude}
            named |= {f"the {k} of the pseudo-derivative": v for k, v in own.items() if isinstance(v, (int, float))}
        said += [(abs(float(np.log10(abs(v)))), f"{k} = {v:g}") for k, v in named.items() if v]
    return max(said, default=(0.0, "the claim"))[1]


def _spikes(tape: Tape) -> tuple[list[float], int]:
    rates, ties = [], 0
    for owner in owners(tape.network):
        if spiking(owner.cell):
            layer = tape.layers[owner.layer]
            z, v = (layer.now[new_value(layer.layer, owner.prefix + node)] for node in "zv")
            rates.append(float(z.mean()))
            ties += int((v == layer.p[f"{owner.prefix}threshold"]).sum())
    return rates, ties


def _relative(a: dict[str, Array], b: dict[str, Array]) -> float:
    size = sum(float((v * v).sum()) for v in b.values())
    return float(np.sqrt(sum(float(((a[k] - b[k]) ** 2).sum()) for k in b) / size)) if size else 0.0


def _clear(draft: Draft, expected: Expected) -> tuple[int, bool, float, float]:
    """Return how many neighbours differ, whether all is exact, how far the nearest is, and how small budgets are."""
    away = [_budgets(g, draft.gradients, expected) for g in draft.neighbours.values()]
    seen = [budgets for budgets in away if budgets]  # an edge that is nowhere, above a parameter, is never seen
    least = -max(bounds.relative for bounds in expected.gradients.values())
    return len(seen), expected.exact, min(seen, default=0.0), least


def _budgets(gradients: dict[str, Array], right: dict[str, Array], expected: Expected) -> float:
    """Return the largest difference of two float64 gradients in budgets, 0 where it is float64 rounding alone."""
    worst = 0.0
    for name, bounds in expected.gradients.items():
        error = np.abs(gradients[name] - right[name])
        error = np.where(error <= np.abs(right[name]).max() * NOISE, 0.0, error)
        with np.errstate(divide="ignore", invalid="ignore"):
            worst = max(worst, float(np.where(error > 0, error / bounds.budget, 0.0).max()))
    return worst
