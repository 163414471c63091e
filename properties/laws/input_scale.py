"""Structure: the unit in which inputs are measured is a matter of convention."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from gradcert.properties.law import Draw, Law, has_gradients
from gradcert.properties.measure import Counterexample, differ, measure
from gradcert.properties.numbers import PrimeField
from gradcert.properties.subject import Subject
from gradcert.reference.numbers import Array


def check(subject: Subject, draw: Draw) -> Counterexample | None:
    """Multiply the inputs by c and divide the first layer's input weights by it."""
    problem = draw(subject.problems())
    c = draw(st.sampled_from((2, 4)))
    if isinstance(problem.numbers, PrimeField):
        c = problem.numbers.array(draw(st.integers(2, 2**40)))[()]
    weights = {f"layers.0.{k.weight}" for k in problem.network.layers[0].cell.links if k.source == "x"}
    scaled = replace(
        problem,
        inputs=problem.inputs * c,
        parameters={k: v / c if k in weights else v for k, v in problem.parameters.items()},
    )

    def move(key: str, value: Array) -> Array:
        return value * c if key in weights else value

    return differ(LAW.name, scaled, measure(subject, scaled), measure(subject, problem).moved(move))


LAW = Law(
    name="input-scale",
    group="structure",
    statement="With inputs times c and input weights over c, the gradient of those weights is times c, all else equal.",
    source="reparametrisation of the first layer",
    applies=has_gradients,
    check=check,
)
