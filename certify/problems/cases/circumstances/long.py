"""The long case: hundreds of steps, quiet but for the first and last, decays near 1, so that the oldest step counts.

A truncation to any number of steps below its length changes the gradient by more than the budget: that is computed for
every length (`separated`), and a case that fails it is made shorter. Credit reaches the first step where nothing on the
way forgets: leaks are near 1, lateral weights near the identity, gates held open by their biases (which ones is tried).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.certify.claims import Claim
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.certify.problems.cases.bounded import Bounded
from gradcert.certify.problems.cases.case import Case, Spec
from gradcert.certify.problems.cases.circumstances.generate import bounded, facts, floats
from gradcert.certify.problems.cases.circumstances.make import lateral, reading, vectors
from gradcert.certify.problems.cases.circumstances.seen import met
from gradcert.certify.problems.cases.draw import draw
from gradcert.certify.problems.cases.evaluated import evaluated
from gradcert.certify.problems.cases.owners import owners
from gradcert.reference.engines import tape_gradients
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Circuit, Layer, Problem
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule

LENGTHS = (150, 100, 64, 48, 32, 24, 16, 12, 8)  # the first that is seen to its end is taken
SHORT = 40  # steps of the draws among which the best is chosen
DRAWS = 18
BEST = 6  # of these, which are tried at every length
SIZES = {depth: (2, *([2] * (depth - 1)), 2) for depth in range(1, 9)}
NEAR = 2.0**-44  # part of the largest entry by which two evaluations in float64 differ, at most
MARGIN = 4.0  # budgets by which every truncation has to differ
HOPELESS = {"float64": 1e-13, "float32": 1e-5}  # part of an entry that no budget of so many steps lets be seen


class Quiet(Bounded):
    """Two inputs, two units a layer, one sample, decays near 1."""

    def __init__(self, claim: Claim, steps: int, attempt: int = 0) -> None:
        super().__init__(claim, 0, attempt)
        self.steps, self.batch = steps, 1
        square = "square" not in claim.without.get("sizes", ())
        self.sizes = SIZES if square else {depth: (3, 2, 1, 1, 1, 1, 1, 1, 1)[: depth + 1] for depth in SIZES}

    def constant(self, name: str, rng: np.random.Generator, *, spiking: bool) -> float:
        """Leaks of 1 - 1/256 and the like; the complement for the rate of a leaky integrator."""
        near = float(rng.choice([1 - 2.0**-8, 1 - 2.0**-7]))
        if name == "rate":
            return 1 - near
        if name == "threshold" and not spiking:
            return 4.0  # a soft spike far below its threshold does not reset
        return near if name in DECAYS else super().constant(name, rng, spiking=spiking)


def generate(spec: Spec, claim: Claim, *, seed: int = 0) -> Case | None:
    """Return the long case of a cell, or None if no draw is acceptable.

    Examples
    --------
    >>> case = generate(Spec("lif", 1, "squared_error", "last", "long"), Claim(rule="bptt", cells="lif"))
    >>> case.facts["T"], case.facts["truncations seen"]
    (150, '1 to 149 steps')
    """
    rule, least = row_of(claim), 0.0
    shortest = max(rule.window or 0, rule.chunk or 0) + 2
    chosen = _chosen(spec, claim, rule, seed)
    for length in (n for n in LENGTHS if n >= shortest or n == LENGTHS[0]):
        for attempt in chosen:
            problem = _drawn(spec, claim, rule, seed, attempt, max(length, shortest))
            if problem is None:
                continue
            tape, gradients = floats(problem, rule)
            sizes = {k: HOPELESS[claim.dtype] * np.abs(g) for k, g in gradients.items()}
            rough = separated(problem, rule, sizes)
            if claim.entrywise and rough and min(rough.values()) < 1 and length != LENGTHS[-1]:
                continue
            expected = bounded(problem, rule, claim)
            if expected is None:
                continue
            seen = separated(problem, rule, {k: b.budget for k, b in expected.gradients.items()})
            least = min(seen.values(), default=0.0)
            blind = (seen and least < MARGIN) or not any(g.any() for g in gradients.values())
            if claim.entrywise and blind and length != LENGTHS[-1]:
                continue
            told = facts(problem, tuple(met(problem, tape, gradients)))
            if seen and claim.entrywise:
                lost = sum(budgets < MARGIN for budgets in seen.values())
                first, last = min(seen), max(seen)
                told["truncations seen"] = f"{first} to {last} steps" if not lost else f"all but {lost} of {len(seen)}"
                told["oldest step, in budgets"] = float(f"{seen[last]:.3g}")
            return Case(spec, problem, rule, expected, {}, told)
    return None


def row_of(claim: Claim) -> Rule:
    """Return the row that is claimed; only rows have a long case (`plan`)."""
    rule = claim.claimed
    assert isinstance(rule, Rule), rule
    return rule


def separated(problem: Problem, rule: Rule, budgets: dict[str, Array]) -> dict[int, float]:
    """Return, for every number of steps that a rule could be truncated to, by how many budgets its gradient differs.

    Empty for a rule without edges through time, or with a projected or local signal, and for populations that run
    backwards: there nothing can be truncated in this way.
    """
    if not _may_be_truncated(problem, rule):
        return {}
    sums = evaluated(problem).truncations(rule)
    if len(sums) < 2 or all((sums[-1][k] == sums[0][k]).all() for k in sums[0]):
        return {}
    out = {}
    for steps, part in enumerate(sums[:-1], start=1):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = [np.abs(part[k] - sums[-1][k]) / budgets[k] for k in part]
        out[steps] = max(float(np.nan_to_num(r, nan=0.0, posinf=np.inf).max()) for r in ratios)
    return out


def _may_be_truncated(problem: Problem, rule: Rule) -> bool:
    plain = not rule.reach and not rule.chunk and rule.feedback in ("symmetric", "random")
    return plain and not any(layer.backwards for layer in problem.network.layers)


def _chosen(spec: Spec, claim: Claim, rule: Rule, seed: int) -> list[int]:
    """Return the best attempts, judged on a shorter sequence by how much of the first step's credit is left."""
    scores: dict[int, float] = {}
    first = _drawn(spec, claim, rule, seed, 0, SHORT)
    gated = first is not None and len(vectors(first)) > first.network.depth
    for attempt in range(2 * DRAWS if gated else DRAWS):  # each gate may be held open or shut
        problem = _drawn(spec, claim, rule, seed, attempt, SHORT)
        if problem is not None:
            scores[attempt] = _left(problem, rule)
    return sorted(scores, key=lambda a: -scores[a])[:BEST]


