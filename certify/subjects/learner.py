"""Stepwise learners: what they are given to begin with, and how one is told from a callable.

A learner is an object, or a class that makes one, with three methods::

    start(start)             a new sequence: network, parameters, feedback, number of samples, initial values where the
                             claim names them; no inputs, no targets
    step(input, target)      the next step, (batch, n_in) and (batch, n_out); the target is None where the loss does not
                             count (a loss on the last step alone). May return the output of the step, (batch, n_out).
                             What else the claim names comes by keyword: ``weights`` and ``begins``, (batch,), and
                             ``masks``, name -> (batch, units)
    gradients()              of the steps so far: a mapping, or (loss, mapping). May be called at any time

A loss that is a mean over time is the mean over the steps so far: nobody knows how many are to come. What `gradients`
returns may be the learner's own arrays: they are read at once. `start` may return another object, which is then the
learner of this sequence.

This is the only form in which "online" can be checked: later steps are in another process until they are handed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Network, Problem, from_dict
from gradcert.reference.numbers import FORMATS, Array

METHODS = ("start", "step", "gradients")


@dataclass(frozen=True, eq=False)
class Start:
    """What a sequence begins with.

    Attributes
    ----------
    id, network, parameters, feedback, seed, initial, initial_gradient, readouts : as in `Problem`.
    batch : number of samples.
    dtype : of all arrays; numbers of bfloat16 are in float32.

    Examples
    --------
    >>> from gradcert.reference import Layer, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> start = Start("p", network, network.parameters(), batch=1, dtype="float64")
    >>> from_json(json.dumps(start.to_dict())).network == network
    True
    >>> start.inputs
    Traceback (most recent call last):
    AttributeError: a learner is given no inputs to begin with: they come one step at a time
    """

    id: str
    network: Network
    parameters: Mapping[str, Array]
    batch: int
    dtype: str
    feedback: Mapping[str, Array] = field(default_factory=dict)
    seed: int | None = None
    initial: Mapping[str, Array] = field(default_factory=dict)
    initial_gradient: bool = False
    readouts: Mapping[str, Array] = field(default_factory=dict)

    @property
    def inputs(self) -> NoReturn:
        """Not there."""
        raise AttributeError("a learner is given no inputs to begin with: they come one step at a time")

    @property
    def targets(self) -> NoReturn:
        """Not there."""
        raise AttributeError("a learner is given no targets to begin with: they come one step at a time")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        out = {
            "id": self.id,
            "dtype": self.dtype,
            "batch": self.batch,
            "network": self.network.to_dict(),
            "parameters": {name: value.tolist() for name, value in self.parameters.items()},
            "feedback": {name: value.tolist() for name, value in self.feedback.items()},
        }
        if self.initial:
            out["initial"] = {name: value.tolist() for name, value in self.initial.items()}
            out["initial_gradient"] = self.initial_gradient
        if self.readouts:
            out["readouts"] = {name: value.tolist() for name, value in self.readouts.items()}
        return out if self.seed is None else {**out, "seed": self.seed}


def start_of(problem: Problem) -> Start:
    """Return what a learner is given of a problem to begin with.

    Raises
    ------
    GradcertError : for a loss that is known when the sequence is over.
    """
    p = problem
    if not p.network.loss.stepwise:
        raise GradcertError(
            f"a stepwise learner with the loss {p.network.loss}",
            allowed="a loss of every step or of the last, no rates",
        )
    first = (p.id, p.network, p.parameters, p.inputs.shape[1], p.dtype, p.feedback, p.seed)
    return Start(*first, p.initial, p.initial_gradient, p.readouts)


def step_data(problem: Problem, t: int) -> dict[str, Any]:
    """Return what a learner is given of step t beside its input and target: a part for each that the problem has.

    Examples
    --------
    >>> from gradcert.reference import Layer, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> x, y, w = np.ones((2, 1, 2)), np.zeros((2, 1, 3)), np.array([[1.0], [0.0]])
    >>> step_data(Problem(network, network.parameters(), x, y, weights=w), 1)
    {'weights': array([0.])}
    """
    parts = {"weights": problem.weights, "begins": problem.begins}
    out: dict[str, Any] = {name: value[t].copy() for name, value in parts.items() if value is not None}
    return {**out, "masks": {k: v[t].copy() for k, v in problem.masks.items()}} if problem.masks else out


def from_json(line: str) -> Start:
    """Read a start back."""
    spec = json.loads(line)
    dtype = spec["dtype"]
    arrays = {
        part: {name: np.array(value, dtype=FORMATS[dtype].held) for name, value in spec[part].items()}
        for part in ("parameters", "feedback", "initial", "readouts")
        if part in spec
    }
    network = from_dict(spec["network"], run=True)  # the learner's own process
    first = (spec["id"], network, arrays["parameters"], spec["batch"], dtype, arrays["feedback"], spec.get("seed"))
    starts = arrays.get("initial", {}), spec.get("initial_gradient", False)
    return Start(*first, *starts, arrays.get("readouts", {}))


def is_learner(subject: Any) -> bool:
    """Return whether an object, or what a class makes, has the three methods.

    Examples
    --------
    >>> is_learner(abs)
    False
    """
    return all(callable(getattr(subject, name, None)) for name in METHODS)


def made(subject: Any) -> Any:
    """Return the learner: the object itself, or what the class makes."""
    return subject() if isinstance(subject, type) else subject
