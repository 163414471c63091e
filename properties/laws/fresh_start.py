"""Online: a sequence starts from nothing, whatever was learned before."""

from __future__ import annotations

from gradcert.properties.law import Draw, Law, has_learner
from gradcert.properties.laws.learner import run
from gradcert.properties.measure import Counterexample, Measured, differ
from gradcert.properties.subject import Subject


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Run a sequence, another one of the same network, and the first again."""
    problem = draw(subject.problems())
    zero = dict.fromkeys(problem.parameters, 0)
    first = Measured(run(subject, problem).values, zero)
    run(subject, problem, steps=1)
    return differ(LAW.name, problem, Measured(run(subject, problem).values, zero), first)


LAW = Law(
    name="fresh-start",
    group="online",
    statement="A learner carries nothing over from one sequence to the next.",
    source="trap T21",
    applies=has_learner,
    check=check,
)