def _left(problem: Problem, rule: Rule) -> float:
    """Return how much of the last step's credit reaches the first step's input."""
    found = evaluated(problem)
    tape = found.tape
    delta = found.credit[tape.network.depth - 1]
    delta = np.concatenate([0 * delta[:-1], delta[-1:]])
    plain = replace(rule, window=None) if rule.window else rule
    layer = tape.layers[0]
    alone = replace(tape, layers=(_alone(layer), *tape.layers[1:]))
    left = tape_gradients(alone, found.targets, rule=plain, feedback=found.feedback(rule), delta=delta)
    names = [layer.layer.full_name(0, n) for n in reading(layer.layer) if n in layer.layer.shapes()]
    sizes = [float(np.abs(left[name]).max()) for name in names]
    return max(sizes, default=0.0) if np.isfinite(sizes).all() else 0.0


def _alone(layer: Any) -> Any:
    """Return a layer's forward pass whose inputs, as gradients see them, are those of the first step alone."""
    x = np.array(layer.x)
    x[1:] = 0
    return replace(layer, x=x)


def _drawn(spec: Spec, claim: Claim, rule: Rule, seed: int, attempt: int, steps: int) -> Problem | None:
    def drawn(length: int) -> tuple[Problem, np.random.Generator]:
        rng = np.random.default_rng([seed, attempt, zlib.crc32(spec.id.encode())])
        family: Any = Quiet(claim, length, attempt)
        return draw(spec, claim, rule, family, rng, scale=1.0), rng

    try:
        short, rng = drawn(SHORT)
        problem = drawn(steps)[0] if steps != SHORT else short
    except GradcertError:
        return None
    parameters = {name: np.array(v) for name, v in short.parameters.items()}  # the same for every length
    gates = {name: rng.choice([-5.0, 0.0, 5.0]) for name in vectors(problem)}
    names = vectors(problem)
    for owner in owners(problem.network):
        own = [n for n in names if n.startswith(f"{owner.name}.")]
        for name in own:
            # a cell with one bias has no gate: a small one, which adds up over many steps
            gate = gates[name] if len(own) > 1 else 0.0
            parameters[name] = (gate + parameters[name] * 2.0**-6).astype(claim.dtype)
    for i, layer in enumerate(problem.network.layers):
        only = len(lateral(layer)) == 1 and not hasattr(layer.cell, "surrogate")
        for local in _returning(layer):
            name = layer.full_name(i, local)
            w = parameters[name]
            size = (1 - 2.0**-7) if only else 0.0
            if w.ndim == 2 and w.shape[0] == w.shape[1]:  # of one population to another it may be of any shape
                parameters[name] = (size * np.eye(len(w)) + np.tril(w, -1) * 2.0**-7).astype(claim.dtype)
            else:
                parameters[name] = w * 2.0**-7
    inputs = np.array(problem.inputs) * 2.0**-10
    # what is drawn first, and so the same for every length
    inputs[0], inputs[-1] = problem.inputs[0] * 0.5, problem.inputs[1] * (1 + attempt % 3)
    if claim.inputs == "spikes":
        inputs[0], inputs[1:-1], inputs[-1] = problem.inputs[0], 0, problem.inputs[1]
    return _silent(replace(problem, parameters=parameters, feedback=short.feedback, inputs=inputs), claim)


