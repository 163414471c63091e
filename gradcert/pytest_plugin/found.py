"""What a check has found, and whether that is an answer which is wrong, or no answer at all."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from gradcert.expected_failures import Expected

if TYPE_CHECKING:
    from gradcert.certify.certificates import Finding

PROPERTY = "gradcert"  # of a test's report, and in JUnit XML
STARTED = ("import", "call", "usage")  # checks whose finding is that there was no answer
ENDED = ("raised", "died", "hung", "flooded", "garbled", "import")  # causes that are the kind of a failure


class Refuted(pytest.fail.Exception):  # type: ignore[misc,name-defined]
    """A check whose answer is wrong: all that an expected failure may be."""

    __module__ = "builtins"  # it is shown as pytest's own is, by its name alone


@dataclass(frozen=True)
class Found:
    """The outcome of a check.

    Attributes
    ----------
    worst : largest error in units of its budget, or None.
    said : everything about each thing that is wrong; empty where nothing is.
    kind : the check that found the first, such as ``gradient`` or ``import``.
    causes : what each of them is; empty where there was no answer that could be judged.
    through : the expected failures that all of it belongs to, where the check itself is not listed.
    undecided : whether it says nothing of the subject: the judge has no case to ask, or what was asked decides nothing.
    """

    worst: float | None = None
    said: tuple[str, ...] = ()
    kind: str = ""
    causes: tuple[str, ...] = ()
    through: tuple[Expected, ...] = ()
    undecided: bool = False


def answered(findings: Iterable[Finding]) -> bool:
    """Return whether findings are all of answers: none says that the subject did not start, raised, ended or hung.

    Examples
    --------
    >>> from gradcert.certify.certificates import Finding
    >>> wrong = Finding("gradient", "a", "the gradient of layers.0.W is wrong", cause="it equals ostl")
    >>> answered([wrong]), answered([wrong, Finding("repeat", "a", "asked again, it raised", cause="raised")])
    (True, False)
    >>> answered([Finding("repeat", "a", "with ordinary threads it raised", where={"output": ["ValueError"]})])
    False
    """
    return not any(
        # with ordinary threads the cause is another: what it printed, or the traceback, tells
        finding.check in STARTED or finding.cause in ENDED or "output" in finding.where
        for finding in findings
    )


def to_text(record: Mapping[str, Any]) -> str:
    """Return what a check says of itself as JSON; an error that is no finite number is its name.

    Examples
    --------
    >>> to_text({"check": "controls", "worst": float("inf")})
    '{"check": "controls", "worst": "inf"}'
    """
    worst = record["worst"]
    finite = worst is None or math.isfinite(worst)
    return json.dumps({**record, "worst": worst if finite else str(worst)}, allow_nan=False, ensure_ascii=False)


def from_text(text: str) -> dict[str, Any]:
    """Return the record that `to_text` wrote.

    Examples
    --------
    >>> from_text(to_text({"check": "controls", "worst": float("inf")}))
    {'check': 'controls', 'worst': inf}
    """
    record: dict[str, Any] = json.loads(text)
    return {**record, "worst": None if record["worst"] is None else float(record["worst"])}
