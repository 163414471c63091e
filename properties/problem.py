"""One problem: everything that a gradient is a function of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcert.reference import FLOAT64, Network, Numbers, Rule, forward, reverse
from gradcert.reference.loss import Loss
from gradcert.reference.numbers import Array
from gradcert.reference.tape import record


@dataclass(frozen=True)
class Problem:
    """What a subject is given; see certification: a subject maps it to gradients with the keys of `parameters`.

    Attributes
    ----------
    network : layers and loss.
    parameters : ``layers.0.W -> array``.
    inputs, targets : (time, batch, n_in) and (time, batch, n_out).
    feedback : fixed matrices of a rule with random, direct or target feedback, else empty.
    numbers : the number system of all arrays.
    """

    network: Network
    parameters: Mapping[str, Array]
    inputs: Array
    targets: Array
    feedback: Mapping[str, Array] = field(default_factory=dict)
    numbers: Numbers = FLOAT64

    def outputs(self) -> Array:
        """Return the outputs of the reference, (time, batch, n_out)."""
        return record(self.network, self.parameters, self.inputs, numbers=self.numbers).outputs

    def with_parameters(self, **changed: Array) -> Problem:
        """Return the problem with some parameters replaced; ``__`` stands for a dot."""
        given = {name.replace("__", "."): value for name, value in changed.items()}
        return replace(self, parameters={**self.parameters, **given})

    def with_loss(self, **options: str) -> Problem:
        """Return the problem with another loss."""
        loss: Loss = replace(self.network.loss, **options)
        return replace(self, network=replace(self.network, loss=loss))

    def in_numbers(self, numbers: Numbers) -> Problem:
        """Return the problem in another number system."""
        return replace(
            self,
            parameters={k: numbers.array(v) for k, v in self.parameters.items()},
            inputs=numbers.array(self.inputs),
            targets=numbers.array(self.targets),
            feedback={k: numbers.array(v) for k, v in self.feedback.items()},
            numbers=numbers,
        )

    def copy(self) -> Problem:
        """Return the problem with arrays of its own."""
        return replace(
            self,
            parameters={k: np.array(v) for k, v in self.parameters.items()},
            inputs=np.array(self.inputs),
            targets=np.array(self.targets),
            feedback={k: np.array(v) for k, v in self.feedback.items()},
        )

    def describe(self) -> dict[str, Any]:
        """Return the JSON form: what is needed to type the problem in again."""
        return {
            "network": self.network.to_dict(),
            "parameters": {k: _listed(v) for k, v in self.parameters.items()},
            "inputs": _listed(self.inputs),
            "targets": _listed(self.targets),
            "feedback": {k: _listed(v) for k, v in self.feedback.items()},
            "numbers": self.numbers.name,
        }


def row(problem: Problem, rule: Rule, *, engine: str = "reverse") -> dict[str, Array]:
    """Return the gradient of a row of the rule table, by the ``reverse`` or the ``forward`` engine.

    Examples
    --------
    >>> from gradcert.reference import RULES, Layer, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
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
    )


def _listed(x: Any) -> Any:
    return [_listed(e) for e in x] if np.ndim(x) else (float(x) if isinstance(x, (float, np.floating)) else str(x))
