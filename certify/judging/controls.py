"""Controls: known-wrong variants of the reference. A run in which the judge lets one pass is void.

`CONTROLS` maps a name to a function of a tape, its targets, the rule and the right gradient. A variant that changes
nothing on a case (a factor 1 / T at T = 1) is not shown on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.certify.claims import changes
from gradcert.certify.judging.verdict import judge_all
from gradcert.certify.problems import NOISE, Case, evaluated
from gradcert.certify.variations import posed, variations
from gradcert.reference.engines import Tape, forward, reverse, run, tape_gradients
from gradcert.reference.networks import PREFIX, Problem
from gradcert.reference.numbers import Array, Floats
from gradcert.reference.published import Algorithm
from gradcert.reference.rules import Feedback, Rule

Gradients = Mapping[str, Array]
ROUNDINGS = ("float32 inside", "one part in a million")  # variants that only a budget of roundings can tell
PATH = "without the path"
UNREAD = {"initial": "initial values", "weights": "loss weights", "begins": "beginnings", "masks": "masks"}


def _scaled(gradients: Gradients, factor: float) -> dict[str, Array]:
    return {name: value * factor for name, value in gradients.items()}


def _transposed_lateral(tape: Tape) -> Tape | None:
    layers, changed = [], False
    for layer in tape.layers:
        lateral = [k.weight for k in layer.layer.cell.links if k.lag and k.weight is not None]
        names = [name for name in lateral if name in layer.p]  # a mean has no weights
        square = {n: layer.p[n].T for n in names if layer.p[n].ndim == 2 and layer.p[n].shape[0] == layer.p[n].shape[1]}
        changed = changed or bool(square)
        layers.append(replace(layer, p={**layer.p, **square}))
    return replace(tape, layers=tuple(layers)) if changed else None


def _paths(tape: Tape) -> Iterator[tuple[str, Tape]]:
    """Yield a tape without each path within a step of a cell, such as that of an adaptation into its spikes."""
    own = [link for layer in tape.layers for link in layer.layer.cell.links if link.weight is None and not link.lag]
    for target, source in dict.fromkeys((link.target, link.source) for link in own):
        layers = []
        for layer in tape.layers:
            mine = [k for k in layer.layer.cell.links if (k.target, k.source) == (target, source)]
            within = [k for k in mine if k.weight is None and not k.lag]
            gone: dict[Any, Array] = {k: 0 * np.asarray(layer.factors[k]) for k in within}
            layers.append(replace(layer, factors={**layer.factors, **gone}) if gone else layer)
        yield f"{PATH} {source} -> {target}", replace(tape, layers=tuple(layers))


def variants(case: Case) -> Iterator[tuple[str, bool | None]]:
    """Yield (name, whether the judge refutes it, see `refuted`) for every known-wrong variant of a case."""
    wrong = gradients(case)
    _, right = next(wrong)
    for name, variant in wrong:
        yield name, refuted(case, variant, right)


def gradients(case: Case) -> Iterator[tuple[str, Gradients]]:
    """Yield the right gradient of a case in float64, then every known-wrong variant, with their names."""
    rule, found = case.rule, evaluated(case.problem)
    right = found.gradients(rule)
    yield "right", right
    if isinstance(rule, Algorithm):
        with np.errstate(all="ignore"):
            late = rule.gradients(replace(found.given, targets=_late(found.targets)))
        yield from _otherwise(rule, case.problem)
        yield from _plain(case, right, late)
        return
    problem, tape, targets, feedback = case.problem, found.tape, found.targets, found.feedback(rule)
    for change in changes(rule, problem.network):
        kept = "with" if change.added else "without"
        place = "" if change.where == "own" else " in the layers above"
        yield f"{kept} {change.edge.name}{place}", found.gradients(change.rule)
    if (transposed := _transposed_lateral(tape)) is not None:
        yield "lateral weights transposed", tape_gradients(transposed, targets, rule=rule, feedback=feedback)
    for path, cut in _paths(tape):
        yield path, tape_gradients(cut, targets, rule=rule, feedback=feedback)
    yield from _unread(case.problem.floats(), tape, rule, feedback)
    yield from _plain(case, right, tape_gradients(tape, _late(targets), rule=rule, feedback=feedback))


def _otherwise(rule: Algorithm, problem: Problem) -> Iterator[tuple[str, Gradients]]:
    """Yield an algorithm with one of its lines done otherwise."""
    for variation in () if rule.mean else variations(rule, problem):
        with np.errstate(all="ignore"):
            yield variation.label, variation.compute(posed(problem, rule.settings))


def _plain(case: Case, right: Gradients, late: Gradients) -> Iterator[tuple[str, Gradients]]:
    """Yield what needs no edges: factors, a sign, targets that are late, fewer digits."""
    steps, batch = case.problem.inputs.shape[:2]
    yield "divided by T", _scaled(right, 1 / steps)
    yield "divided by B", _scaled(right, 1 / batch)
    yield "divided by 2", _scaled(right, 0.5)
    yield "sign reversed", _scaled(right, -1.0)
    yield "targets one step late", late
    if case.problem.dtype == "float64":
        yield "float32 inside", {name: value.astype("float32").astype(float) for name, value in right.items()}
        yield "one part in a million", _scaled(right, 1 + 1e-6)


def _late(targets: Array) -> Array:
    return np.concatenate([targets[:1], targets[:-1]])


def _unread(given: Problem, tape: Tape, rule: Rule, feedback: Feedback) -> Iterator[tuple[str, Gradients]]:
    """Yield the gradients of a subject that does not read one of the optional arrays, or terms about activity."""
    for name in [name for name in UNREAD if name in given.data]:
        nothing: Any = {"initial": {k: 0 * v for k, v in given.initial.items()}, "masks": {}}.get(name)
        ran = run(replace(given, **{name: nothing}))
        yield f"{UNREAD[name]} not read", tape_gradients(ran, given.targets, rule=rule, feedback=feedback)
    if given.initial_gradient:
        right = tape_gradients(tape, given.targets, rule=rule, feedback=feedback)
        none = {k: 0 * v if k.startswith(PREFIX) else v for k, v in right.items()}
        yield "initial values without a gradient", none
    if given.network.loss.activity:
        alone = replace(tape, network=replace(tape.network, loss=replace(tape.network.loss, activity=())))
        without = tape_gradients(alone, given.targets, rule=rule, feedback=feedback)
        yield "terms about activity not read", without
    if given.network.loss.local:
        alone = replace(tape, network=replace(tape.network, loss=replace(tape.network.loss, local=())))
        without = tape_gradients(alone, given.targets, rule=rule, feedback=feedback)
        yield "layers' own losses not read", without


def refuted(case: Case, gradients: Gradients, right: Gradients) -> bool | None:
    """Return whether the judge refutes a variant, or None where it is no different from the right gradient here."""
    names = case.expected.gradients  # what is not asked for is not judged
    if all(float(np.abs(gradients[n] - right[n]).max()) <= NOISE * float(np.abs(right[n]).max()) for n in names):
        return None
    return any(not verdict.ok for verdict in judge_all(gradients, case.expected.gradients).values())


def _by_length(*arguments: Any, rule: Rule, **options: Any) -> Gradients:
    """Return the gradient of a row, summed over its paths by their length: all of them."""
    network, _, inputs, _ = arguments
    whole = (
        replace(rule, window=rule.window or network.depth * len(inputs) + 1)
        if rule.reach is None and not rule.chunk
        else rule
    )
    return reverse.gradients(*arguments, rule=whole, **options)


def reference_passes(case: Case) -> bool:
    """Return whether both engines, run in the claimed dtype, stay inside the budget: the control that must pass."""
    problem = case.problem
    numbers = Floats(str(problem.inputs.dtype))  # bfloat16: float32, as mixed precision has it
    if isinstance(case.rule, Algorithm):
        own = case.rule.gradients(problem.in_numbers(numbers))
        return all(verdict.ok for verdict in judge_all(own, case.expected.gradients).values())
    arguments = (problem.network, problem.parameters, problem.inputs, problem.targets)
    options = {"rule": case.rule, "numbers": numbers, "feedback": problem.feedback, **problem.data}
    # traces of a wide network take the forward engine minutes
    engines: tuple[Callable[..., Gradients], ...] = (reverse.gradients, forward.gradients)
    engines = engines[:1] if case.facts.get("kind") == "wide" else engines
    if any(layer.backwards for layer in problem.network.layers):  # nothing that walks with time can learn it
        engines = reverse.gradients, _by_length
    if problem.dtype == "float64":  # by the reverse engine, it was run so
        engines = (lambda *_, **__: evaluated(problem).gradients(case.rule), *engines[1:])
    return all(
        verdict.ok
        for engine in engines
        for verdict in judge_all(engine(*arguments, **options), case.expected.gradients).values()
    )
