"""Problems evaluated in float64, each thing once: the forward pass, the gradient of every row, every truncation.

A draw is looked at by its family, by the levels that it meets, by the edges that it sees, and by the controls; each
asks for the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from gradcert.reference.engines import Tape, arriving, run, tape_gradients, truncated_sums
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array
from gradcert.reference.published import Algorithm, Claimed
from gradcert.reference.rules import Rule, check_feedback

KEPT = 8  # problems that were evaluated last: more than the draws among which one is chosen
_LAST: list[Evaluated] = []


class Evaluated:
    """What float64 makes of a problem; what is returned is shared, and not to be written to."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.given = problem.floats()
        self.targets = self.given.targets
        self._gradients: dict[Claimed, dict[str, Array]] = {}
        self._truncations: dict[Rule, list[dict[str, Array]]] = {}

    @cached_property
    def tape(self) -> Tape:
        """The forward pass."""
        with np.errstate(all="ignore"):
            return run(self.given)

    def feedback(self, rule: Rule) -> Mapping[str, Array]:
        """Return the feedback matrices of a row."""
        return check_feedback(self.problem.network, rule, self.given.feedback)

    def gradients(self, rule: Claimed) -> dict[str, Array]:
        """Return the gradient of a row, or of an algorithm, as far as it is asked for."""
        if rule not in self._gradients:
            with np.errstate(all="ignore"):
                if isinstance(rule, Algorithm):
                    self._gradients[rule] = self.problem.asked(rule.gradients(self.given))
                    return self._gradients[rule]
                found = tape_gradients(self.tape, self.targets, rule=rule, feedback=self.feedback(rule))
            self._gradients[rule] = self.problem.asked(found)
        return self._gradients[rule]

    @property
    def credit(self) -> dict[int, Array]:
        """What arrives from the loss at the output of every layer that it is about."""
        return arriving(self.tape, self.targets)

    def truncations(self, rule: Rule) -> list[dict[str, Array]]:
        """Return the sums over paths of at most 1, 2, ... steps."""
        if rule not in self._truncations:
            parts = truncated_sums(self.tape, self.credit, rule, self.feedback(rule))
            self._truncations[rule] = [self.problem.asked(part) for part in parts]
        return self._truncations[rule]


def evaluated(problem: Problem) -> Evaluated:
    """Return a problem's evaluation, the same one for the same object.

    Examples
    --------
    >>> from gradcert.reference import RULES, Layer, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> problem = Problem(network, network.parameters(), np.ones((4, 1, 2)), np.zeros((4, 1, 3)))
    >>> evaluated(problem) is evaluated(problem), len(evaluated(problem).truncations(RULES["bptt"]))
    (True, 4)
    """
    found = next((known for known in _LAST if known.problem is problem), None)
    if found is None:
        found = Evaluated(problem)
    else:
        _LAST.remove(found)
    _LAST.insert(0, found)
    del _LAST[KEPT:]
    return found
