"""The schedule of FPTT around any optimiser: an update after each part, with or without its regulariser.

The equations are those of `gradcert.reference.procedures` (mathematics.md 8). Here the average and the multiplier live
across sequences, as in the published script (byin-cwi/sFPTT), and its two slips on the adding task are options: the
loop over parts ends one early, so that the last part is never trained on; and a part's weight is ``p + 1/P``, not
``(p+1)/P``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from gradcert.reference.engines import record, tape_gradients
from gradcert.reference.networks import Network
from gradcert.reference.numbers import FLOAT32, Array, Numbers
from gradcert.reference.procedures import FpttState, code_step, last_state, paper_step, parts_of
from gradcert.reference.rules import RULES

Vector = Mapping[str, Array]
Optimiser = Callable[[Vector, Vector], dict[str, Array]]


@dataclass(frozen=True)
class Schedule:
    """How a sequence is cut and what pulls the weights.

    Attributes
    ----------
    parts : P.
    form : ``code`` or ``paper``: the regulariser; ``none``: the same schedule without one.
    alpha, beta : of the regulariser.
    early : whether the loop ends one part early, as in the published script.
    steep : whether a part weighs p + 1/P, as in the published script.
    """

    parts: int = 10
    form: str = "code"
    alpha: float = 0.5
    beta: float = 0.5
    early: bool = False
    steep: bool = False

    def weight(self, part: int) -> float:
        """Return what the loss of a part, counted from 0, is multiplied by.

        Examples
        --------
        >>> Schedule().weight(9), Schedule(steep=True).weight(9)
        (1.0, 9.1)
        """
        return part + 1 / self.parts if self.steep else (part + 1) / self.parts


Part = tuple[Array, Array, float]  # inputs, targets, and the weight of their loss


def cut(inputs: Array, targets: Array, schedule: Schedule) -> Iterator[Part]:
    """Yield the parts of a sequence that are trained on.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.zeros((10, 1, 1))
    >>> [(len(part), weight) for part, _, weight in cut(x, x, Schedule(parts=2))]
    [(5, 0.5), (5, 1.0)]
    """
    spans = parts_of(len(inputs), schedule.parts)
    for part, span in enumerate(spans[:-1] if schedule.early else spans):
        yield inputs[span], targets[span], schedule.weight(part)


def trained_on_parts(
    state: FpttState,
    network: Network,
    parts: Iterable[Part],
    *,
    schedule: Schedule,
    optimiser: Optimiser,
    numbers: Numbers = FLOAT32,
) -> FpttState:
    """Return weights, average and pull after one sequence, an update after each part; membranes go on.

    Parameters
    ----------
    state : what the sequence before left; `gradcert.reference.procedures.start` makes the first.
    parts : of the sequence, one at a time (`cut`).
    optimiser : ``optimiser(weights, gradients)`` returns new weights.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.papers.training.optimisers import Sgd
    >>> from gradcert.reference import FLOAT64, Layer, Rnn
    >>> from gradcert.reference.procedures import start
    >>> network = Network(layers=(Layer(Rnn(), inputs=1, units=2),))
    >>> p, x, y, two = network.parameters(), np.ones((4, 1, 1)), np.ones((4, 1, 2)), Schedule(parts=2)
    >>> after = trained_on_parts(start(p), network, cut(x, y, two), schedule=two, optimiser=Sgd(0.1), numbers=FLOAT64)
    >>> sorted(after.weights) == sorted(p)
    True
    """
    initial: Vector = {}
    for x, y, weight in parts:
        slope = _Slope(network, x, y, numbers.array(weight)[()], initial, numbers)
        if schedule.form == "none":
            state = replace(state, weights=optimiser(state.weights, slope(state.weights)))
        else:
            alpha, beta = (numbers.array(v)[()] for v in (schedule.alpha, schedule.beta))

            def solver(w: dict[str, Array], objective: Callable[[dict[str, Array]], Vector]) -> dict[str, Array]:
                return optimiser(w, objective(w))

            if schedule.form == "paper":
                state = paper_step(state, slope, alpha=alpha, solver=solver)
            else:
                state = code_step(state, slope, alpha=alpha, beta=beta, solver=solver)
        initial = slope.left
    return state


class _Slope:
    """The gradient of a part's loss; `left` is the state that its first forward pass, with the old weights, ends in."""

    def __init__(self, network: Network, x: Array, y: Array, weight: Array, initial: Vector, numbers: Numbers) -> None:
        self.network, self.x, self.y, self.weight, self.initial, self.numbers = network, x, y, weight, initial, numbers
        self.left: Vector = {}

    def __call__(self, weights: Vector) -> dict[str, Array]:
        tape = record(self.network, weights, self.x, numbers=self.numbers, initial=self.initial)
        self.left = self.left or last_state(tape)
        found = tape_gradients(tape, self.y, rule=RULES["bptt"], feedback={})
        return {name: self.weight * g for name, g in found.items()}
