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

A program is measured from outside, by the pages that it holds, with hundreds of samples a step: its garbage collector
may blur that, so the least of the last quarter of the readings is compared with the largest of the second, and it may
not be larger by a quarter of the bytes handed over in between (inputs kept in half precision are as many).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.certify.cases.case import Case
from gradcert.certify.drive import Played
from gradcert.certify.online.outcome import Outcome, interrupted, refuted
from gradcert.certify.problem import Problem
from gradcert.certify.run import Run

POINTS = (32, 64, 128, 256)  # each window doubles the sequence
NUMBERS = 192  # handed over in a step, at least
WARM = 16  # steps before the first reading; measuring itself makes things that stay
LEAST = {"arrays": 0, "objects": 8, "heap": 128}  # bytes a step from which on a window grows; 0: any byte
KINDS = {"arrays": "NumPy arrays", "objects": "Python objects", "heap": "the C heap"}
PROGRAM_STEPS, PROGRAM_BATCH, READINGS = 128, 512, 32


def check(run: Run, case: Case) -> Outcome:
    """Play a long sequence and look at what is held on the way."""
    if run.worker is not None and run.worker.program:
        return _program(run, case)
    played = run.play(
        sequence(case.problem, POINTS[-1], -(-NUMBERS // case.problem.inputs.shape[2])), ask=[], measure=(WARM, *POINTS)
    )
    if (stopped := interrupted("memory", case, played)) is not None:
        return stopped
    assert played is not None
    return judged(case, played)


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
    for kind, name in KINDS.items():
        values = [v for t in POINTS if (v := played.measured[t].get(kind)) is not None]
        if len(values) < len(POINTS):
            facts[kind] = "not known on this system"
        elif grows(values, LEAST[kind]) >= 2:
            facts[kind] = "grows"
            reason = f"what the learner holds in {name} grows with every step"
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


def _program(run: Run, case: Case) -> Outcome:
    steps = PROGRAM_STEPS
    points = tuple(range(steps // READINGS, steps + 1, steps // READINGS))
    problem = sequence(case.problem, steps, PROGRAM_BATCH)
    played = run.play(problem, ask=[], measure=points)
    if (stopped := interrupted("memory", case, played)) is not None:
        return stopped
    assert played is not None
    readings = [played.measured[t]["resident"] for t in points]
    known = [r for r in readings if r is not None]
    if len(known) < len(points):
        return Outcome("blocked", "this system does not tell how much memory a program holds")
    quarter = len(points) // 4
    gained = min(known[-quarter:]) - max(known[quarter : 2 * quarter])
    between = points[-quarter] - points[2 * quarter - 1]
    allowed = between * problem.inputs[0].nbytes // 4
    facts = {"steps": steps, "allowed": allowed, "pages": "grow" if gained > allowed else "constant"}
    if gained > allowed:
        reason = f"the program gains more than {allowed} bytes over {between} steps"
        cause = f"it keeps something of every step, whose inputs are {problem.inputs[0].nbytes} bytes"
        return refuted("memory", case, reason, cause=cause, **facts)
    return Outcome("passed", f"the pages that it holds gain no more than {allowed} bytes over {between} steps", facts)
