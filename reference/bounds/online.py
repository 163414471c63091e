"""Bound (b), online: a scalar recursion per layer from the norms of the one-step Jacobians seen so far.

Statement. Let e^t be the gradient of step t's loss less what the rule contributes at step t, and let x^t obey

    x_i^t = sum_j |A_ij^t|_2 x_j^(t-1) + |F_i^t|_2                 x^0 = 0

for the blocks A_ij, F_i of the system of `system` (kept and dropped sensitivities of the layers above and including
l). Then for the parameters w of layer l, at every t and without any knowledge of later steps,

    |sum_(s<=t) e^s|_F <= sum_(s<=t) sum_samples ( sum_j |e_j^s|_2 x_j^(s-1) + |e'^s F^s|_2 )

Proof. X_i^t maps dw, measured by |dw|_F, to a vector of layer states, measured by |.|_2; write |X_i^t| for its operator
norm. X_i^t = sum_j A_ij^t X_j^(t-1) + F_i^t, the operator norm is sub-multiplicative and satisfies the triangle
inequality, so |X_i^t| <= x_i^t by induction. The contraction with the credit is one more factor of the same kind: as a
linear form in dw, e^s has operator norm sum_j |e_j^s| |X_j^(s-1)| + |e'^s F^s| at most, and the norm of a linear form
with respect to |.|_F is the Frobenius norm of its gradient. The immediate derivative of W is dW -> dW x, whose operator
norm is |x|_2 exactly, since dW x ranges over the ball of radius |x| |dW|_F. Samples and steps are summed by the
triangle inequality. SnAp-n projects the sensitivity to row r of w on the units that r may reach: one system per row,
|error|_F^2 = sum_r |error_r|^2.

The statement is about the linear system with the recorded local derivatives, which are data; its own rounding is
covered: see `norms` (every block's norm is an upper bound, with gamma times the block's majorant added) and
`Online.bound` (the scalar sums). Reset detached in both rule and truth, no lateral weights: |A_ii| is the leak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from gradcert.reference.bounds.norms import outward
from gradcert.reference.bounds.record import Bound
from gradcert.reference.bounds.recorded import Recorded, own_rows, roundings, rows_of
from gradcert.reference.bounds.recursion import Recursion
from gradcert.reference.bounds.system import assemble
from gradcert.reference.engines import (
    Tape,
    arriving,
    check_rule,
    lasting,
    prepared,
    projected_signal,
    record,
    restarted,
    starting,
)
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import (
    TEMPORAL,
    Data,
    Edge,
    Link,
    Network,
    Parameters,
    Use,
    check_data,
    check_forwards,
    check_no_mixing,
)
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Feedback, Rule, check_feedback


class Online:
    """A stepwise bound: ``step(x, y)`` for each time step, ``bound()`` at any time; memory does not grow with time.

    Parameters
    ----------
    network, parameters, rule, steps, batch, feedback, data : as for `forward.Learner`.
    truth : edges of the gradient that the error is measured against.

    Raises
    ------
    GradcertError : for what no bound is known for (`check_bounded`), a loss whose credit at a step needs other steps,
        and local losses with weights.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> from gradcert.reference.networks import Layer
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2)))
    >>> online = Online(network, network.parameters(), rule=RULES["ostl"], steps=5, batch=1)
    >>> for t in range(5):
    ...     output = online.step(np.ones((1, 2)), np.ones((1, 2)))
    >>> online.bound().layer(1), online.bound().layer(0) > 0
    (0.0, True)
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        *,
        rule: Rule,
        steps: int,
        batch: int,
        feedback: Feedback | None = None,
        truth: frozenset[Edge] = TEMPORAL,
        **data: Unpack[Data],
    ) -> None:
        check_data(network, (steps, batch), **data)
        check_bounded(network, rule, data)
        if not network.loss.stepwise or (rule.feedback == "local" and data.get("weights") is not None):
            raise GradcertError(
                f"an online bound of {rule.name!r} with the loss {network.loss}, weighted",
                allowed="a loss of every step or of the last; no weights with local losses",
                do="windowed(...), which has the whole sequence",
            )
        check_rule(network, rule, truth)
        self.network, self.parameters, self.rule, self.truth = network, parameters, rule, truth
        self.feedback = check_feedback(network, rule, feedback)
        self.steps, self.batch, self.t = steps, batch, 0
        self.data = data
        self._nodes = dict(data.get("initial") or {})
        self._last: tuple[Mapping[Link | Use, Any], ...] | None = None
        self._bounds = Recursions(prepared(network, data.get("masks")), rule, window=1, steps=1)

    def step(self, x: Array, y: Array) -> Array:
        """Take one step: input (batch, n_in) and target (batch, n_out); return the output (batch, n_out)."""
        tape = self._record(x)
        loss, numbers = self.network.loss, tape.numbers
        share = loss.at_step(np.ones_like(y), self.t, self.steps, self.data.get("weights"))
        share = np.zeros_like(y) if share is None else share
        delta = loss.error(tape.outputs, y[None], numbers) * share
        signal = y[None] * share
        if self.rule.feedback == "local":
            # a loss of one step has the divisor of one step; local_credit divides by it
            signal = y[None]
        pieces = Recorded(tape, self.rule, self.feedback, self.truth, self.t, self._last)
        one_step = loss.divisor(1, *y.shape)
        self._bounds.step(pieces, delta, signal, local_share=share.flat[0] * one_step)
        tapes = [(m, layer.layer, layer.now) for m, layer in enumerate(tape.layers)]
        self._nodes = {own.full_name(m, k): now[k][0] for m, own, now in tapes for k in lasting(own)}
        self._last = tuple(layer.factors for layer in tape.layers)
        self.t += 1
        return np.asarray(tape.outputs[0])

    def _record(self, x: Array) -> Tape:
        """Record one step."""
        t, begins, masks = self.t, self.data.get("begins"), self.data.get("masks") or {}
        here: Data = {"initial": self._nodes, "masks": {name: mask[t : t + 1] for name, mask in masks.items()}}
        if begins is not None and t:
            ran = prepared(self.network, masks)
            for m, layer in enumerate(ran.layers):
                start = starting(layer, m, self.data.get("initial") or {}, np.zeros((self.batch, layer.units)))
                names = {k: layer.full_name(m, k) for k in start}
                own = {k: self._nodes[name] for k, name in names.items() if name in self._nodes}
                self._nodes |= {names[k]: v for k, v in restarted(own, start, begins[t]).items()}
        if begins is not None:
            here["begins"] = begins[t : t + 1]
        return record(self.network, self.parameters, x[None], **here)

    def bound(self) -> Bound:
        """Return the bound on the error of the gradient accumulated so far."""
        return self._bounds.bound()


