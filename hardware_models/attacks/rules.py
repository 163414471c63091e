"""Searches against the claim that a description is the reference rule: numbers in place of symbols, real thresholds.

The description's real-valued rule runs in Fractions, the reference engine in float64, on random tasks; spikes and
slopes come from each side's own membranes.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.agreement.compare import steps_from_random_states
from gradcert.hardware_models.arithmetic import FloatFormat
from gradcert.hardware_models.attacks.drives import Search
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.chips.reckon import reckon_eprop
from gradcert.hardware_models.cost.gradient_ledger import reference_gradients
from gradcert.hardware_models.cost.random_task import Task, started, task
from gradcert.hardware_models.description.oracle import Oracle
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.random import flatten
from gradcert.hardware_models.rules import RULES

Says = Mapping[str, Any]
STEPS = 6
# a few hundred float64 operations on numbers of order one; a wrong factor shows in the first twenty bits
TOLERANCE = 2.0**-36


def reference(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Random tasks of six steps: what the description does to each weight against the engine's gradient."""
    rule, tried = says["rule"], 0
    for k in range(max(2, draws // 500)):
        step = RULES[rule](p, inputs=2, neurons=2, outputs=2)
        chosen = task(p, step, steps=STEPS, seed=seed + k)
        moves, spikes = described(p, step, chosen)
        gradients, engine = reference_gradients(p, rule, step, chosen)
        tried += 1
        if (spikes != engine).any():
            return Search(tried, f"task {seed + k}: spikes {spikes.tolist()} against {engine.tolist()}")
        for name, gradient in gradients.items():
            wanted = -float(says["rate"]) * gradient
            size = TOLERANCE * float(says["rate"]) * max(1.0, float(np.abs(gradient).max()))
            if np.abs(moves[name] - wanted).max() > size:
                return Search(tried, f"task {seed + k}: {name} moves by {moves[name].tolist()}, not {wanted.tolist()}")
    return Search(tried)


def described(p: Profile, step: Program, chosen: Task) -> tuple[dict[str, Any], Any]:
    """Return every weight's move with the weights held, and the spikes."""
    states = started(step, chosen.weights)
    frozen = (*states, *(n.name for n in step.of_kind("state") if n.name.endswith(".dual")))
    oracle = Oracle(step, quantised=False, frozen=frozen)
    nodes = {n.name: n for n in oracle.flat.nodes}
    for label, stored in flatten(step, states).items():
        oracle.state[label] = _value(nodes[label], stored)
    moves = {name: np.zeros(np.shape(w), dtype=object) for name, w in chosen.weights.items()}
    spikes = np.zeros((len(chosen.inputs), step.sizes["post"]))
    for t, one in enumerate(chosen.inputs):
        values = oracle.step({k: Fraction(v) for k, v in flatten(step, one).items()})
        spikes[t] = [values[f"z.next[{i}]"] for i in range(step.sizes["post"])]
        for name, move in moves.items():
            for index in np.ndindex(*move.shape):
                at = f"[{','.join(map(str, index))}]"
                if p.update == "window":
                    move[index] = values[f"{name}.moved{at}"] - values[f"{name}{at}"]
                elif p.update == "pulses":
                    move[index] += values[f"{name}.pulses{at}"]
                else:
                    move[index] += values[f"{name}.next{at}"] - values[f"{name}{at}"]
    return {name: move.astype(float) for name, move in moves.items()}, spikes


def _value(node: Any, stored: Any) -> Fraction:
    return (
        Fraction(stored) if isinstance(node.numeric.format, FloatFormat) else Fraction(node.format.value(int(stored)))
    )


def direction(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """ReckOn's own e-prop from random states: no weight moves with the sign of the gradient."""
    step = reckon_eprop(inputs=1, neurons=1, outputs=1)
    before, after = steps_from_random_states(step, draws, seed)
    squashed = np.clip((after["o.leaked[0]"] >> 1) + 1024, 0, 2048)
    error = squashed - before["target[0]"]
    for name, gradient in (("Wo[0,0]", error), ("W[0,0]", error * before["Wo[0,0]"])):
        move = after[name.replace("[", ".next[")] - before[name]
        wrong = (np.sign(move) * np.sign(gradient) > 0) | (np.abs(move) > 1)
        if wrong.any():
            return Search(draws, f"{name} moves uphill at step {int(np.flatnonzero(wrong)[0])} of seed {seed}")
    return Search(draws)
