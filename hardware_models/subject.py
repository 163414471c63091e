"""Judging a fixed-point implementation, in C or RTL or anything else, bit for bit against its description."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.agreement.apart import Ask, told_apart
from gradcert.hardware_models.agreement.telling import columns_after, telling_steps
from gradcert.hardware_models.agreement.variants import Variant, variants
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Program, elaborate
from gradcert.hardware_models.description.random import flatten, random_inputs, random_states
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.reference.errors import GradcertError

Array = np.ndarray[Any, Any]
Step = Callable[[Mapping[str, int], Mapping[str, int]], Mapping[str, int]]
FEW = 24  # steps on which most variants are told apart
JUDGED = 200  # steps from which a run is made to tell small faults apart; a few steps are a trial
RUN = 4  # steps after which a run starts anew from random states


@dataclass(frozen=True)
class FirstDifference:
    """The first difference: step, intermediate, and both values as stored integers and as numbers."""

    step: int
    name: str
    expected: int
    got: int
    expected_value: Fraction
    got_value: Fraction


@dataclass(frozen=True)
class FixedPointVerdict:
    """What came of a comparison.

    Attributes
    ----------
    steps, compared : steps run, intermediates compared (elaborated names).
    first : the first difference in time, and within a step in order of operation; None where all integers were equal.
    differences : intermediate -> number of steps on which it differs.
    wrong : number of steps on which anything differs.
    missing : next states that were never answered: without them nothing is known about a run.
    causes : single faults of the description that reproduce every answer; empty where none does, and where too few
        steps differ to name one (`ask` of `judge_answers`).
    unproved : such faults, where the steps on which the answers differ are too few to name one.
    tried : how many single faults were tried.
    searched : random steps among which some were looked for that tell these faults apart.
    overflows : intermediate -> steps on which the description itself overflowed there (what the run exercised).
    """

    steps: int
    compared: tuple[str, ...]
    first: FirstDifference | None
    differences: Mapping[str, int]
    wrong: int = 0
    missing: tuple[str, ...] = ()
    causes: tuple[Variant, ...] = ()
    overflows: Mapping[str, int] | None = None
    unproved: tuple[Variant, ...] = ()
    tried: int = 0
    searched: int = 0

    @property
    def conforms(self) -> bool:
        """Whether every next state was answered, and every compared integer was equal."""
        return self.first is None and not self.missing


def steps_of(described: Program, steps: int, seed: int) -> dict[str, Array]:
    """Return every leaf, states included, for `steps` steps and some more: (steps, *shape) stored integers by name.

    Runs of four steps: the first starts from reset, every other from random states, which a run from reset would
    hardly reach. From 200 steps on, steps join them that tell single faults which
    they do not (`telling_steps`).
    """
    simulator = Simulator(described)
    columns: dict[str, list[Array]] = {n.name: [] for n in described.of_kind("input", "random", "state")}
    for index, one in enumerate(random_inputs(described, steps, seed)):
        if index and index % RUN == 0:
            simulator.state = random_states(described, seed + index)
        for name, column in columns.items():
            column.append(np.asarray(one[name] if name in one else simulator.state[name]))
        simulator.step(one)
    drawn = {name: np.stack(column) for name, column in columns.items()}
    telling = telling_steps(described, drawn, seed) if described.is_fixed and steps >= JUDGED else {}
    return {name: np.concatenate([column, telling[name]]) if telling else column for name, column in drawn.items()}


def judge_answers(
    described: Program,
    leaves: Mapping[str, Array],
    answers: Mapping[str, Array],
    *,
    search: bool = True,
    ask: Ask | None = None,
    seed: int = 0,
) -> FixedPointVerdict:
    """Compare answered columns (elaborated name -> stored integers per step) with the description.

    Parameters
    ----------
    described, leaves : the description and the steps (`steps_of`).
    answers : what the implementation gave.
    search : look for the single fault that explains all differences.
    ask : returns what the implementation gives for more steps, the same names: with it, faults that fit are told apart
        (`told_apart`), and the steps that were asked count as the others do.
    seed : of the search for these steps.
    """
    verdict = _compared(described, leaves, answers)
    if verdict.first is None or not search:
        return verdict
    fitting = causes(described, leaves, answers)
    tried = sum(1 for _ in variants(described))
    if ask is None or not fitting:
        return replace(verdict, causes=tuple(fitting), tried=tried)
    apart = told_apart(described, leaves, answers, fitting, ask, seed)
    if apart.leaves:
        leaves = {k: np.concatenate([column, apart.leaves[k]]) for k, column in leaves.items()}
        answers = {k: np.concatenate([column, apart.answers[k]]) for k, column in answers.items()}
        verdict = _compared(described, leaves, answers)
    unproved = () if apart.named else apart.left
    return replace(verdict, causes=apart.named, unproved=unproved, tried=tried, searched=apart.searched)


def _compared(described: Program, leaves: Mapping[str, Array], answers: Mapping[str, Array]) -> FixedPointVerdict:
    expected, overflows = columns_after(described, leaves)
    order = [n for n in expected if n in answers]
    unknown = [n for n in answers if n not in expected]
    if unknown:
        raise GradcertError(
            f"an answer called {unknown[0]!r}", allowed=f"such as {', '.join(list(expected)[-3:])}",
            do="answer with intermediates of the description (gradcert hardware PROFILE --rule RULE)",
        )  # fmt: skip
    wrong = {n: np.flatnonzero(np.asarray(expected[n] != answers[n])) for n in order}
    wrong = {n: at for n, at in wrong.items() if at.size}
    first = None
    if wrong:
        name = min(wrong, key=lambda n: (wrong[n][0], order.index(n)))
        at = int(wrong[name][0])
        ulp = described.node(name.partition("[")[0]).format.ulp
        one, other = int(expected[name][at]), int(answers[name][at])
        first = FirstDifference(at, name, one, other, one * ulp, other * ulp)
    following = {label for label in elaborate(described).next.values()}
    return FixedPointVerdict(
        steps=len(next(iter(leaves.values()))),
        compared=tuple(order),
        first=first,
        differences={n: len(at) for n, at in wrong.items()},
        wrong=len({int(t) for at in wrong.values() for t in at}),
        missing=tuple(sorted(following - set(answers))),
        overflows=overflows,
    )


def causes(described: Program, leaves: Mapping[str, Array], answers: Mapping[str, Array]) -> list[Variant]:
    """Return the variants of the description that reproduce every answer on every step.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> unit = trace_unit(Format.parse("u8q0"), leak=0.75)
    >>> e = np.array([8, 9, 10, 11, 0])
    >>> leaves = {"spike": np.array([0, 1, 0, 1, 1]), "e": e}
    >>> [str(v) for v in causes(unit, leaves, {"e.next": -(-e * 3 // 4) + leaves["spike"]})]
    ['rounding sense: e.leaked rounds away from zero instead of down']
    """
    expected, _ = columns_after(described, leaves)
    wrong = np.any([np.asarray(expected[n] != column) for n, column in answers.items()], axis=0)
    # most variants fail on a few telling steps: the differing ones first
    few = np.concatenate([np.flatnonzero(wrong)[:FEW], np.flatnonzero(~wrong)[:FEW]])

    def explains(variant: Variant, rows: Any) -> bool:
        seen = variant.leaves({name: column[rows] for name, column in leaves.items()})
        columns, _ = columns_after(variant.program, seen)
        return all((columns[n] == column[rows]).all() for n, column in answers.items())

    everything = slice(None)
    return [v for v in variants(described) if explains(v, few) and explains(v, everything)]


def judge_fixed_point(
    subject: Step,
    profile: str | Profile,
    rule: str,
    *,
    steps: int = 200,
    seed: int = 0,
    inputs: int = 2,
    neurons: int = 2,
    outputs: int = 1,
) -> FixedPointVerdict:
    """Drive an implementation and its description with the same random steps and compare stored integers.

    Parameters
    ----------
    subject : called once per step with stored integers by name: the inputs (`x[0]`, `target[0]`, random words such as
        `W.word[0,1]`) and the states before the step (`v[0]`, `W[1,0]`); returns stored integers of whichever
        intermediates it has (`v.next[0]`, `W.next[1,0]`), the same ones in every step. Every returned name is
        compared; `compared` says which.
    profile, rule, inputs, neurons, outputs : the description.
    steps, seed : how many random steps, from which seed.

    Examples
    --------
    >>> silent = judge_fixed_point(lambda given, state: {}, "q-format", "ottt", steps=3)
    >>> silent.conforms, silent.missing[:2]  # who answers nothing has shown nothing
    (False, ('W.next[0,0]', 'W.next[0,1]'))
    """
    described = program(profile, rule, inputs=inputs, neurons=neurons, outputs=outputs)
    leaves = steps_of(described, steps, seed)
    states = [n.name for n in described.of_kind("state")]

    def ask(steps: Mapping[str, Array]) -> dict[str, Array]:
        rows = []
        for t in range(len(next(iter(steps.values())))):
            flat = flatten(described, {name: column[t] for name, column in steps.items()})
            before = {k: v for k, v in flat.items() if k.partition("[")[0] in states}
            rows.append(subject({k: v for k, v in flat.items() if k not in before}, before))
        return columns_of_rows(rows)

    return judge_answers(described, leaves, ask(leaves), ask=ask, seed=seed)


def columns_of_rows(rows: Sequence[Mapping[str, int]]) -> dict[str, Array]:
    """Return answers by name as columns; every step has to answer the same names."""
    for t, row in enumerate(rows):
        if set(row) != set(rows[0]):
            odd = sorted(set(row) ^ set(rows[0]))[0]
            raise GradcertError(
                f"step {t} and step 0 differ in whether they answer {odd!r}", do="answer the same names"
            )
    return {name: np.array([int(row[name]) for row in rows], dtype=object) for name in rows[0]}
