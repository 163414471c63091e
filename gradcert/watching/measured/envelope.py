"""What rounding explains, at the size and in the dtype of the training: a measured envelope, which says so.

The reference engine itself runs in the module's dtype, as other programs might: every node and derivative moved by
what libraries may be off, sums over time in another order (`gradcert.certify.problems.Shaken`), the derivatives at the
outputs moved by a rounding of what they are made of. The spikes are the module's own, so that none flips. The
allowance of a parameter is lambda s times the root mean square, over the evaluations, of the largest deviation of
an entry, as in the scale cases of `certify` (`certify/problems/budget/envelope.py`, where lambda and s are
derived), and the rounding of a sum of T B terms. It is weaker evidence than an enclosure. Where the rounding of the sum
alone explains a difference, nothing is measured: a right gradient in float64 mostly is so near.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.certify.problems import ORDERS, PRECISIONS, Shaken, Sized, shaken
from gradcert.models.reading.network.passes import AS_CODED, Run, in_order, row_of
from gradcert.reference.engines import Tape, record
from gradcert.reference.networks import Network
from gradcert.reference.numbers import Activation, Array
from gradcert.reference.rules import Rule, check_feedback
from gradcert.watching.measured.beside import Beside, pulled_back
from gradcert.watching.measured.evidence import Evidence, Gradients

EVALUATIONS = 4
MOST = 2**24  # numbers of a recorded pass; a larger one is computed in parts of the batch, and anew for every gradient
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
    others: list[Gradients] = [{} for _ in range(EVALUATIONS)]
    for done, delta, beside in evidence.sequences():
        for total, arrays in zip(others, _moved(done, delta, beside, rule, evidence, dtype, rng), strict=True):
            for name, value in done.written.pulled(arrays, done.parameters, coded=rule == AS_CODED).items():
                total[name] = total.get(name, 0) + np.asarray(value)
    summed, out = of_sum(evidence, dtype), {}
    for name, value in centre.items():
        size = float(np.abs(value).max(initial=0.0))
        worst = [float(np.abs(other[name] - value).max(initial=0.0)) for other in others]
        measured = math.hypot(*worst) / math.sqrt(len(worst))
        out[name] = LAMBDA * PRECISIONS[dtype].slack * measured + summed * size
    return out


def of_sum(evidence: Evidence, dtype: str) -> float:
    """Return what a sum over all steps and samples may be off by, as a share of the largest term that it comes to."""
    terms = sum(d.shape[0] * d.shape[1] for d in evidence.deltas) * PRECISIONS[dtype].unit
    return terms / (1 - terms)


def _moved(
    done: Run, delta: Array, beside: Beside, rule: Rule | str, evidence: Evidence, dtype: str, rng: np.random.Generator
) -> Iterator[dict[str, Array]]:
    """Yield the gradient of one run as other programs in that dtype may compute it, one for every evaluation.

    Samples do not know of each other, so that evaluations are recorded side by side, as one batch, where that is small.
    """
    network = done.written.as_cut if rule == AS_CODED else done.written.full
    row, batch, unit = row_of(rule), delta.shape[1], PRECISIONS[dtype].unit
    feedback = {k: v.astype(dtype) for k, v in check_feedback(done.written.full, row, evidence.feedback).items()}
    together = max(1, min(EVALUATIONS, MOST // max(done.size, 1)))
    for number in range(EVALUATIONS):
        place = number % together
        if place == 0:
            tape = _recorded(done, network, dtype, rng, min(together, EVALUATIONS - number))
        one = _alone(tape, slice(place * batch, (place + 1) * batch), ORDERS[number % len(ORDERS)])
        moved = _off(delta, unit, rng).astype(dtype)
        others = {where: _off(credit, unit, rng).astype(dtype) for where, credit in beside.items()}
        yield pulled_back(one, row, feedback, moved, others)


def _off(credit: Array, unit: float, rng: np.random.Generator) -> Array:
    """Return credit moved by a rounding of what it is made of."""
    size = np.abs(credit)
    return credit + rng.uniform(-2, 2, credit.shape) * unit * np.maximum(size, size.max(initial=0.0) * 2.0**-4)


def _recorded(done: Run, network: Network, dtype: str, rng: np.random.Generator, count: int) -> Tape:
    """Return the pass of so many evaluations, one behind the other in the batch."""

    def beside(values: Array, axis: int) -> Array:
        return np.concatenate([values.astype(dtype)] * count, axis=axis)

    spikes = None
    if done.columns is not None:
        spikes = in_order(tuple(tuple(beside(c, 1) for c in layer) for layer in done.columns), len(done.inputs))
    numbers = Given(dtype, rng=rng, spikes=spikes)
    arrays = {k: v.astype(dtype) for k, v in done.written.arrays(done.parameters).items() if k in network.shapes()}
    initial = {k: beside(v, 0) if v.ndim > 1 else v.astype(dtype) for k, v in done.initial.items()}
    masks = {k: beside(v, 1) for k, v in done.masks.items()}
    other, _ = shaken(network, numbers, ORDERS[0])
    return record(other, arrays, beside(done.inputs, 1), numbers=numbers, initial=initial, masks=masks)


def _alone(tape: Tape, part: slice, order: str) -> Tape:
    """Return the pass of some samples, whose gradients are summed over time in an order."""
    layers = []
    for of in tape.layers:
        ordered: Any = of.layer.synapses  # of `shaken`
        synapses = tuple((name, replace(s, order=order)) for name, s in ordered)
        layer = replace(of.layer, synapses=synapses)
        x, before, after = of.x[:, part], _parted(of.prev, part), _parted(of.now, part)
        if isinstance(of.factors, dict):
            factors: Any = _parted(of.factors, part)
        else:  # computed block by block, when they are asked for
            lazily: Any = type(of.factors)
            factors = lazily(layer, of.p, before, after, tape.numbers)
        layers.append(replace(of, layer=layer, x=x, prev=before, now=after, factors=factors))
    return replace(tape, network=replace(tape.network, layers=tuple(t.layer for t in layers)), layers=tuple(layers))


def _parted(values: Mapping[Any, Any], part: slice) -> dict[Any, Any]:
    return {k: v[:, part] if np.ndim(v) > 2 else v for k, v in values.items()}
