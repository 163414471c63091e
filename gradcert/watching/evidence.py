"""What is known of a step of training: runs of the reference engine around the module's spikes, and what came back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.models.reading.passes import Run
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule

Gradients = dict[str, Array]


@dataclass(frozen=True)
class Evidence:
    """One step of training, as the reference engine sees it.

    Attributes
    ----------
    runs, deltas : of every sequence, the engine's run and dE/d(output), (time, batch, units).
    given : the gradients that are judged, by parameter; None where there is none. A parameter that is not in it is not
        judged.
    before : what they were before this step's backward, where that was kept.
    feedback : the fixed matrices of the claimed rule.
    loss : the loss, where it is known.
    same : whether the module's operations, run again, gave its own outputs, but for roundings.
    states : of every sequence, what the module began with, state by state; of a step that was stored, nothing.
    arrived : of every sequence, what came back to the outputs in the loop, where a loss was said too.
    places : where the module's own code keeps or cuts an edge (`gradcert.watching.places`).
    """

    runs: tuple[Run, ...]
    deltas: tuple[Array, ...]
    given: Mapping[str, Array | None]
    before: Mapping[str, Array | None] | None
    feedback: Mapping[str, Array] | None
    loss: float | None
    same: bool
    states: tuple[Any, ...] = ()
    places: tuple[Any, ...] = ()
    arrived: tuple[Array, ...] = ()

    def gradients(self, rule: Rule | str, change: Callable[[Run, Array], Any] | None = None) -> Gradients:
        """Return the gradient of a rule, summed over the sequences.

        Parameters
        ----------
        change : (run, delta) -> gradients of another computation by network parameter, in place of the rule's.
        """
        total: Gradients = {}
        for done, delta in zip(self.runs, self.deltas, strict=True):
            arrays = done.arrays(rule, delta, self.feedback) if change is None else change(done, delta)
            for name, value in done.written.pulled(arrays, done.parameters).items():
                if name in self.given:
                    total[name] = total.get(name, 0) + np.asarray(value)
        return total

    def late(self, steps: int) -> Evidence:
        """Return the same with every derivative at an output so many steps later."""
        return replace(self, deltas=tuple(_late(d, steps) for d in self.deltas))


def _late(delta: Array, steps: int) -> Array:
    out = np.zeros_like(delta)
    if steps > 0:
        out[steps:] = delta[:-steps]
    else:
        out[:steps] = delta[-steps:]
    return out
