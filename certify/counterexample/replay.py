"""Run a counterexample again: one problem, one process, the reference computed anew."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcert.certify.certificates import Finding
from gradcert.certify.counterexample.record import SCHEMA, arrays, bounds_of
from gradcert.certify.judging import CHECKS
from gradcert.certify.problems import Case, Spec, expect
from gradcert.certify.subjects import Limits, Subject, Worker, named
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import problem_from_json
from gradcert.reference.rules import rule_named

FORM = f"a file that gradcert certify wrote ({SCHEMA}), or a certificate as JSON with a counterexample"


@dataclass(frozen=True)
class Replayed:
    """What came of it.

    Attributes
    ----------
    findings : what is wrong; empty where the subject is right now.
    record : the counterexample, with what came back now.
    """

    findings: tuple[Finding, ...]
    record: dict[str, Any]


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the subject's name and the counterexample of a file.

    Raises
    ------
    GradcertError : if the file holds none.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GradcertError(f"{path} cannot be read ({error})", allowed=FORM) from None
    found = record.get("counterexample") if isinstance(record, dict) else None
    if not isinstance(found, dict) or not {"problem", "rule", "check", "case"} <= set(found) or "subject" not in record:
        raise GradcertError(f"{path} holds no counterexample", allowed=FORM)
    return str(record["subject"]), found


def replay(
    path: Path,
    *,
    subject: str | None = None,
    python: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
) -> Replayed:
    """Have the problem of a counterexample solved again, and judge the answer.

    Parameters
    ----------
    path : a stored counterexample, or a certificate as JSON.
    subject : another subject than the one that it was found on.
    python, limits : as for `gradcert.certify.campaign.certify`.

    Raises
    ------
    GradcertError : if the file holds no counterexample, or the subject does not start.
    """
    name, found = read(path)
    who = Subject(subject, python=python, limits=limits) if subject else named(name, python=python, limits=limits)
    problem = problem_from_json(json.dumps(found["problem"]))
    rule = rule_named(found["rule"])
    expected = expect(problem, rule, problem.dtype)
    cell = problem.network.layers[0].cell.name
    case = Case(Spec(cell, problem.network.depth, "", "", "replay"), problem, rule, expected, {}, {})
    started = who.start()
    if not isinstance(started, Worker):
        raise GradcertError(f"{who.name} cannot be run: {started.reason}", do="run it where the subject can be found")
    answer = started.ask(problem)
    started.stop()
    findings = next((wrong for check in CHECKS if (wrong := check(case, answer))), [])
    record = {k: v for k, v in found.items() if k != "arrays"}
    check = findings[0].check if findings else found["check"]
    if answer.failure is None and check in ("gradient", "outputs", "loss"):
        given = {"gradient": answer.gradients, "outputs": answer.outputs, "loss": answer.loss}[check]
        if given is not None:
            record |= {"check": check, "arrays": arrays(check, answer, bounds_of(check, expected))}
    return Replayed(tuple(findings), record)