def check_bounded(network: Network, rule: Rule, data: Data) -> None:
    """Raise for what no bound here is about: mixed sums, time that runs backwards, losses of layers, initial values."""
    check_no_mixing(network, f"a bound on the error of {rule.name!r}")
    check_forwards(network, f"a bound on the error of {rule.name!r}")
    if network.loss.activity or data.get("readouts") or data.get("initial_gradient"):
        raise GradcertError(
            f"a bound on the error of {rule.name!r} with terms about activity, auxiliary losses, or on gradients of "
            "initial values",
            allowed="the error of the parameters' gradients, by a loss of the outputs alone",
            do="componentwise(...), for terms about activity and auxiliary losses",
        )


class Recursions:
    """The recursions of all layers, and of all rows of all parameters for a rule with a reach.

    `allowance` multiplies what is added to every norm for the rounding of its matrix (1 is what the derivation asks).
    """

    def __init__(self, network: Network, rule: Rule, *, window: int, steps: int, allowance: int = 1) -> None:
        self.network, self.rule, self.taken = network, rule, 0
        count = allowance * roundings(network, max(window, steps) if window > 1 else 1)
        self._all: dict[tuple[int, str | None], Recursion] = {}
        for m, layer in enumerate(network.layers):
            names = tuple(layer.shapes())
            for name in names if rule.reach is not None else (None,):
                inner = names if name is None else (name,)
                self._all[m, name] = Recursion(inner, window=window, roundings=count)

    def step(self, pieces: Recorded, delta: Array, signal: Array, *, local_share: float = 1.0) -> None:
        """Take all steps of a recorded tape."""
        steps = delta.shape[0]
        for (m, name), recursion in self._all.items():
            mine = pieces if name is None else pieces.for_parameter(m, name)
            has = mine.signal(m, signal)
            if has is not None and self.rule.feedback == "local":
                has = has * local_share
            system = assemble(self.network, m, self.rule, mine, mine.credit(delta), has)
            injections = mine.injections(m)
            for s in range(steps):
                recursion.step(system, injections, s)
        self.taken += steps

    def bound(self) -> Bound:
        """Return the bound accumulated so far.

        Rounding: a step adds at most 2 (components + ports + 4) terms to any number of the recursion, each a product;
        samples and rows are summed at the end.
        """
        out: dict[str, float] = {}
        for (m, name), recursion in self._all.items():
            layer = self.network.layers[m]
            terms = 2 * (4 * (self.network.depth + 1) * ((self.rule.window or 1) + 1) + 4 * len(layer.cell.uses) + 4)
            for tensor, value in recursion.error.items():
                lanes = 1 if name is None else rows_of(layer, name)
                rows = np.broadcast_to(value, (max(value.size, lanes),)).reshape(lanes, -1).sum(axis=1)
                total = rows[0] if lanes == 1 else self._over_rows(m, tensor, rows)
                out[layer.full_name(m, tensor)] = float(outward(total, terms * (self.taken + 1) + value.size + lanes))
        return Bound(out)

    def _over_rows(self, m: int, tensor: str, rows: Array) -> Any:
        if not own_rows(self.network.layers[m], tensor):
            return rows.sum()  # shared: errors of different rows fall on the same entry
        return np.sqrt((rows * rows).sum())


def tape_bound(
    tape: Tape,
    targets: Array,
    *,
    rule: Rule,
    feedback: Feedback,
    truth: frozenset[Edge] = TEMPORAL,
    window: int,
    allowance: int = 1,
) -> Bound:
    """Return the bound of a recorded forward pass with windows of the given length; `allowance` as in `Recursions`."""
    delta = arriving(tape, targets)[tape.network.depth - 1]
    share = projected_signal(tape, targets) if rule.feedback == "target" else np.asarray(targets, dtype=float)
    steps = delta.shape[0]
    shorter = rule if rule.window is None else replace(rule, window=min(rule.window, steps))
    bounds = Recursions(tape.network, shorter, window=min(window, steps), steps=steps, allowance=allowance)
    bounds.step(Recorded(tape, shorter, feedback, truth), delta, share)
    return bounds.bound()
