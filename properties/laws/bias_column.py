"""Structure: a bias is the weight of an input that is always 1."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, Measured, differ, measure
from gradcert.properties.subject import Subject
from gradcert.reference.networks import Dense


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Set the first input to 1 and compare the first column of W with b."""
    problem = draw(subject.problems(bias=True, convolution=False))
    first = problem.network.layers[0]
    pairs = [
        (k.weight, u.parameter)
        for k in first.cell.links
        for u in first.cell.uses
        if k.source == "x" and k.lag == 0 and k.target == u.target and k.weight is not None
        if u.parameter in first.cell.trained and u.parameter not in first.cell.constants()
        if isinstance(first.synapse(k.weight), Dense)
    ]
    assume(pairs)
    inputs = problem.inputs.copy()
    inputs[:, :, 0] = problem.numbers.array(1)
    constant = replace(problem, inputs=inputs)
    found = measure(subject, constant)
    for weight, bias in pairs:
        w, b = f"layers.0.{weight}", f"layers.0.{bias}"
        slack = found.slack[w][:, 0] if subject.family == "bounded" else 0
        expected = Measured({b: found.values[w][:, 0]}, {b: slack})
        if counterexample := differ(LAW.name, constant, found, expected):
            return counterexample
    return None


LAW = Law(
    name="bias-column",
    group="structure",
    statement="The gradient of a bias is that of the weight of an input that is constantly 1.",
    source="trap T30: OTTT's bias needs a trace of its own",
    applies=has_gradients,
    check=check,
)
