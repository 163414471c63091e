"""Run a counterexample again: one problem, one process, the reference computed anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gradcert.certify.certificates import Finding, check_counterexample, validated
from gradcert.certify.claims import files_of
from gradcert.certify.counterexample.record import SCHEMA, arrays, bounds_of
from gradcert.certify.judging import CHECKS
from gradcert.certify.problems import Case, Spec, expect
from gradcert.certify.subjects import Limits, Subject, Worker, named
from gradcert.properties.numbers import Undecided
from gradcert.reference import outside
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import EXTRAS, cell_named, problem_from_record
from gradcert.reference.outside import parse, record
from gradcert.reference.printable import legible
from gradcert.reference.published import read_rule

KINDS = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
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


@dataclass(frozen=True)
class Stored:
    """A counterexample as it was stored.

    Attributes
    ----------
    subject : the name of the subject that it was found on.
    files : files that the cells of its problem would be read from.
    record : its JSON form.
    """

    subject: str
    files: tuple[str, ...]
    record: dict[str, Any]


def read(path: Path) -> Stored:
    """Return the counterexample of a file; nothing that it names is looked up.

    Raises
    ------
    GradcertError : if the file holds none.
    """
    what = f"{path} holds no counterexample"
    whole = parse(outside.read(path, FORM), str(path), nan=True)
    if not isinstance(whole, dict):
        raise GradcertError(f"{what}: it is {'null' if whole is None else KINDS[type(whole)]}", allowed=FORM)
    if missing := [name for name in ("subject", "counterexample") if name not in whole]:
        raise GradcertError(f"{what}: it has no {' and no '.join(missing)}", allowed=FORM)
    if whole["counterexample"] is None:
        raise GradcertError(f"{what}: the subject was {whole.get('verdict', 'not refuted')}", allowed=FORM)
    try:
        record_of = f"the counterexample of {path}"
        found = validated(whole["counterexample"], "certificate", record_of, part="counterexample")
        check_counterexample(found, record_of)
    except GradcertError as error:
        raise GradcertError(error.given, allowed=FORM) from None
    network = record(found["problem"].get("network"), "the network of the problem")
    graph = network.get("graph")
    layers = graph.get("populations") if isinstance(graph, dict) else network.get("layers")
    layers = layers if isinstance(layers, list) else []
    cells = [layer.get("cell") for layer in layers if isinstance(layer, dict)]
    return Stored(str(whole["subject"]), tuple(files_of({"cells": cells, "rule": found["rule"]})), found)


def case_of(stored: Stored, *, run: bool = False) -> Case:
    """Return the problem of a counterexample with its reference, computed anew; `run` as for `replay`.

    Raises
    ------
    GradcertError : if it is no problem, or has no gradient that can be enclosed.
    """
    problem = problem_from_record(_with_floats(stored.record["problem"], run=run), run=run)
    rule = read_rule(stored.record["rule"], run=run)
    try:
        expected = expect(problem, rule, problem.dtype)
    except (Undecided, ArithmeticError) as error:
        raise GradcertError(f"the problem has no gradient that can be enclosed ({error})") from None
    spec = Spec(problem.network.cells[0].name, problem.network.depth, "", "", "replay")
    return Case(spec, problem, rule, expected, {}, {})


def _with_floats(problem: Mapping[str, Any], *, run: bool) -> dict[str, Any]:
    """Return a problem's JSON form in which options that are floats are: canonical JSON writes 1.0 as 1."""
    network = problem["network"]
    graph = network.get("graph")
    key, home = ("populations", graph) if isinstance(graph, dict) else ("layers", network)
    members = [_floated(member, run=run) for member in home.get(key) or ()]
    changed = {**home, key: members}
    return {**problem, "network": {**network, "graph": changed} if home is graph else changed}


def _floated(member: Any, *, run: bool) -> Any:
    if not isinstance(member, dict) or not isinstance(member.get("options"), dict):
        return member  # said to be wrong where it is read
    usual = {f.name: f.default for f in fields(cell_named(str(member.get("cell")), run=run))}

    def read(name: str, value: Any) -> Any:
        if name in EXTRAS:
            return value
        if isinstance(value, list):
            return [read(name, v) for v in value]
        if isinstance(value, dict):
            return {k: read(k, v) for k, v in value.items()}
        whole = isinstance(value, int) and not isinstance(value, bool)
        return float(value) if whole and not isinstance(usual.get(name), int) else value

    return {**member, "options": {name: read(name, value) for name, value in member["options"].items()}}


def replay(
    path: Path,
    *,
    run: bool = False,
    subject: str | None = None,
    python: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
) -> Replayed:
    """Have the problem of a counterexample solved again, and judge the answer.

    Parameters
    ----------
    path : a stored counterexample, or a certificate as JSON.
    run : whether what the file names may be run: its subject, and the files of cells. See `read` for what that is.
    subject : another subject than the one that it was found on.
    python, limits : as for `gradcert.certify.campaign.certify`.

    Raises
    ------
    GradcertError : if the file holds no counterexample, names something that may not be run, or the subject does not
        start.
    """
    stored = read(path)
    if subject is None and not run:
        raise GradcertError(f"{path} names what is to be run: {stored.subject}", do="look at it; then --run")
    if subject:
        who = Subject(subject, python=python, limits=limits)
    else:
        who = named(stored.subject, python=python, limits=limits)
    case = case_of(stored, run=run)
    problem, expected = case.problem, case.expected
    started = who.start()
    if not isinstance(started, Worker):
        raise GradcertError(f"{who.name} cannot be run: {started.reason}", do="run it where the subject can be found")
    answer = started.ask(problem)
    started.stop()
    findings = next((wrong for check in CHECKS if (wrong := check(case, answer))), [])
    shown = {k: v for k, v in stored.record.items() if k != "arrays"} | {"problem": problem.to_dict()}
    check = findings[0].check if findings else stored.record["check"]
    if answer.failure is None and check in ("gradient", "outputs", "loss"):
        given = {"gradient": answer.gradients, "outputs": answer.outputs, "loss": answer.loss}[check]
        if given is not None:
            shown |= {"check": check, "arrays": arrays(check, answer, bounds_of(check, expected))}
    return Replayed(tuple(findings), legible(shown))
