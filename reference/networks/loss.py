"""Losses: of what, in what form, reduced how, and what they say of activity. A scale is part of the definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.reference.checks import check_number
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.losses import COLLECTED, FORMS, Activity, Form, Local, is_formula, own
from gradcert.reference.networks.losses.form import surprise
from gradcert.reference.numbers import Array, Numbers

KINDS = ("squared_error", "cross_entropy")  # of the short form: those that a claim is about where it names none
WHEN = ("every", "last", *COLLECTED)
PLAIN = {"kind": KINDS, "when": ("every", "last"), "time": ("sum", "mean")}


@dataclass(frozen=True)
class Loss:
    """E = reduction over (time, batch, outputs) of the loss of outputs against targets, and terms about activity.

    Parameters
    ----------
    kind : in what form: ``squared_error``, ``cross_entropy``, ``bernoulli``
        (`gradcert.reference.networks.losses.form`); a formula of o and y in braces, with its numbers, such as
        ``{exp(o) - c y o; c=2}`` (`gradcert.reference.networks.losses.formula`). A `Form` is code of your own, with its
        derivative; it has no JSON form.
    when : of what. ``every`` step, the ``last`` step alone, or one number for the whole sequence, compared with the
        last target: the ``sum``, ``mean`` or ``max`` over time, or the step of the ``first`` crossing of `level`
        (`gradcert.reference.networks.losses.collect`).
    time, batch, outputs : ``sum`` or ``mean`` over the steps that count (of each sample), the samples, the outputs.
        With ``time="pooled"`` the mean is over the steps of all samples that count, together.
    node : the node of the last layer that is the output: ``z``, or the membrane potential ``v``, a cell state ``c``.
    level : what ``when="first"`` waits for.
    activity : terms about what leaves the layers (`Activity`).
    local : losses of hidden layers' own (`Local`): what rules with local feedback have there where it is not the
        output's loss, and auxiliary losses under any other rule.

    Examples
    --------
    >>> from gradcert.reference.numbers import FLOAT64
    >>> o, y = np.ones((2, 1, 3)), np.zeros((2, 1, 3))
    >>> Loss().value(o, y, FLOAT64), Loss(time="mean").value(o, y, FLOAT64)
    (np.float64(3.0), np.float64(1.5))
    >>> Loss(when="sum").value(o, y, FLOAT64), Loss(when="sum", outputs="mean").value(o, y, FLOAT64)
    (np.float64(6.0), np.float64(2.0))
    """

    kind: str | Form = "squared_error"
    when: str = "every"
    time: str = "sum"
    batch: str = "sum"
    outputs: str = "sum"
    node: str = "z"
    level: Any = 0.0
    activity: tuple[Activity, ...] = ()
    local: tuple[Local, ...] = ()

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("kind", self.kind, tuple(FORMS)),
            ("when", self.when, WHEN),
            ("time", self.time, ("sum", "mean", "pooled")),
            ("batch", self.batch, ("sum", "mean")),
            ("outputs", self.outputs, ("sum", "mean")),
        ):
            if name == "kind" and (isinstance(value, Form) or is_formula(value)):
                continue
            if value not in allowed:
                more = ", or a formula of o and y in braces" if name == "kind" else ""
                raise GradcertError(f"loss {name}={value!r}", allowed=" or ".join(allowed) + more)
        _ = self.form  # which refuses what is no formula
        if self.time == "pooled" and self.batch == "mean":
            raise GradcertError("a mean over all steps of all samples, and over the samples again", do="batch='sum'")
        check_number("level", self.level)
        for term in self.activity:
            if not isinstance(term, Activity):
                raise GradcertError(f"activity of a {type(term).__name__}", allowed="a tuple of Activity")
        for one in self.local:
            if not isinstance(one, Local):
                raise GradcertError(f"local losses of a {type(one).__name__}", allowed="a tuple of Local")

    @property
    def form(self) -> Form:
        """What compares outputs with targets."""
        if isinstance(self.kind, Form):
            return self.kind
        return own(self.kind) if is_formula(self.kind) else FORMS[self.kind]

    @property
    def stepwise(self) -> bool:
        """Whether the credit of a step needs no other step: only then can a rule be online."""
        return self.when in ("every", "last") and all(term.stepwise for term in self.activity)

    @property
    def averages(self) -> bool:
        """Whether something of it is divided by the weights of each sample, which must not all be 0 then."""
        own = (self.time == "mean" and self.when == "every") or self.when in ("mean", "max", "first")
        return own or any(term.averages for term in self.activity)

    @property
    def plain(self) -> bool:
        """Whether it is the short form: kind, when, time and batch alone."""
        short = all(getattr(self, name) in allowed for name, allowed in PLAIN.items())
        return short and (self.outputs, self.node, self.activity, self.local) == ("sum", "z", (), ())

    def of_layer(self, layer: int) -> tuple[Loss, Any]:
        """Return the loss of a hidden layer's own, and its strength: the output's, with strength 1, where it has none.

        Examples
        --------
        >>> own = Loss(when="last", local=(Local(kind="cross_entropy", strength=0.5, layers=(1,)),))
        >>> [(loss.kind, loss.when, strength) for loss, strength in map(own.of_layer, (0, 1))]
        [('squared_error', 'last', 1), ('cross_entropy', 'last', 0.5)]
        """
        mine = [one for one in self.local if one.about(layer)]
        return (replace(self, kind=mine[-1].kind), mine[-1].strength) if mine else (self, 1)

    def divisor(self, steps: int, batch: int, outputs: int = 1) -> int:
        """Return the number that the sum over time, batch and outputs is divided by."""
        counted = steps if self.when == "every" else 1
        whole = batch if self.batch == "mean" or (self.time == "pooled" and self.when != "every") else 1
        over = {"sum": 1, "mean": counted, "pooled": counted * batch if self.when == "every" else 1}[self.time]
        return over * whole * (outputs if self.outputs == "mean" else 1)

    def error(self, outputs: Array, targets: Array, numbers: Numbers) -> Array:
        """Return d(loss of one step and sample)/d(output), before reduction; any leading axes."""
        return self.form.derivative(outputs, targets, numbers)

    def terms(self, outputs: Array, targets: Array, numbers: Numbers) -> Array:
        """Return the loss of one step and sample, before reduction; any leading axes."""
        return self.form.terms(outputs, targets, numbers)

    def gradient(self, outputs: Array, targets: Array, numbers: Numbers, weights: Array | None = None) -> Array:
        """Return dE/do^t for all steps, (time, batch, feature): the source of every learning signal."""
        if self.when in COLLECTED:
            seen = COLLECTED[self.when](outputs, weights, self.level, numbers)
            return self._spread(self.error(seen.value, targets[-1], numbers) / seen.divisor, seen.share)
        return self.reduced(self.error(outputs, targets, numbers), numbers, weights)

    def gradient_majorant(
        self, outputs: Array, targets: Array, numbers: Numbers, weights: Array | None = None
    ) -> Array:
        """Return the same with absolute values: what the rounding error of `gradient` is relative to."""
        if self.when in COLLECTED:
            seen = COLLECTED[self.when](outputs, weights, self.level, numbers)
            size = self.form.magnitude(seen.value, targets[-1], numbers) + seen.size
            return self._spread(size / seen.divisor, abs(seen.share))
        return self.reduced(self.form.magnitude(outputs, targets, numbers), numbers, weights)

    def signal(self, targets: Array, outputs: Array, numbers: Numbers, weights: Array | None = None) -> Array:
        """Return the targets as a target projection sees them: scaled as the loss, silent where the loss is."""
        if self.when in COLLECTED:
            seen = COLLECTED[self.when](outputs, weights, self.level, numbers)
            return self._spread(targets[-1] / seen.divisor, seen.share)
        return self.reduced(targets, numbers, weights)

    def reduced(self, values: Array, numbers: Numbers, weights: Array | None = None) -> Array:
        """Apply reduction and weights to what every step has, (time, batch, feature)."""
        if weights is None:
            return self.gradient_of(values, numbers)
        delta = values * weights[..., None] / self._weight(weights, values.shape[-1])
        return self._last_alone(delta, numbers) if self.when == "last" else delta

    def at_step(self, values: Array, t: int, steps: int, weights: Array | None = None) -> Array | None:
        """Return `reduced` at one step, values being (batch, feature); None where the loss is silent."""
        if self.when == "last" and t != steps - 1:
            return None
        if weights is not None:
            return values * weights[t][:, None] / self._weight(weights, values.shape[-1])
        divisor = self.divisor(steps, *values.shape)
        return values if divisor == 1 else values / divisor

    def _weight(self, weights: Array, outputs: int) -> Any:
        """Return what a weighted step is divided by: a number, or one per sample, (batch, 1)."""
        rest = (weights.shape[1] if self.batch == "mean" else 1) * (outputs if self.outputs == "mean" else 1)
        counted = weights if self.when == "every" else weights[-1:]
        if self.time == "pooled":
            return counted.sum() * rest
        return counted.sum(axis=0)[:, None] * rest if self.time == "mean" and self.when == "every" else rest

    def gradient_of(self, error: Array, numbers: Numbers) -> Array:
        """Apply the reduction to the errors of all steps and samples, (time, batch, feature)."""
        divisor = self.divisor(*error.shape)
        delta = error if divisor == 1 else error / divisor
        return self._last_alone(delta, numbers) if self.when == "last" else delta

    def _last_alone(self, delta: Array, numbers: Numbers) -> Array:
        return np.concatenate([numbers.zeros((len(delta) - 1, *delta.shape[1:])), delta[-1:]])

    def _spread(self, values: Array, share: Array) -> Array:
        """Return what one number per output and sample, (batch, feature), is to every step."""
        divisor = self.divisor(1, *values.shape)
        return share * (values if divisor == 1 else values / divisor)

    def value(self, outputs: Array, targets: Array, numbers: Numbers) -> Any:
        """Return E without weights and activity (`gradcert.reference.engines.objective` has both)."""
        if self.when in COLLECTED:
            seen = COLLECTED[self.when](outputs, None, self.level, numbers).value
            return self.terms(seen, targets[-1], numbers).sum() / self.divisor(1, *seen.shape)
        if self.when == "last":
            outputs, targets = outputs[-1:], targets[-1:]
        if self.kind == "squared_error":
            difference = outputs - targets
            total = (difference * difference).sum() / 2
        elif self.kind == "cross_entropy":
            total = surprise(outputs, targets, numbers).sum()
        else:
            total = self.form.terms(outputs, targets, numbers).sum()
        return total / self.divisor(*outputs.shape)

    def weighted(self, outputs: Array, targets: Array, numbers: Numbers, weights: Array) -> Any:
        """Return E with weights (time, batch)."""
        if self.when in COLLECTED:
            seen = COLLECTED[self.when](outputs, weights, self.level, numbers).value
            return self.terms(seen, targets[-1], numbers).sum() / self.divisor(1, *seen.shape)
        terms = self.terms(outputs, targets, numbers)[..., None]
        return self.reduced(terms, numbers, weights).sum() / (outputs.shape[-1] if self.outputs == "mean" else 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, what is as usual left out but for the first four.

        Raises
        ------
        GradcertError : for a form of somebody's own, which is code.
        """
        if isinstance(self.kind, Form):
            raise GradcertError(
                f"the JSON form of the loss {self.kind.name!r}, which is code", allowed=", ".join(FORMS)
            )
        out: dict[str, Any] = {"kind": self.kind, "when": self.when, "time": self.time, "batch": self.batch}
        out |= {k: getattr(self, k) for k in ("outputs", "node") if getattr(self, k) != getattr(Loss, k)}
        out |= {"level": self.level} if self.when == "first" else {}
        out |= {"activity": [term.to_dict() for term in self.activity]} if self.activity else {}
        return {**out, "local": [one.to_dict() for one in self.local]} if self.local else out


def loss_from(spec: Mapping[str, Any]) -> Loss:
    """Read a loss from its JSON form.

    Examples
    --------
    >>> loss = Loss(when="max", activity=(Activity(kind="l1", strength=0.5, layers=(0,)),))
    >>> loss_from(loss.to_dict()) == loss
    True
    """
    terms = tuple(Activity(**{**term, "layers": tuple(term.get("layers", ()))}) for term in spec.get("activity", ()))
    own = tuple(Local(**{**one, "layers": tuple(one.get("layers", ()))}) for one in spec.get("local", ()))
    return Loss(**{**spec, "activity": terms, "local": own})


def check_plain(loss: Loss, who: str) -> None:
    """Raise unless a loss is the short form, which is all that some programs know.

    Examples
    --------
    >>> check_plain(Loss(when="max"), "this rule")
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: this rule with the loss ...
    """
    if not loss.plain:
        kinds, when = (" or ".join(PLAIN[k]) for k in ("kind", "when"))
        allowed = f"{kinds}, of {when} step, summed over outputs z and without terms about activity"
        raise GradcertError(f"{who} with the loss {loss}", allowed=allowed)
