"""Constant memory: what a learner holds does not grow with the number of steps.

A long sequence of fresh random inputs is played; after 16, 32, 64, 128 and 256 steps the learner's process says how
many bytes it holds, all garbage collected: in NumPy arrays, in Python objects (both as allocated since the sequence
began, so that globals and closures count like attributes), and in the C heap, where tensors and graphs of other
libraries are.

The allowance. Arrays may not gain a byte. Python objects may gain less than 8 bytes a step: keeping anything of a step
costs a machine word, a reference to it. The C heap is shared with the interpreter, whose own use of it wavers by some
kilobytes in all; it may gain less than 128 bytes a step, two thirds of a byte of each of the 192 numbers that a step
hands over at least, and less than a node of a graph takes. What happens once (a cache, a larger table of names) makes
one window grow; what grows with T makes each window grow, or, in a buffer that is doubled or quadrupled when it is
full, every other one. A learner is refuted if two windows grow.

A program in another language may count for itself, after collecting garbage (`gradcert.certify.subjects.drive`); its
word is taken, with the allowance of a heap. Else its pages are read from outside, with hundreds of samples a step:
the least of the last quarter of 32 readings may exceed the largest of the second quarter by a quarter of the bytes
handed over in between. If it does not, nothing of the inputs is kept; if it does, that may be
garbage, and nothing is shown.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.certify.problems import Case
from gradcert.certify.runs.online.outcome import Outcome, interrupted, refuted
from gradcert.certify.runs.run import Run
from gradcert.certify.subjects import Played
from gradcert.reference.networks import Problem

POINTS = (32, 64, 128, 256)  # each window doubles the sequence
NUMBERS = 192  # handed over in a step, at least
WARM = 16  # steps before the first reading; measuring itself makes things that stay
LEAST = {"arrays": 0, "objects": 8, "heap": 128, "told": 128}  # bytes a step from which on a window grows; 0: any byte
KINDS = {
    "arrays": "in NumPy arrays",
    "objects": "in Python objects",
    "heap": "in the C heap",
    "told": "by its own count",
}
PROGRAM_STEPS, PROGRAM_BATCH, READINGS = 128, 512, 32


def check(run: Run, case: Case) -> Outcome:
    """Play a long sequence and look at what is held on the way."""
    played = run.play(
        sequence(case.problem, POINTS[-1], -(-NUMBERS // case.problem.inputs.shape[2])), ask=[], measure=(WARM, *POINTS)
    )
    if (stopped := interrupted("memory", case, played)) is not None:
        return stopped
    assert played is not None
    return _pages(run, case) if "resident" in played.measured[WARM] else judged(case, played)


def sequence(problem: Problem, steps: int, batch: int) -> Problem:
    """Return a long problem of the same network, no two of its numbers alike."""
    rng = np.random.default_rng([steps, batch])
    inputs = rng.standard_normal((steps, batch, problem.inputs.shape[2]))
    units = problem.targets.shape[2]
    if problem.network.loss.kind == "cross_entropy":
        targets = np.eye(units)[rng.integers(0, units, (steps, batch))]
    else:
        targets = rng.standard_normal((steps, batch, units))
    dtype = problem.dtype
    return replace(problem, id=f"{problem.id}/long", inputs=inputs.astype(dtype), targets=targets.astype(dtype))


def judged(case: Case, played: Played) -> Outcome:
    """Judge the readings of a learner in Python; a certificate records what comes out alike in every run."""
    facts: dict[str, Any] = {"steps": list(POINTS)}
    mine = {kind: name for kind, name in KINDS.items() if kind in played.measured[WARM]}
    if set(mine) == {"told"} and any(played.measured[t]["told"] is None for t in POINTS):
        return Outcome("blocked", "the program says that it measures, and gives no number")
    for kind, name in mine.items():
        values = [v for t in POINTS if (v := played.measured[t].get(kind)) is not None]
        if len(values) < len(POINTS):
            facts[kind] = "not known on this system"
        elif grows(values, LEAST[kind]) >= 2:
            facts[kind] = "grows"
            reason = f"what the learner holds {name} grows with every step"
            cause = f"it keeps something of every step: {f'{LEAST[kind]} bytes' if LEAST[kind] else 'a byte'} or more"
            return refuted("memory", case, reason, cause=cause, **facts)
        else:
            facts[kind] = "constant"
    return Outcome("passed", f"nothing grows from {POINTS[0]} to {POINTS[-1]} steps", facts)


def grows(values: list[int], least: int) -> int:
    """Return how many windows gain at least so many bytes a step, and at least one byte.

    Examples
    --------
    >>> grows([800, 800, 900, 900], 0), grows([0, 200, 400, 600], 8)
    (1, 0)
    >>> grows([0, 256, 768, 1792], 8)
    3
    """
    windows = zip(pairwise(POINTS), pairwise(values), strict=True)
    return sum(after - before >= max(1, least * (end - begin)) for (begin, end), (before, after) in windows)


def _pages(run: Run, case: Case) -> Outcome:
    """Look at a program from outside: pages that do not grow show constant memory; that they grow shows nothing."""
    problem = sequence(case.problem, PROGRAM_STEPS, PROGRAM_BATCH)
    points = tuple(range(PROGRAM_STEPS // READINGS, PROGRAM_STEPS + 1, PROGRAM_STEPS // READINGS))
    played = run.play(problem, ask=[], measure=points)
    if (stopped := interrupted("memory", case, played)) is not None:
        return stopped
    assert played is not None
    known = [held for t in points if (held := played.measured[t].get("resident")) is not None]
    quarter = len(points) // 4
    between = points[-quarter] - points[2 * quarter - 1]
    allowed = between * problem.inputs[0].nbytes // 4
    if len(known) < len(points):
        return Outcome("blocked", "this system does not tell how much memory a program holds")
    if min(known[-quarter:]) - max(known[quarter : 2 * quarter]) > allowed:
        what = 'the program\'s pages grow, by what it keeps or by garbage: let it answer {"measure": true} to settle it'
        return Outcome("blocked", what, {"steps": PROGRAM_STEPS, "pages": "grow"})
    what = f"the program's pages gain no more than {allowed} bytes, a quarter of the inputs, over {between} steps"
    return Outcome("passed", what, {"steps": PROGRAM_STEPS, "pages": "constant"})