def _returning(layer: Layer) -> list[str]:
    """Return the weights that a layer's own state goes through.

    They are triangular, so that there are as many paths through time as steps, and not one for every choice at each:
    the budget of a sum counts its terms, each of which may underflow.
    """
    held = {link.target for link in layer.cell.links if link.lag and link.weight is None}
    if isinstance(layer.cell, Circuit) and not any(hasattr(m.cell, "surrogate") for m in layer.cell.members):
        held |= set(layer.cell.nodes)  # what goes round a loop of populations goes through all of its weights
    links = [k for k in layer.cell.links if k.weight is not None and (k.lag or k.source in held)]
    shapes = layer.shapes()
    return list(dict.fromkeys(k.weight for k in links if k.weight in shapes))


def _silent(problem: Problem, claim: Claim) -> Problem:
    """Return the problem with next to no error before the last step: its rounding would hide the oldest credit."""
    targets, loss = np.array(problem.targets), problem.network.loss
    if claim.targets or loss.kind == "bernoulli" or loss.when not in ("every", "last"):
        return problem
    if loss.kind == "squared_error":
        outputs = evaluated(problem).tape.outputs
        targets[:-1] = outputs[:-1] + targets[:-1] * 2.0**-10
    elif loss.when == "every" and "a step without" not in claim.without.get("targets", ()):
        targets[:-1] = 0
    return replace(problem, targets=targets)


def truncation(case: Case, given: Mapping[str, Any]) -> int | None:
    """Return the number of steps to which a gradient of a long case is truncated, if it is one of a truncation."""
    rule, problem = case.rule, case.problem
    if not isinstance(rule, Rule) or not _may_be_truncated(problem, rule):
        return None
    for steps, part in enumerate(evaluated(problem).truncations(rule), start=1):
        size = {k: b.budget + NEAR * np.abs(part[k]).max() for k, b in case.expected.gradients.items()}
        if all(
            k in given and np.shape(given[k]) == v.shape and (np.abs(given[k] - v) <= size[k]).all()
            for k, v in part.items()
        ):
            return steps if steps < len(problem.inputs) else None
    return None


def controls(case: Case) -> Iterator[tuple[str, bool | None]]:
    """Yield the truncations as known-wrong variants, by their worst: (name, whether every one of them is refuted)."""
    rule = case.rule
    assert isinstance(rule, Rule), rule  # an algorithm has no long case
    seen = separated(case.problem, rule, {k: b.budget for k, b in case.expected.gradients.items()})
    for steps in (n for n in (1, 2, 4, 8, 16, 32, 64, 128, max(seen, default=0)) if n in seen):
        yield f"truncated to {steps} steps", seen[steps] > 1
