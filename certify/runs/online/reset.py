"""Reset: every sequence begins from nothing, also after one left half way, and after one of another batch size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcert.certify.problems import Case
from gradcert.certify.runs.online.outcome import Outcome, differing, interrupted, refuted, same
from gradcert.certify.runs.run import Run


def check(run: Run, case: Case) -> Outcome:
    """Play a sequence; leave others half way, one of another batch size; play it again."""
    problem, steps = case.problem, len(case.problem.inputs)
    again = [*range(problem.inputs.shape[1]), 0]
    wider = replace(problem.part(samples=again), id=f"{problem.id}/wider")
    first = run.play(problem, ask=[steps])
    other = run.play(wider, ask=[], upto=max(1, steps // 2))
    left = run.play(problem, ask=[], upto=max(1, steps // 2))
    second = run.play(problem, ask=[0, steps])
    for played in (first, other, left, second):
        if (stopped := interrupted("reset", case, played)) is not None:
            return stopped
    assert first is not None and second is not None
    begun = second.credited[0].gradients
    if early := [name for name, value in begun.items() if isinstance(value, np.ndarray) and value.any()]:
        reason = f"before the first step, the gradient of {', '.join(early)} is not zero"
        return refuted("reset", case, reason, cause="state kept between sequences", arrays=early)
    names = differing(first.credited[steps], second.credited[steps])
    if not all(same(a, b) for a, b in zip(first.outputs, second.outputs, strict=True) if a is not None):
        names.append("outputs")
    if names:
        reason = f"after sequences left half way, the same sequence ends with another {', '.join(names)}"
        return refuted("reset", case, reason, cause="state kept between sequences, or chance", arrays=names)
    return Outcome("passed", "the same to the last bit after two sequences left half way, one with a larger batch")
