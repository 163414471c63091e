"""Driving a stepwise learner: one message for every step, so that the future is nowhere near it.

The learner's process is told a step's input and target when that step is due, as arrays of its own. Programs in other
languages speak the same messages: ``{"start": ...}`` and ``{"step": {"input": ..., "target": ...}}`` (with ``weights``,
``begins`` and ``masks`` of the step where the claim names them), each answered by a JSON object (``{}``, or
``{"output": [[...]]}`` after a step), and ``{"gradients": true}``, answered as a problem is. A program that answers the
start with ``{"measures": true}`` is asked ``{"measure": true}`` and says ``{"measured": bytes}``, garbage collected.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import numpy as np

from gradcert.certify.subjects.answers import Answer, array_of, names, raised
from gradcert.certify.subjects.learner import start_of, step_data
from gradcert.certify.subjects.processes import Failure
from gradcert.certify.subjects.wire import encoded
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array

Talk = Callable[[str], Mapping[str, Any] | Failure]
Read = Callable[[Mapping[str, Any]], Answer]


@dataclass
class Played:
    """What came of a sequence.

    Attributes
    ----------
    credited : number of steps -> the gradients after so many.
    outputs : what each step returned.
    changed : arrays that were written to.
    measured : number of steps -> bytes held, by kind.
    failure : why it ended early, and after how many steps.
    steps : how many steps were taken.
    """

    credited: dict[int, Answer] = field(default_factory=dict)
    outputs: list[Array | str | None] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    measured: dict[int, dict[str, int | None]] = field(default_factory=dict)
    failure: Failure | None = None
    steps: int = 0


class Stopped(Exception):
    """The learner did not answer, or not as it should."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


def play(
    talk: Talk,
    read: Read,
    problem: Problem,
    *,
    ask: Collection[int],
    measure: Collection[int] = (),
    upto: int | None = None,
    outside: Callable[[bool], Mapping[str, int | None]] | None = None,
    binary: bool = False,
) -> Played:
    """Take a learner through a sequence.

    Parameters
    ----------
    talk : sends a line and returns what came back.
    read : turns the reply with gradients into an answer.
    problem : the sequence.
    ask, measure : numbers of steps after which gradients are asked for, and memory is measured.
    upto : leave the sequence after so many steps.
    outside : tells how many bytes the learner's processes hold, from outside; called with whether it is the first time.
    binary : send arrays as base64 of their bytes, to a learner in Python; programs get nested lists, and are asked for
        a count of their own if they say that they have one.
    """
    played = Played()

    def say(message: Mapping[str, Any], what: str) -> Mapping[str, Any]:
        reply = talk(json.dumps(message, separators=(",", ":"), allow_nan=False))
        if isinstance(reply, Failure):
            raise Stopped(replace(reply, reason=f"{what}: {reply.reason}"))
        for key, words in (("raised", "it raised"), ("error", "it says:")):
            if reply.get(key) is not None:
                said = reply[key] if key == "raised" else {"kind": str(reply[key])}
                failure = raised("raised", words, said)
                raise Stopped(replace(failure, reason=f"{what}: {failure.reason}"))
        if "wrong" in reply:
            raise Stopped(Failure("wrong", str(reply["wrong"])))
        played.changed += [name for name in names(reply.get("changed")) if name not in played.changed]
        return reply

    def look(t: int) -> None:
        if t in measure:
            inside: dict[str, int | None] = {}
            if binary or tells:
                held = say({"measure": True}, f"measured after step {t}").get("measured")
                counts = held if isinstance(held, Mapping) else {"told": held}
                inside = {str(kind): told(count) for kind, count in counts.items()}
            played.measured[t] = together(inside, outside(not played.measured) if outside is not None else {})
        if t in ask:
            answer = read(say({"gradients": True}, f"gradients() after step {t}" if t else "gradients()"))
            played.credited[t] = answer

    written: Callable[[Array], Any] = encoded if binary else lambda array: array.tolist()
    tells = False
    steps = problem.inputs.shape[0]
    last = problem.network.loss.when == "last"
    begin = start_of(problem).to_dict()
    try:
        tells = bool(say({"start": begin}, "start()").get("measures"))
        look(0)
        for t in range(steps if upto is None else upto):
            target = written(problem.targets[t]) if t == steps - 1 or not last else None
            step = {"input": written(problem.inputs[t]), "target": target, **_written(step_data(problem, t), written)}
            reply = say({"step": step}, f"step {t + 1}")
            output = reply.get("output")
            try:
                played.outputs.append(None if output is None else array_of(output))
            except GradcertError as error:
                raise Stopped(Failure("wrong", f"the output of step {t + 1} is {error}")) from None
            played.steps = t + 1
            look(t + 1)
    except Stopped as stopped:
        played.failure = stopped.failure
    return played


def _written(data: Mapping[str, Any], written: Callable[[Array], Any]) -> dict[str, Any]:
    """Return the parts of a step as they travel: beginnings as 0 and 1."""
    out = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            out[name] = {k: written(v) for k, v in value.items()}
        else:
            out[name] = written(value.astype(int) if value.dtype == bool else value)
    return out


def together(inside: Mapping[str, int | None], outside: Mapping[str, int | None]) -> dict[str, int | None]:
    """Return the readings of both sides; what both have, files, is added up.

    Examples
    --------
    >>> together({"arrays": 1, "files": 2}, {"pages": 3, "files": 4})
    {'arrays': 1, 'files': 6, 'pages': 3}
    """
    sums: dict[str, int | None] = {}
    for name in set(inside) & set(outside):
        a, b = inside[name], outside[name]
        sums[name] = None if a is None or b is None else a + b
    return {**inside, **outside, **sums}


def told(count: Any) -> int | None:
    """Return the bytes that a program says it holds, if it is a number.

    Examples
    --------
    >>> told(12.0), told("many"), told(True)
    (12, None, None)
    """
    real = isinstance(count, (int, float)) and not isinstance(count, bool) and isfinite(count)
    return int(count) if real else None


def answered(played: Played) -> Answer:
    """Return a sequence as the answer to its problem: the gradients after the last step, all outputs."""
    if played.failure is not None:
        return Answer(failure=played.failure)
    last = played.credited[played.steps]
    return replace(last, outputs=stacked(played.outputs), changed=tuple(played.changed))


def stacked(outputs: list[Array | str | None]) -> Array | str | None:
    """Return the outputs of all steps as one array, if every step gave one.

    Examples
    --------
    >>> stacked([np.zeros((1, 2)), np.ones((1, 2))]).shape
    (2, 1, 2)
    >>> stacked([None, None]) is None
    True
    """
    if all(o is None for o in outputs):
        return None
    for t, output in enumerate(outputs, start=1):
        if output is None:
            return f"nothing at step {t}"
        if isinstance(output, str):
            return f"{output} at step {t}"
    arrays = [o for o in outputs if isinstance(o, np.ndarray)]
    if len({a.shape for a in arrays}) > 1:
        return "of another shape from step to step"
    return np.stack(arrays)
