"""The error budget of a row for any float program: nothing but enclosures, so that no tolerance is ever chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcert.properties.evaluation.evaluate import row
from gradcert.properties.numbers import Rounding, Undecided
from gradcert.reference import Rule
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Enclosure:
    """Middle and radius per parameter: every admissible float program returns a value inside."""

    middle: dict[str, Array]
    radius: dict[str, Array]


def roundings(problem: Problem) -> int:
    """Return a bound on the chain of roundings from an argument to a result of a gradient program.

    Per layer and step: a sum over inputs and lateral inputs and about a dozen products forward, the same backward (or a
    product with a Jacobian); at the end a sum over steps and samples. Twice, as programs may sum in blocks and scale.
    """
    steps, batch = problem.inputs.shape[:2]
    widths = sum(layer.inputs + 2 * layer.units + 12 for layer in problem.network.layers)
    return 2 * (2 * steps * widths + steps * batch * max(layer.units for layer in problem.network.layers))


def enclosure(problem: Problem, rule: Rule, *, dtype: str = "float64") -> Enclosure:
    """Enclose what any program of this dtype can return for a row.

    Raises
    ------
    Undecided : if a membrane potential is within rounding of its threshold.

    Examples
    --------
    >>> from gradcert.reference import RULES, Layer, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> problem = Problem(network, network.parameters(), np.ones((4, 1, 2)), np.zeros((4, 1, 3)))
    >>> found, bound = row(problem, RULES["bptt"])["layers.0.W"], enclosure(problem, RULES["bptt"])
    >>> bool((abs(found - bound.middle["layers.0.W"]) <= bound.radius["layers.0.W"]).all())
    True
    """
    numbers = Rounding(roundings(problem), dtype)
    middle, radius = {}, {}
    for name, values in row(problem.in_numbers(numbers), rule).items():
        pairs = np.array([numbers.enclosure(e) for e in values.flat]).reshape(*values.shape, 2)
        middle[name], radius[name] = pairs[..., 0], pairs[..., 1]
        if not np.isfinite(pairs).all():
            raise Undecided(f"the enclosure of {name} is unbounded", do="draw another problem")
    return Enclosure(middle, radius)


def is_decided(problem: Problem, rule: Rule, *, dtype: str = "float64") -> bool:
    """Return whether no comparison of the forward pass depends on rounding."""
    try:
        enclosure(problem, rule, dtype=dtype)
    except Undecided:
        return False
    return True
