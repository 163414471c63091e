"""Telling the faults that would explain an implementation's answers apart, by asking it more.

One wrong integer is explained by many faults, and by chance by faults that the implementation has not. So each fault
that fits is put to the proof: among many more random steps those are looked for on which it shows, and those on which
two that fit differ; the implementation is asked them. What does not reproduce these answers too is out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from gradcert.hardware_models.agreement.aimed import aimed_steps, comparisons
from gradcert.hardware_models.agreement.telling import POOL, TURNS, columns_after
from gradcert.hardware_models.agreement.variants import Variant
from gradcert.hardware_models.description.program import Program, with_lanes
from gradcert.hardware_models.description.random import random_inputs, random_states

Array = np.ndarray[Any, Any]
Ask = Callable[[Mapping[str, Array]], Mapping[str, Array]]
PROOF = 8  # wrong steps that a fault has to have explained, so that no more are looked for
NAMED = 3  # and with fewer than these it is not named: one wrong step is explained by chance
RUNS = 8 * TURNS  # of a description or a fault on a pool of steps: seconds, for a small learner


@dataclass(frozen=True)
class Apart:
    """What came of asking.

    Attributes
    ----------
    left : the faults that reproduce every answer, those to the steps asked here too.
    wrong : steps on which the answers, and so each of these, differ from the description.
    leaves, answers : the steps that were asked, and what was answered.
    searched : random steps among which they were looked for.
    """

    left: tuple[Variant, ...]
    wrong: int
    leaves: Mapping[str, Array]
    answers: Mapping[str, Array]
    searched: int

    @property
    def named(self) -> tuple[Variant, ...]:
        """What is left, where it has explained enough to be named."""
        return self.left if self.wrong >= NAMED else ()


def told_apart(
    described: Program,
    leaves: Mapping[str, Array],
    answers: Mapping[str, Array],
    fitting: Sequence[Variant],
    ask: Ask,
    seed: int,
    *,
    pool: int = POOL,
    runs: int = RUNS,
) -> Apart:
    """Return which faults are left, after asking for steps that tell them from the description and from each other.

    Parameters
    ----------
    described, leaves, answers : the description, the steps that there were, and the answers by elaborated name.
    fitting : faults that reproduce all of these answers.
    ask : returns answers, the same names, for more steps.
    seed : of the search; its steps are others than those of `telling_steps`.
    pool, runs : steps that are searched at once, and how often a description or a fault is run on them at most.

    Examples
    --------
    A trace that rounds away from zero, seen on one step, where rounding to the nearest would do as well:

    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.subject import causes
    >>> from gradcert.hardware_models.units import trace_unit
    >>> unit = trace_unit(Format.parse("u8q0"), leak=0.75)
    >>> subject = lambda steps: {"e.next": np.minimum(-(-steps["e"] * 3 // 4) + steps["spike"], 255)}
    >>> leaves = {"spike": np.array([0]), "e": np.array([5])}
    >>> fitting = causes(unit, leaves, subject(leaves))
    >>> found = told_apart(unit, leaves, subject(leaves), fitting, subject, seed=0, runs=200)
    >>> len(fitting) > 3, [str(v) for v in found.named]
    (True, ['rounding sense: e.leaked rounds away from zero instead of down'])
    """
    labels = list(answers)
    alive = list(fitting)
    wrong = int(_differ(_matrix(described, leaves, labels), _stacked(answers, labels)).sum())
    unsplit = list(combinations(alive, 2))
    asked: dict[str, Array] = {}
    answered: dict[str, Array] = {}
    wide, searched, idle = with_lanes(described, pool), 0, 0
    for turn in range(runs):
        runs -= 1 + len(alive)
        if runs < 0 or not alive or (wrong >= PROOF and (not unsplit or idle >= TURNS)):
            break
        drawn = _drawn(described, wide, seed, turn)
        searched += len(next(iter(drawn.values())))
        right = _matrix(described, drawn, labels)
        seen = {id(v): _matrix(v.program, v.leaves(drawn), labels) for v in alive}
        chosen: set[int] = set()
        for columns in seen.values():
            chosen.update(np.flatnonzero(_differ(columns, right))[: max(0, PROOF - wrong)].tolist())
        for one, other in unsplit:
            chosen.update(np.flatnonzero(_differ(seen[id(one)], seen[id(other)]))[:1].tolist())
        idle += 1
        if chosen:
            idle, rows = 0, sorted(chosen)
            more = {name: np.asarray(drawn[name])[rows] for name in leaves}
            got = ask(more)
            given = _stacked(got, labels)
            alive = [v for v in alive if not _differ(seen[id(v)][rows], given).any()]
            unsplit = [(a, b) for a, b in unsplit if any(a is v for v in alive) and any(b is v for v in alive)]
            wrong += int(_differ(right[rows], given).sum())
            asked, answered = _joined(asked, more), _joined(answered, {name: got[name] for name in labels})
    return Apart(tuple(alive), wrong, asked, answered, searched)


def _drawn(described: Program, wide: Program, seed: int, turn: int) -> dict[str, Array]:
    own = int(np.random.default_rng([seed, turn, 3]).integers(2**31))
    drawn: dict[str, Array] = {**random_inputs(wide, 1, own)[0], **random_states(wide, own)}
    for name in comparisons(described) if not turn else ():
        aimed = aimed_steps(described, name, own)
        drawn = {leaf: np.concatenate([column, aimed[leaf]]) for leaf, column in drawn.items()}
    return drawn


def _matrix(program: Program, leaves: Mapping[str, Array], labels: Sequence[str]) -> Array:
    return _stacked(columns_after(program, leaves)[0], labels)


def _stacked(columns: Mapping[str, Array], labels: Sequence[str]) -> Array:
    return np.stack([columns[name] for name in labels], axis=1)


def _differ(one: Array, other: Array) -> Array:
    return np.asarray(np.asarray(one != other).any(axis=1))


def _joined(one: Mapping[str, Array], other: Mapping[str, Array]) -> dict[str, Array]:
    return {k: np.concatenate([one[k], v]) if k in one else np.asarray(v) for k, v in other.items()}


__all__ = ["NAMED", "Apart", "Ask", "told_apart"]
