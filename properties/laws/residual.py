"""Deep: what a rule computes and what it drops add up to BPTT."""

from __future__ import annotations

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, Measured, differ, measure, measure_reference, slack_of
from gradcert.properties.subject import Subject
from gradcert.reference import RULES
from gradcert.reference.engines import residual


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Add the path sum over the dropped edges to the subject's gradient."""
    problem = draw(subject.problems(also=("bptt",)))
    dropped = residual(
        problem.network,
        problem.parameters,
        problem.inputs,
        problem.targets,
        rule=subject.rule,
        numbers=problem.numbers,
        feedback=problem.feedback,
    )
    rest = Measured(dropped.total, slack_of(subject, problem, RULES["bptt"]))
    expected = measure_reference(subject, problem, RULES["bptt"])
    return differ(LAW.name, problem, measure(subject, problem).plus(rest), expected)


LAW = Law(
    name="residual",
    group="deep",
    statement="The gradient of a rule plus its residual, summed over the dropped paths themselves, is BPTT.",
    source="mathematics.md 4.3, 12.3",
    applies=has_gradients,
    check=check,
)
