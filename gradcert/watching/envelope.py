"""What rounding explains, at the size and in the dtype of the training: a measured envelope, which says so.

The reference engine itself runs in the module's dtype, as other programs might: every node and derivative moved by
what libraries may be off, sums over time in another order (`gradcert.certify.problems.Shaken`), the derivatives at the
outputs moved by a rounding of what they are made of. The spikes are the module's own, so that none flips. The
allowance of a parameter is lambda s times the root mean square, over the evaluations, of the largest deviation of
an entry, as in the scale cases of `certify` (`certify/problems/budget/envelope.py`, where lambda and s are
derived), and the rounding of a sum of T B terms. It is weaker evidence than an enclosure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.certify.problems import ORDERS, PRECISIONS, Shaken, Sized, shaken
from gradcert.models.reading.passes import AS_CODED, Run, row_of
from gradcert.reference.engines import record, tape_gradients
from gradcert.reference.numbers import Activation, Array
from gradcert.reference.rules import Rule, check_feedback
from gradcert.watching.evidence import Evidence, Gradients

EVALUATIONS = 4
LAMBDA = 7.5  # of `certify/problems/budget/envelope.py`


@dataclass(frozen=True)
class Given(Shaken):
    """Moved floats whose steps are given."""

    spikes: Any = None

    def apply(self, activation: Activation, x: Any) -> Any:
        """Return activation(x); of a step the given spikes."""
        if activation.step is None or self.spikes is None:
            return super().apply(activation, x)
        found = np.asarray(next(self.spikes), dtype=self.dtype)
        return Sized(found, abs(found)) if isinstance(x, Sized) else found


def allowance(evidence: Evidence, rule: Rule | str, centre: Gradients, dtype: str, seed: int = 0) -> dict[str, float]:
    """Return, by parameter, how far right gradients may be from the reference's."""
    rng = np.random.default_rng([seed, 0x3A7C])
    worst: dict[str, list[float]] = {name: [] for name in centre}
    for number in range(EVALUATIONS):
        order = ORDERS[number % len(ORDERS)]

        def moved(done: Run, delta: Array, order: str = order) -> Any:
            return _moved(done, delta, rule, evidence, dtype, rng, order)

        found = evidence.gradients(rule, moved)
        for name, value in found.items():
            worst[name].append(float(np.abs(value - centre[name]).max(initial=0.0)))
    terms = sum(d.shape[0] * d.shape[1] for d in evidence.deltas) * PRECISIONS[dtype].unit
    out = {}
    for name, value in centre.items():
        size = float(np.abs(value).max(initial=0.0))
        measured = math.hypot(*worst[name]) / math.sqrt(len(worst[name]))
        out[name] = LAMBDA * PRECISIONS[dtype].slack * measured + terms / (1 - terms) * size
    return out


def _moved(
    done: Run, delta: Array, rule: Rule | str, evidence: Evidence, dtype: str, rng: np.random.Generator, order: str
) -> dict[str, Array]:
    """Return the gradient of one run as another program in that dtype may compute it."""
    network = done.written.as_cut if rule == AS_CODED else done.written.full
    row = row_of(rule)
    numbers = Given(dtype, rng=rng, spikes=done.spikes())
    other, _ = shaken(network, numbers, order)
    arrays = {k: v.astype(dtype) for k, v in done.written.arrays(done.parameters).items() if k in network.shapes()}
    initial = {k: v.astype(dtype) for k, v in done.initial.items()}
    masks = {k: v.astype(dtype) for k, v in done.masks.items()}
    tape = record(other, arrays, done.inputs.astype(dtype), numbers=numbers, initial=initial, masks=masks)
    unit = PRECISIONS[dtype].unit
    off = rng.uniform(-2, 2, delta.shape) * unit * np.maximum(np.abs(delta), np.abs(delta).max(initial=0.0) * 2.0**-4)
    feedback = {k: v.astype(dtype) for k, v in check_feedback(done.written.full, row, evidence.feedback).items()}
    return tape_gradients(
        tape, np.zeros_like(delta, dtype=dtype), rule=row, feedback=feedback, delta=(delta + off).astype(dtype)
    )
