"""What comes back from a subject, and the two forms it travels in. Nothing is ever unpickled."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcert.certify.subjects.processes import FULL, Failure
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Array
from gradcert.reference.outside import array, parse


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

    def about(self, problem: Problem) -> Answer:
        """Return the answer without gradients that nobody asked for, and without zeros for what is not trained."""
        if not problem.wanted:
            return self
        left = {k for k in problem.gradient_names if k not in problem.wanted}
        left -= {k for k in problem.untrained if np.any(_array(self.gradients.get(k)))}
        return replace(self, gradients={k: v for k, v in self.gradients.items() if k not in left})


def _array(value: Any) -> Any:
    return value if isinstance(value, np.ndarray) else 0


DTYPES = tuple(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))
DTYPES += ("bool", "float16", "float32", "float64", "float96", "float128")


NONE = re.compile(r"[\[:,]\s*([-+]?(?:nan(?:\([^)]*\))?|inf(?:inity)?))\s*[\],}]", re.IGNORECASE)
FORM = '{"gradients": {name: nested lists of numbers}}, with "loss" and "outputs" if it likes'
NUMBERS = "what is no number is written NaN, Infinity or -Infinity"


def parsed(line: str) -> dict[str, Any] | str:
    """Return the object that a line of JSON holds, or a sentence that says why there is none.

    Examples
    --------
    >>> parsed('{"loss": NaN}'), parsed("[1]")
    ({'loss': nan}, "it begins with '[1]'")
    """
    try:
        said = parse(line, "the line", nan=True)
    except GradcertError as error:
        if found := NONE.search(line):
            return f"it holds {found[1]}; {NUMBERS}"
        return f"it begins with {line[:60]!r}" + (f" ({error})" if line.lstrip()[:1] == "{" else "")
    return said if isinstance(said, dict) else f"it begins with {line[:60]!r}"


def raised(kind: str, what: str, error: Any) -> Failure:
    """Return an exception of the subject as a failure; one that says how gradcert is to be used is its sentence alone.

    Examples
    --------
    >>> raised("import", "it raised", {"kind": "GradcertError", "ours": True, "message": "an unknown rule"})
    Failure(kind='usage', reason='an unknown rule', output='', limit=False)
    """
    if not isinstance(error, Mapping) or "kind" not in error:
        return Failure(kind, f"{what} something that the protocol does not know")
    declared = kind == "import" and error.get("ours") is True  # such as a claim that does not fit together
    if declared or error["kind"] in ("MapError", "UnreadError"):  # maps do not fit, or the module cannot be read
        place = error.get("place")  # a file may hold several claims
        said = f"{error.get('message')}" + (f" ({place})" if isinstance(place, str) and place else "")
        todo = error["kind"] == "MapError" and "to fix it: " not in said
        return Failure("usage", said + "; to fix it: mend the maps of the adapter" * todo)
    message = f"{error['kind']}: {error['message']}" if error.get("message") else str(error["kind"])
    lines = error.get("traceback")
    output = "\n".join(map(str, lines)) if isinstance(lines, list) else ""
    return Failure(kind, f"{what} {message}", output, limit=kind == "raised" and FULL.search(message) is not None)


def from_worker(said: Mapping[str, Any]) -> Answer:
    """Read the answer of `worker`: arrays as base64 of their bytes."""
    if "raised" in said:
        return Answer(failure=raised("raised", "it raised", said["raised"]))
    if "wrong" in said:
        return Answer(failure=Failure("wrong", str(said["wrong"])))
    if not isinstance(said.get("gradients"), Mapping):
        raise GradcertError("an answer without gradients")
    return Answer(
        gradients={k: _bytes(v) for k, v in said["gradients"].items()},
        loss=_bytes(said["loss"]) if "loss" in said else None,
        outputs=_bytes(said["outputs"]) if "outputs" in said else None,
        changed=names(said.get("changed")),
        rewritten=names(said.get("rewritten")),
    )


def names(value: Any) -> tuple[str, ...]:
    """Return a list of names; what is none of it is nothing.

    Examples
    --------
    >>> names(["inputs"]), names(3)
    (('inputs',), ())
    """
    return tuple(str(v) for v in value) if isinstance(value, list) else ()


def from_program(said: Mapping[str, Any]) -> Answer:
    """Read the answer of a program: ``{"gradients": {...}}`` with nested lists, ``loss`` and ``outputs`` if it likes.

    A program that cannot solve a problem says ``{"error": "why"}``.

    Examples
    --------
    >>> from_program({"gradients": {"layers.0.b": [1.0, 2.5]}}).gradients["layers.0.b"]
    array([1. , 2.5])
    """
    if said.get("error") is not None:
        return Answer(failure=Failure("raised", f"it says: {said['error']}"))
    if not isinstance(given := said.get("gradients"), Mapping):
        return Answer(failure=Failure("wrong", f"the answer holds no gradients{_instead(said)}; allowed: {FORM}"))
    return Answer(
        gradients={k: _listed(v) for k, v in given.items()},
        loss=_listed(said["loss"]) if said.get("loss") is not None else None,
        outputs=_listed(said["outputs"]) if said.get("outputs") is not None else None,
    )


def array_of(spec: Any) -> Array | str:
    """Return an array from either form: bytes in base64, or nested lists."""
    return _bytes(spec) if isinstance(spec, Mapping) else _listed(spec)


def _bytes(spec: Any) -> Array | str:
    return str(spec["wrong"]) if isinstance(spec, Mapping) and "wrong" in spec else decoded(spec)


def decoded(spec: Any) -> Array:
    """Return the array of such a record.

    Raises
    ------
    GradcertError : for anything else.

    Examples
    --------
    >>> from gradcert.certify.subjects import encoded
    >>> decoded(encoded(np.array([[1.0, 2.5]])))
    array([[1. , 2.5]])
    """
    try:
        if spec["dtype"] not in DTYPES or not all(type(n) is int and n >= 0 for n in spec["shape"]):
            raise ValueError("an unknown dtype or shape")
        dtype = np.dtype(spec["dtype"]).newbyteorder("<")
        flat = np.frombuffer(base64.b64decode(spec["data"], validate=True), dtype=dtype)
        return flat.reshape(spec["shape"]).astype(dtype.newbyteorder("="))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise GradcertError(f"an array that is none ({error})", allowed="dtype, shape and data in base64") from None


def _instead(said: Mapping[str, Any]) -> str:
    """Return what stands in an answer in place of gradients.

    Examples
    --------
    >>> _instead({"gradients": "xxx"}), _instead({"grads": {}, "id": "a"}), _instead({})
    (", but a text, 'xxx'", ', but grads, id', '')
    """
    if "gradients" in said:
        return f", but {_named(said['gradients'])}"
    return f", but {', '.join(str(key)[:40] for key in list(said)[:4])}" if said else ""


def _named(value: Any) -> str:
    """Return what a value of JSON is, in words."""
    if isinstance(value, str):
        return f"a text, {value[:40]!r}" + ("..." if len(value) > 40 else "")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return "an object" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else "a number"


def _listed(value: Any) -> Array | str:
    """Return the array that nested lists are, or a sentence that says why they are none.

    JSON has one kind of number: 1 is 1.0. JavaScript writes null for what is no number, which is none here either.

    Examples
    --------
    >>> _listed([[1, 2.5]]), _listed([1, None]), _listed(True), _listed([[1, 2], [3]])
    (array([[1. , 2.5]]), 'no array of numbers: it has null at [1]', 'no array of numbers: it is true', 'no array ...
    """
    if why := _no_number(value, ()):
        return f"no array of numbers: {why}"
    try:
        return array(value, "it")
    except GradcertError:
        return f"no array of numbers: {_ragged(value) or 'its lists are not nested alike'}"


def _no_number(value: Any, at: tuple[int, ...]) -> str:
    """Return the first entry of nested lists that is no number, in words, and where it is."""
    if not isinstance(value, list):
        if type(value) in (int, float):
            return ""
        return f"it has {_named(value)} at [{', '.join(map(str, at))}]" if at else f"it is {_named(value)}"
    if {*map(type, value)} <= {int, float}:
        return ""
    return next((why for k, inner in enumerate(value) if (why := _no_number(inner, (*at, k)))), "")


def _ragged(value: Any) -> str:
    """Return which two rows of nested lists are of other lengths, in words."""
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        return ""
    lengths = [len(row) for row in value]
    if len({*lengths}) > 1:
        other = next(k for k, n in enumerate(lengths) if n != lengths[0])
        return f"its rows 0 and {other} have {lengths[0]} and {lengths[other]} entries"
    return next((why for row in value if (why := _ragged(row))), "")
