"""The extracted programs beside the engines: forward, reverse, BPTT and residual of every parameter, exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.properties.numbers import PrimeField, Rationals
from gradcert.reference import RULES, Network, Rule, Tape, record
from gradcert.reference.engines import forward, tape_gradients, tape_residual
from gradcert.reference.rules import feedback_shapes
from gradcert.theorems.tie.graph import Graph
from gradcert.theorems.tie.program import Question, ask
from gradcert.theorems.tie.projected import export_with_feedback
from gradcert.theorems.tie.rule import Kept, masks, ticks, truth

System = PrimeField | Rationals
FIELD = PrimeField()
Edit = Callable[[Graph], None]
NAMES = ("forward", "reverse", "bptt", "residual")


@dataclass(frozen=True)
class Case:
    """A network under a row of the table, and what it is run on.

    Attributes
    ----------
    network, rule : a row with the window, chunk or reach that is meant.
    steps, batch : sizes of the sequence.
    numbers : the prime field, or the rationals.
    seed : draws weights, inputs, targets and feedback matrices.
    walks : whether the programs also sum walk by walk.
    """

    network: Network
    rule: Rule
    steps: int
    batch: int = 1
    numbers: System = FIELD
    seed: int = 0
    walks: bool = False


@dataclass(frozen=True)
class Found:
    """What a comparison found.

    Attributes
    ----------
    parameters : scalar parameters compared, each in four numbers (six with walks).
    numbers : numbers compared.
    nonzero : of the residuals.
    different : (parameter, index, which number, the engine's, the programs').
    """

    parameters: int
    numbers: int
    nonzero: int
    different: tuple[tuple[str, tuple[int, ...], str, str, str], ...]


@dataclass(frozen=True)
class Prepared:
    """A case, drawn and run by the engines, with the question for the programs.

    Attributes
    ----------
    keys : (name, index) of the parameter that each of the question's parameters is a part of.
    """

    case: Case
    question: Question
    keys: tuple[tuple[str, tuple[int, ...]], ...]
    engines: Mapping[str, Mapping[str, Any]]


def draw(numbers: System, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Draw uniform elements of a field, or quarters between -3/4 and 3/4."""
    if isinstance(numbers, PrimeField):
        return numbers.draw(rng, shape)
    return numbers.array(rng.integers(-3, 4, shape) / 4)


@dataclass(frozen=True)
class Recorded:
    """What the rows of the table share on one network: what is drawn, its tape, and its BPTT."""

    weights: Mapping[str, Any]
    inputs: Any
    targets: Any
    tape: Tape
    bptt: Mapping[str, Any]


@lru_cache(maxsize=1)  # cases come network by network
def recorded(network: Network, numbers: System, steps: int, batch: int, seed: int) -> Recorded:
    """Draw a problem and run it."""
    rng = np.random.default_rng(seed)
    weights = {name: draw(numbers, rng, shape) for name, shape in network.shapes().items()}
    inputs = draw(numbers, rng, (steps, batch, network.layers[0].inputs))
    targets = draw(numbers, rng, (steps, batch, network.layers[-1].units))
    tape = record(network, weights, inputs, numbers=numbers)
    bptt = tape_gradients(tape, targets, rule=RULES["bptt"], feedback={})
    return Recorded(weights, inputs, targets, tape, bptt)


def prepare(case: Case, edit: Edit | None = None) -> Prepared:
    """Draw a case, run the engines, and write the question; `edit` damages the exported network (to see it noticed)."""
    network, rule, numbers = case.network, case.rule, case.numbers
    given = recorded(network, numbers, case.steps, case.batch, case.seed)
    tape, targets = given.tape, given.targets
    rng = np.random.default_rng([case.seed, 1])
    feedback = {name: draw(numbers, rng, shape) for name, shape in feedback_shapes(network, rule).items()}
    online: dict[str, Any] = {"rule": rule, "numbers": numbers, "feedback": feedback}
    engines = {
        "forward": forward.gradients(network, given.weights, given.inputs, targets, **online),
        "reverse": tape_gradients(tape, targets, rule=rule, feedback=feedback),
        "bptt": given.bptt,
        "residual": tape_residual(tape, targets, rule=rule, feedback=feedback).total,
    }
    graph = export_with_feedback(tape, targets, rule, feedback)
    if edit is not None:
        edit(graph)
    keys, parameters = _parameters(case, graph)
    question = Question(
        graph=graph,
        parameters=parameters,
        truth=truth,
        ticks=frozenset(ticks(graph.labels())),
        window=rule.window or 0,
        walks=case.walks,
        prime=numbers.prime if isinstance(numbers, PrimeField) else 0,
    )
    return Prepared(case, question, keys, engines)


def _parameters(case: Case, graph: Graph) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], list[Any]]:
    """Return the parts that are asked about one by one: a parameter, or under a reach a row's copy of it."""
    parts: dict[tuple[int, str, tuple[int, ...], int | None], dict[int, Any]] = {}
    for (layer, name, index, row), immediate in graph.immediate.items():
        part = parts.setdefault((layer, name, index, row if case.rule.reach is not None else None), {})
        for node, value in immediate.items():
            part[node] = part[node] + value if node in part else value
    reached = {(m, name): masks(case.network, case.rule, m, name) for m, name in {key[:2] for key in parts}}
    keys, parameters = [], []
    for (layer, name, index, copy), immediate in parts.items():
        mask = reached[layer, name]
        keep = Kept(case.rule, case.network, layer, None if mask is None or copy is None else mask[copy])
        keys.append((f"layers.{layer}.{name}", index))
        parameters.append((keep, immediate))
    return tuple(keys), parameters


def settle(prepared: Prepared, answers: list[list[str]]) -> Found:
    """Compare the programs' answers with the engines' numbers, as exact numbers."""
    numbers = prepared.case.numbers
    sums: dict[tuple[str, tuple[int, ...]], list[Any]] = {}
    for key, answer in zip(prepared.keys, answers, strict=True):
        values = [_read(numbers, word) for word in answer]
        sums[key] = values if key not in sums else [a + b for a, b in zip(sums[key], values, strict=True)]
    different = []
    zero = numbers.zeros(())[()]
    compared = 0
    for name, shape in prepared.case.network.shapes().items():
        for index in np.ndindex(shape):
            mine = sums.get((name, index), [zero] * (6 if prepared.case.walks else 4))
            theirs = [prepared.engines[which][name][index] for which in NAMES]
            theirs += [theirs[0], theirs[3]] if prepared.case.walks else []
            compared += len(theirs)
            for which, left, right in zip((*NAMES, "walks", "parted walks"), theirs, mine, strict=False):
                if left != right:
                    different.append((name, index, which, str(left), str(right)))
    nonzero = sum(int((prepared.engines["residual"][name] != 0).sum()) for name in prepared.case.network.shapes())
    parameters = sum(int(np.prod(shape)) for shape in prepared.case.network.shapes().values())
    return Found(parameters, compared, nonzero, tuple(different))


def _read(numbers: System, word: str) -> Any:
    if isinstance(numbers, PrimeField):
        return numbers.array([int(word)])[0]
    over, _, under = word.partition("/")
    return numbers.array([int(over)])[0] / int(under or 1)


def compare(program: Path, cases: list[Case], edit: Edit | None = None) -> list[Found]:
    """Return what the comparison of each case found."""
    prepared = [prepare(case, edit) for case in cases]
    answers = ask(program, [p.question for p in prepared])
    return [settle(p, a) for p, a in zip(prepared, answers, strict=True)]
