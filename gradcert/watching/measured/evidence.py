"""What is known of a step of training: runs of the reference engine around the module's spikes, and what came back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcert.models.reading.network.passes import AS_CODED, Run, row_of
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule
from gradcert.watching.measured.beside import Beside, of_rule

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
    beside : of every sequence, what came back to other results, by layer and node
        (`gradcert.watching.measured.beside`).
    unsaid : as `beside`, where a loss was said, of which it is no part.
    parameters : of the module, where they are known.
    detached : of every sequence, the steps before which the loop was seen to cut the state off from those before.
    shares : of every sequence, step before which a state was detached in part -> what credit is multiplied by.
    backward : where the module's own backward first gives what is no number, in words, if that was asked.
    hooked, parts : the parameters, and the parts of the module, on which there are hooks that see gradients.
    places : where the module's own code keeps or cuts an edge (`gradcert.watching.causes.places`).
    cuts : parameter -> where the module's own code cuts it on a path, in file and line.
    elsewhere : the module's own operations that credit came to without passing its results.
    emptied : of every backward pass that was seen, whether ``.grad`` held nothing as it began.
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
    beside: tuple[Beside, ...] = ()
    unsaid: tuple[Beside, ...] = ()
    parameters: Mapping[str, Array] = field(default_factory=dict)
    detached: tuple[tuple[int, ...], ...] = ()
    backward: str = ""
    hooked: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    cuts: Mapping[str, str] = field(default_factory=dict)
    shares: tuple[Mapping[int, float], ...] = ()
    elsewhere: tuple[str, ...] = ()
    emptied: tuple[bool, ...] = ()

    def gradients(
        self,
        rule: Rule | str,
        change: Callable[[Run, Array], Any] | None = None,
        *,
        whole: bool = False,
        coded: bool | None = None,
    ) -> Gradients:
        """Return the gradient of a rule, summed over the sequences.

        Parameters
        ----------
        change : (run, delta) -> gradients of another computation by network parameter, in place of the rule's.
        whole : whether that has the credit beside the output in it; else the rule's own is added.
        coded : whether parameters are cut where the module's own code cuts them; by default for ``as-coded`` alone.
        """
        total: Gradients = {}
        coded = rule == AS_CODED if coded is None else coded
        for done, delta, beside in self.sequences():
            if change is None:
                arrays = self._of_rule(rule, done, delta, beside)
            else:
                arrays = change(done, delta)
                if beside and not whole:
                    own = self._of_rule(rule, done, np.zeros_like(delta), beside)
                    arrays = {name: value + own[name] for name, value in arrays.items()}
            for name, value in done.written.pulled(arrays, done.parameters, coded=coded).items():
                if name in self.given:
                    total[name] = total.get(name, 0) + np.asarray(value)
        return total

    def _of_rule(self, rule: Rule | str, done: Run, delta: Array, beside: Beside) -> Any:
        if beside and row_of(rule).feedback not in ("target", "local"):
            return of_rule(done, rule, delta, self.feedback, beside)
        return done.arrays(rule, delta, self.feedback)

    def sequences(self) -> Iterator[tuple[Run, Array, Beside]]:
        """Yield every sequence: its run, and the credit at its output and beside it."""
        yield from zip(self.runs, self.deltas, self.beside or ({},) * len(self.runs), strict=True)

    def alone(self, numbers: Sequence[int]) -> Evidence:
        """Return the same of some of the sequences."""
        runs, deltas = tuple(self.runs[k] for k in numbers), tuple(self.deltas[k] for k in numbers)
        return replace(self, runs=runs, deltas=deltas, beside=tuple(self.beside[k] for k in numbers if self.beside))

    def beside_of(self, done: Run) -> Beside:
        """Return the credit beside the output of a run."""
        return next((beside for run, _, beside in self.sequences() if run is done), {})

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
