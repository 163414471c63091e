"""Steps that tell a description from its single faults, by its next states alone.

Random steps seldom meet them: in a learner with 8-bit weights a learning signal that is rounded the other way moves a
weight on one step in hundreds. Each variant (`variants`) that a run has not told apart is looked for among many more
random steps, all simulated at once, and the first step that tells it joins the run. Comparisons are aimed at
(`aimed`): two registers are seldom equal by chance. Widths, orders and signs are left to chance: where they differ at
all, they differ by much. So are guards; `untold` says which of them nothing tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcert.hardware_models.agreement.aimed import aimed_steps, comparisons
from gradcert.hardware_models.agreement.variants import Variant, variants
from gradcert.hardware_models.description.program import Program, with_lanes
from gradcert.hardware_models.description.random import random_inputs, random_states
from gradcert.hardware_models.description.simulate import Simulator

Array = np.ndarray[Any, Any]
POOL = 4096  # random steps that are searched at once
TURNS = 128  # and how often, where something is left to be told
SMALL = ("rounding sense", "zero rule", "comparison", "constant")  # kinds that move an integer by one, now and then


def telling_steps(
    described: Program, leaves: Mapping[str, Array], seed: int, *, pool: int = POOL, turns: int = TURNS
) -> dict[str, Array]:
    """Return more steps, (steps, *shape) by leaf: those that tell variants apart which the given ones do not.

    Parameters
    ----------
    described : a fixed-point description.
    leaves : the steps that there are, inputs, random words and states.
    seed : of the steps that are searched.
    pool : how many at once; `turns` : how often, at most. What is left after the first turn is rare: a product that is
        rounded once more, to a place 14 bits above, shows the first rounding in one of some 10^5 steps.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> unit = trace_unit(Format.parse("u8q0"), leak=0.75)
    >>> given = {"spike": np.array([0]), "e": np.array([4])}  # 3 of 4: nothing is rounded
    >>> more = telling_steps(unit, given, seed=0)
    >>> both = {name: np.concatenate([given[name], more[name]]) for name in given}
    >>> len(untold(unit, given, ["e.next"])), len(untold(unit, both, ["e.next"]))
    (10, 2)
    """
    following = list(described.next.values())
    missed = untold(described, leaves, following)
    wide = with_lanes(described, pool)
    found: list[dict[str, Array]] = []
    for turn in range(turns):
        if not missed:
            break
        # the first pool is that of the seed itself
        own = seed if not turn else int(np.random.default_rng([seed, turn]).integers(2**31))
        drawn: dict[str, Array] = {**random_inputs(wide, 1, own)[0], **random_states(wide, own)}
        for name in comparisons(described) if not turn else ():
            aimed = aimed_steps(described, name, own)
            drawn = {leaf: np.concatenate([column, aimed[leaf]]) for leaf, column in drawn.items()}
        chosen, left = np.zeros(len(next(iter(drawn.values()))), dtype=bool), []
        for variant, told in told_by(described, drawn, following, missed):
            if not told.any():
                left.append(variant)
            elif not told[chosen].any():
                chosen[np.flatnonzero(told)[0]] = True
        found.append({name: np.asarray(drawn[name])[chosen] for name in leaves})
        missed = left
    return {name: np.concatenate([part[name] for part in found]) if found else leaves[name][:0] for name in leaves}


def untold(
    described: Program, leaves: Mapping[str, Array], seen: Sequence[str], kinds: Sequence[str] = SMALL
) -> list[Variant]:
    """Return the variants of one place and these kinds whose intermediates of these names are right on every step."""
    small = [v for v in variants(described) if v.kind in kinds and described.has(v.place)]
    return [v for v, told in told_by(described, leaves, seen, small) if not told.any()]


def told_by(
    described: Program, leaves: Mapping[str, Array], seen: Sequence[str], among: Sequence[Variant]
) -> list[tuple[Variant, Array]]:
    """Return each variant with the steps, (steps,) of booleans, on which an intermediate of these names differs."""
    right, _ = after(described, leaves)
    steps, found = len(next(iter(leaves.values()))), []
    for variant in among:
        wrong, _ = after(variant.program, variant.leaves(leaves))
        differs = [np.asarray(wrong[n] != right[n]).reshape(steps, -1).any(axis=1) for n in seen]
        found.append((variant, np.any(differs, axis=0)))
    return found


def after(described: Program, leaves: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, int]]:
    """Return every node after each of the steps, (steps, *shape), all steps at once; and the overflows by name."""
    simulator = Simulator(with_lanes(described, len(next(iter(leaves.values())))))
    simulator.state = {n.name: leaves[n.name] for n in described.of_kind("state")}
    nodes = simulator.step({n.name: leaves[n.name] for n in described.of_kind("input", "random")})
    return dict(nodes), {event.name: event.count for event in simulator.log.events}


def columns_after(described: Program, leaves: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, int]]:
    """Return every intermediate's column by elaborated name, and the overflows by name, all steps at once."""
    nodes, overflows = after(described, leaves)
    flat: dict[str, Array] = {}
    for node in described.operations:
        for index in np.ndindex(described.shape(node)):
            label = f"{node.name}[{','.join(map(str, index))}]" if index else node.name
            flat[label] = nodes[node.name][(slice(None), *index)]
    return flat, overflows
