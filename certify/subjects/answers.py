"""What comes back from a subject, and the two forms it travels in. Nothing is ever unpickled."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcert.certify.subjects.process import Failure
from gradcert.reference.numbers import Array


@dataclass(frozen=True, eq=False)
class Answer:
    """What came back for one problem.

    Attributes
    ----------
    gradients : arrays, or for what is no array a sentence.
    loss, outputs : the same, or None where the subject does not give them.
    changed : names of input arrays that the subject wrote to.
    rewritten : arrays of earlier answers that have changed since.
    failure : why there is no answer; ``raised``, ``wrong``, ``died``, ``hung``, ``flooded``, ``garbled``.
    """

    gradients: Mapping[str, Array | str] = field(default_factory=dict)
    loss: Array | str | None = None
    outputs: Array | str | None = None
    changed: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    failure: Failure | None = None


def parsed(line: str) -> dict[str, Any] | None:
    """Return the object that a line of JSON holds, or None."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def raised(kind: str, what: str, error: Mapping[str, Any]) -> Failure:
    """Return an exception of the subject as a failure."""
    message = f"{error['kind']}: {error['message']}" if error.get("message") else str(error["kind"])
    return Failure(kind, f"{what} {message}", "\n".join(error.get("traceback", ())))


def from_worker(said: Mapping[str, Any]) -> Answer:
    """Read the answer of `worker`: arrays as base64 of their bytes."""
    if "raised" in said:
        return Answer(failure=raised("raised", "it raised", said["raised"]))
    if "wrong" in said:
        return Answer(failure=Failure("wrong", str(said["wrong"])))
    return Answer(
        gradients={str(k): _bytes(v) for k, v in said["gradients"].items()},
        loss=_bytes(said["loss"]) if "loss" in said else None,
        outputs=_bytes(said["outputs"]) if "outputs" in said else None,
        changed=tuple(said["changed"]),
        rewritten=tuple(said["rewritten"]),
    )


def from_program(said: Mapping[str, Any]) -> Answer:
    """Read the answer of a program: ``{"gradients": {...}}`` with nested lists, ``loss`` and ``outputs`` if it likes.

    A program that cannot solve a problem says ``{"error": "why"}``.

    Examples
    --------
    >>> from_program({"gradients": {"layers.0.b": [1.0, 2.5]}}).gradients["layers.0.b"]
    array([1. , 2.5])
    """
    if "error" in said:
        return Answer(failure=Failure("raised", f"it says: {said['error']}"))
    if not isinstance(said.get("gradients"), Mapping):
        return Answer(failure=Failure("wrong", "the answer holds no gradients"))
    return Answer(
        gradients={str(k): _listed(v) for k, v in said["gradients"].items()},
        loss=_listed(said["loss"]) if said.get("loss") is not None else None,
        outputs=_listed(said["outputs"]) if said.get("outputs") is not None else None,
    )


def array_of(spec: Any) -> Array | str:
    """Return an array from either form: bytes in base64, or nested lists."""
    return _bytes(spec) if isinstance(spec, Mapping) else _listed(spec)


def _bytes(spec: Mapping[str, Any]) -> Array | str:
    if "wrong" in spec:
        return str(spec["wrong"])
    dtype = np.dtype(spec["dtype"]).newbyteorder("<")
    array = np.frombuffer(base64.b64decode(spec["data"], validate=True), dtype=dtype).reshape(spec["shape"])
    return array.astype(dtype.newbyteorder("="))


def _listed(value: Any) -> Array | str:
    try:
        return np.array(value, dtype=float)  # JSON has one kind of number: 1 is 1.0
    except (TypeError, ValueError):
        return "no array of numbers"
