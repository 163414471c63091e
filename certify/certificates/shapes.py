"""What no schema can say of a certificate: arrays that are shown side by side have one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError

COMPARED = ("given", "reference", "budget", "ok")


def check_shapes(record: Mapping[str, Any]) -> None:
    """Raise unless the arrays of a certificate, in a JSON form that fits the schema, fit each other.

    Raises
    ------
    GradcertError : for compared arrays that are unlike, sequences that are ragged, rows of other lengths than their
        steps.

    Examples
    --------
    >>> check_shapes({"figures": {"steps": [{"case": "rnn/1", "steps": 2, "parameters": {"layers.0.b": [None]}}]}})
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: the certificate does not fit: 2 steps of rnn/1 and 1 errors of ...
    """
    if record.get("counterexample"):
        check_counterexample(record["counterexample"])
    for entry in record["figures"]["steps"]:
        for name, errors in entry["parameters"].items():
            if len(errors) != entry["steps"]:
                _refuse(f"{entry['steps']} steps of {entry['case']} and {len(errors)} errors of {name!r}", "one a step")


def check_counterexample(found: Mapping[str, Any], what: str = "the certificate") -> None:
    """Raise unless the arrays of a counterexample, of itself or of a certificate, fit each other; it fits the schema.

    Raises
    ------
    GradcertError : for compared arrays that are unlike, sequences that are ragged.
    """
    for array in found["arrays"]:
        shapes = {_shape(array[name]) for name in COMPARED}
        if None in shapes or len(shapes) != 1:
            _refuse(
                f"the arrays of {array['name']!r} in its counterexample differ in shape",
                f"{', '.join(COMPARED)} of one shape",
                what,
            )
    problem = found["problem"]
    masks = {f"masks.{name}": value for name, value in problem.get("masks", {}).items()}
    for name, value in {**{k: problem[k] for k in ("inputs", "targets") if k in problem}, **masks}.items():
        if _shape(value) is None:
            _refuse(f"{name!r} of its counterexample is ragged", "(time, batch, features)", what)


def _shape(value: Any) -> tuple[int, ...] | None:
    """Return the shape of nested lists, None where they are ragged."""
    try:
        return np.shape(value)
    except ValueError:
        return None


def _refuse(wrong: str, allowed: str, what: str = "the certificate") -> None:
    raise GradcertError(f"{what} does not fit: {wrong}", allowed=allowed)
