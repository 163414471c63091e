"""What the reference says of a problem: its outputs, and the gradient of a row."""

from __future__ import annotations

from gradcert.reference import Problem, Rule, forward, record, reverse
from gradcert.reference.numbers import Array


def outputs(problem: Problem) -> Array:
    """Return the outputs of the reference, (time, batch, n_out)."""
    data = problem.data
    return record(problem.network, problem.parameters, problem.inputs, numbers=problem.numbers, **data).outputs


def row(problem: Problem, rule: Rule, *, engine: str = "reverse") -> dict[str, Array]:
    """Return the gradient of a row of the rule table, by the ``reverse`` or the ``forward`` engine.

    Examples
    --------
    >>> from gradcert.reference import RULES, Layer, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> import numpy as np
    >>> problem = Problem(network, network.parameters(), np.ones((4, 1, 2)), np.zeros((4, 1, 3)))
    >>> sorted(row(problem, RULES["ostl"]))
    ['layers.0.H', 'layers.0.W', 'layers.0.b']
    """
    run = {"reverse": reverse.gradients, "forward": forward.gradients}[engine]
    return run(
        problem.network,
        problem.parameters,
        problem.inputs,
        problem.targets,
        rule=rule,
        numbers=problem.numbers,
        feedback=problem.feedback,
        **problem.data,
    )
