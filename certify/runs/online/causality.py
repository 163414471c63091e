"""Causality: what was credited up to step t does not depend on what comes after t.

Two sequences share their first steps and differ in every later input and target. Gradients are asked for after every
step. As long as the sequences are the same, so are gradients and outputs, to the last bit; that asking changes
nothing is `prefix`'s to check.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcert.certify.problems import Case
from gradcert.certify.runs.online.outcome import Outcome, differing, interrupted, refuted, same
from gradcert.certify.runs.run import Run
from gradcert.certify.subjects import Played
from gradcert.reference.networks import Problem


def check(run: Run, case: Case) -> Outcome:
    """Play two futures of one past."""
    steps = len(case.problem.inputs)
    shared = max(1, steps // 2)
    every = range(1, steps + 1)
    one = run.play(case.problem, ask=every)
    two = run.play(other_future(case.problem, shared), ask=every)
    for played in (one, two):
        if (stopped := interrupted("causality", case, played)) is not None:
            return stopped
    assert one is not None and two is not None
    if found := apart(one, two, shared):
        t, names = found
        again = run.play(case.problem, ask=every)
        repeats = again is not None and again.failure is None and not apart(one, again, shared)
        cause = (
            "credit depends on later steps"
            if repeats
            else "state kept between sequences, or chance: the same sequence is not credited alike either"
        )
        reason = f"what was credited after step {t} is another {', '.join(names)} when the steps after {shared} change"
        return refuted("causality", case, reason, cause=cause, step=t, arrays=names)
    return Outcome("passed", f"the first {shared} of {steps} steps, with two futures: the same to the last bit")


def other_future(problem: Problem, shared: int) -> Problem:
    """Return the problem with every later input and target changed.

    Examples
    --------
    >>> from gradcert.reference import Layer, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=2),))
    >>> p = Problem(network, network.parameters(), np.ones((3, 1, 2)), np.zeros((3, 1, 2)))
    >>> other_future(p, 1).inputs[:, 0, 0].tolist()
    [1.0, -0.5, -0.5]
    """
    inputs, targets = problem.inputs.copy(), problem.targets.copy()
    inputs[shared:] = 0.5 - inputs[shared:]
    if problem.network.loss.kind == "cross_entropy":
        targets[shared:] = np.roll(targets[shared:], 1, axis=-1)
    else:
        targets[shared:] = 0.5 - targets[shared:]
    return replace(problem, id=f"{problem.id}/other-future", inputs=inputs, targets=targets)


def apart(a: Played, b: Played, shared: int) -> tuple[int, list[str]] | None:
    """Return the first step at which two sequences were credited otherwise, and what differs there."""
    for t in range(1, shared + 1):
        names = differing(a.credited[t], b.credited[t])
        if not same(a.outputs[t - 1], b.outputs[t - 1]) and a.outputs[t - 1] is not None:
            names.append("output")
        if names:
            return t, names
    return None
