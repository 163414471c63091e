"""A journal: what a campaign has done so far, so that a stopped one goes on where it was.

JSON lines. The first says of which run the rest are, digests included; each further line holds one prepared case, and
the subject's answer to it. Arrays travel as base64 of their bytes, so nothing is lost and nothing is unpickled; what
follows from an answer is judged anew, which is cheap.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.certify.problems import Bounds, Case, Expected, Spec
from gradcert.certify.runs.prepare import Prepared, difference
from gradcert.certify.subjects import Answer, Failure, from_worker
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import problem_from_json
from gradcert.reference.numbers import Array
from gradcert.reference.rules import rule_named


class Journal:
    """A file of a run's checks.

    Parameters
    ----------
    path : where; an existing file is read and appended to.
    header : what the run is of; a file of another run is refused.

    Raises
    ------
    GradcertError : if the file is none of ours, or of another run.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self.prepared: dict[str, Prepared] = {}
        self.answers: dict[str, Answer | None] = {}
        wanted = json.loads(json.dumps(header))
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if not lines:
            path.write_text(json.dumps(wanted) + "\n", encoding="utf-8")
            return
        found = _line(lines[0])
        if not isinstance(found, dict) or found.get("journal") != wanted.get("journal"):
            raise GradcertError(f"{path} is no journal of a run", do="name another file for --resume")
        if names := difference(wanted, found):
            raise GradcertError(
                f"{path} belongs to another run: {', '.join(names)} differ",
                do="name another file for --resume, or remove it",
            )
        whole = [entry for line in lines[1:] if isinstance(entry := _line(line), dict)]
        if len(whole) < len(lines) - 1:  # the last line was being written when the run stopped
            path.write_text("".join(json.dumps(e) + "\n" for e in [wanted, *whole]), encoding="utf-8")
        for entry in whole:
            self.prepared[entry["id"]] = _prepared(entry)
            self.answers[entry["id"]] = _answer(entry["answer"]) if entry["answer"] is not None else None

    def add(self, spec: Spec, prepared: Prepared, answer: Answer | None) -> None:
        """Write down a check that was done."""
        entry = {
            "id": spec.id,
            "spec": asdict(spec),
            "variants": [list(pair) for pair in prepared.variants],
            "sound": prepared.sound,
            "case": None if prepared.case is None else _case_record(prepared.case),
            "answer": None if answer is None else _answer_record(answer),
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, separators=(",", ":")) + "\n")


def _line(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def encoded(array: Array) -> dict[str, Any]:
    """Return an array as its dtype, shape and bytes."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    data = base64.b64encode(little.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def decoded(spec: Mapping[str, Any]) -> Array:
    """Return the array of a record.

    Examples
    --------
    >>> decoded(encoded(np.array([[1.0, 2.5]])))
    array([[1. , 2.5]])
    """
    dtype = np.dtype(spec["dtype"]).newbyteorder("<")
    flat = np.frombuffer(base64.b64decode(spec["data"], validate=True), dtype=dtype)
    return flat.reshape(spec["shape"]).astype(dtype.newbyteorder("="))


def _bounds_record(bounds: Bounds) -> dict[str, Any]:
    return {"value": encoded(bounds.value), "budget": encoded(bounds.budget)}


def _bounds(spec: Mapping[str, Any]) -> Bounds:
    return Bounds(decoded(spec["value"]), decoded(spec["budget"]))


def _case_record(case: Case) -> dict[str, Any]:
    return {
        "problem": case.problem.to_json(),
        "rule": case.rule.name,
        "outputs": _bounds_record(case.expected.outputs),
        "loss": _bounds_record(case.expected.loss),
        "gradients": {name: _bounds_record(b) for name, b in case.expected.gradients.items()},
        "separates": dict(case.separates),
        "facts": dict(case.facts),
    }


def _prepared(entry: Mapping[str, Any]) -> Prepared:
    found = entry["case"]
    if found is None:
        return Prepared(None)
    expected = Expected(
        outputs=_bounds(found["outputs"]),
        loss=_bounds(found["loss"]),
        gradients={name: _bounds(b) for name, b in found["gradients"].items()},
    )
    spec = Spec(**entry["spec"])
    case = Case(
        spec,
        problem_from_json(found["problem"]),
        rule_named(found["rule"]),
        expected,
        found["separates"],
        found["facts"],
    )
    return Prepared(case, tuple((name, verdict) for name, verdict in entry["variants"]), entry["sound"])


def _array_record(value: Array | str) -> dict[str, Any]:
    return {"wrong": value} if isinstance(value, str) else encoded(value)


def _answer_record(answer: Answer) -> dict[str, Any]:
    if answer.failure is not None:
        return {"failure": asdict(answer.failure)}
    out: dict[str, Any] = {"changed": list(answer.changed), "rewritten": list(answer.rewritten)}
    out["gradients"] = {name: _array_record(value) for name, value in answer.gradients.items()}
    if answer.loss is not None:
        out["loss"] = _array_record(answer.loss)
    if answer.outputs is not None:
        out["outputs"] = _array_record(answer.outputs)
    return out


def _answer(spec: Mapping[str, Any]) -> Answer:
    return Answer(failure=Failure(**spec["failure"])) if "failure" in spec else from_worker(spec)
