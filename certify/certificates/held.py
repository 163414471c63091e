"""A certificate held against itself: what in it can be recomputed from the rest of it, with nothing run.

A seal finds bytes that were changed without care. Whoever changes a figure and seals it anew has to change every other
that follows from it: what follows is here. What does not, only a run finds out (`NOT_HELD`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any

import numpy as np

from gradcert.certify.certificates import grounds
from gradcert.certify.certificates.suite import VERSION
from gradcert.certify.claims import files_of, from_dict
from gradcert.reference.errors import GradcertError

Record = Mapping[str, Any]

HELD = (
    "the counts, the worst errors and budgets of cases, the verdict and its reason, controls, circumstances, "
    "the arrays of a counterexample"
)
NOT_HELD = (
    "whether these problems are the claim's, and none and no control is missing; what came back, and the figures made "
    "of it; the reference; how far edges are seen; other notes; the repair; the pictures. The date nobody can check"
)
# Recomputed of numbers that a file has in full: a quotient is off by three roundings of 2^-53, a norm of n entries by
# n / 2 + 2 of them; 1e-9 is more up to n of 16 million, and of a certificate's figures six digits are shown.
SLACK = 1e-9
FROM_FILES = "answers:"  # how the subject of answers to golden vectors begins: of these no notes are made


def contradictions(record: Record) -> list[str]:
    """Return what in a certificate contradicts the rest of it, in sentences; the record fits the schema.

    Certificates of another version of gradcert are held to figures alone, not to words.
    """
    parts: tuple[Callable[[Record], Iterator[str]], ...]
    parts = (_cases, _verdict, _controls, _findings, _circumstances, _counterexample)
    if record["suite"] == VERSION:
        parts = (*parts, _notes)
    found: list[str] = []
    for part in parts:
        try:
            found += part(record)
        except (KeyError, TypeError, ValueError, AttributeError):  # of facts and figures the schema says little
            found.append("facts or figures are not as gradcert writes them")
    return list(dict.fromkeys(found))


def _cases(record: Record) -> Iterator[str]:
    cases = record["cases"]
    counts = {v: sum(case["verdict"] == v for case in cases) for v in record["counts"]}
    if counts != record["counts"]:
        yield "the counts are not those of the cases"
    judged = [float(case["worst"]) for case in cases if case["worst"] is not None]
    if not _same(record["worst"], max(judged, default=None)):
        yield "the worst error is not that of the cases"
    if len({case["id"] for case in cases}) < len(cases):
        yield "two cases have one name"
    if strangers := set(record.get("timing", {}).get("cases", {})) - {case["id"] for case in cases}:
        yield f"there is a time of {min(strangers)}, which is no case of it"
    for case in cases:
        yield from (f"{case['id']}: {what}" for what in _case(case, exact=record["claim"]["acceptance"] == "exact"))


def _case(case: Record, *, exact: bool) -> Iterator[str]:
    figures = {name: {k: float(v) for k, v in each.items()} for name, each in (case.get("parameters") or {}).items()}
    if case["exact"] and float(case["budget"]) != 0:
        yield "a budget that is not 0, in exact arithmetic"
    if case["verdict"] == "blocked" and case["worst"] is not None:
        yield "an error, though it did not run"
    if exact and case["verdict"] == "passed" and case["worst"] is not None and float(case["worst"]) > 1:
        yield "it passed, with an error above its budget"
    if not figures:
        return
    gone = case["facts"].get("taken off", ())
    budgets = [each["budget"] for name, each in figures.items() if name not in gone]
    if not _same(case["worst"], max(each["worst"] for each in figures.values())):
        yield "the worst error is not that of its parameters"
    if not _same(case["budget"], max(budgets, default=0.0)):
        yield "the budget is not that of its parameters"
    for name, each in figures.items():
        worst, error, budget = each["worst"], each["error"], each["budget"]
        if each["norm"] and all(map(isfinite, (worst, error, budget))):
            # no entry is off by more than `worst` budgets, so their norms are not either
            if error > worst * budget * (1 + SLACK) or (worst == 0) != (error == 0):
                yield f"the errors of {name} do not fit together: {error:.3g}, with {worst:.3g} budgets of {budget:.3g}"


def _verdict(record: Record) -> Iterator[str]:
    verdict, reason, cases = record["verdict"], record["reason"], record["cases"]
    counts = {v: sum(case["verdict"] == v for case in cases) for v in ("passed", "failed", "blocked")}
    if verdict == "certified":
        if counts["failed"] or record["findings"]:
            yield "it says certified, with cases that failed"
        if counts["blocked"]:
            yield f"it says certified, and {counts['blocked']} cases did not run"
        if not counts["passed"]:
            yield "it says certified, and no case passed"
        if other := [each["id"] for each in record.get("checks", ()) if each["verdict"] != "passed"]:
            yield f"it says certified, and the check {other[0]} has not passed"
        for name in ("counterexample", "repair"):
            if record.get(name):
                yield f"it says certified, and has a {name}"
        if (said := _certified(record, counts["passed"])) is not None and said != reason:
            yield f"the reason is not that of its cases: {reason!r}, which would be {said!r}"
        elif said is None and not re.match(rf"{counts['passed']} cases? ", reason):
            yield f"the reason is not that of its cases: {reason!r}, with {counts['passed']} that passed"
    elif verdict == "refuted":
        if not record["findings"]:
            yield "it says refuted, and nothing was found"
        elif not any(reason in {f"{f['check']}: {f[w]}" for w in ("cause", "reason")} for f in record["findings"]):
            yield "the reason is that of no finding"
    elif found := re.match(r"(\d+) of (\d+) (cases|checks) ", reason):
        each = cases if found[3] == "cases" else record.get("checks", ())
        counted = (sum(one["verdict"] == "blocked" for one in each), len(each))
        if counted != (int(found[1]), int(found[2])):
            yield f"the reason is not that of its {found[3]}: {reason!r}"


def _certified(record: Record, passed: int) -> str | None:
    """Return what a run of this version says of such cases, or None where another made it, or words are not enough."""
    claim = record["claim"]
    if record["suite"] != VERSION or claim["acceptance"] != "exact" or files_of(claim):
        return None
    try:
        rule = from_dict(claim, run=False).claimed.name
    except GradcertError:  # a claim that this installation does not take
        return None
    exact = sum(case["exact"] for case in record["cases"])
    return grounds.certified(passed, grounds.agreement(rule, exact), online=bool(claim.get("online")))


def _controls(record: Record) -> Iterator[str]:
    controls, separated = record["controls"], record["separated"]
    judged = [case["id"] for case in record["cases"] if case["verdict"] != "blocked"]
    for control in controls:
        if not control["refuted"] <= control["shown"]:
            yield f"the control {control['name']!r} was refuted more often than it was tried"
    if len({control["name"] for control in controls}) < len(controls):
        yield "two controls have one name"
    groups = {"/".join(name.split("/")[:2]) for name in judged}
    if missing := sorted(groups - set(separated)):
        yield f"nothing is said of which edges the cases of {missing[0]} see"
    if record["verdict"] == "certified":
        pairs = ((control["name"], control["refuted"]) for control in controls)
        budgets = {group: {k: float(v) for k, v in labels.items()} for group, labels in separated.items()}
        for why in grounds.void(pairs, budgets, record["claim"]["dtype"], ready=bool(judged)):
            yield f"it says certified, and proves nothing: {why}"


def _findings(record: Record) -> Iterator[str]:
    for finding in record["findings"]:
        where = finding["where"]
        if not {"given", "reference", "budget", "error in budgets"} <= set(where):
            continue
        given, reference, budget, told = (float(where[k]) for k in ("given", "reference", "budget", "error in budgets"))
        with np.errstate(all="ignore"):
            error = float(np.float64(abs(given - reference)) / np.float64(budget)) if given != reference else 0.0
        error = float("inf") if error != error else error
        if not np.isclose(error, told, rtol=SLACK, atol=0):
            yield f"the error of {where.get('array', 'a finding')} is not that of its two values: {told:.3g} budgets"


def _circumstances(record: Record) -> Iterator[str]:
    found = record.get("circumstances")
    facts = [case["facts"] for case in record["cases"] if case["verdict"] != "blocked"]
    facts = [each for each in facts if "met" in each]
    if not found:
        if facts and record["suite"] == VERSION:
            yield "nothing is said of circumstances"
        return
    largest = found["largest"]
    sizes = sorted({tuple(each["sizes"]) for each in facts})
    if any(largest[k] != max((each[k] for each in facts), default=0) for k in ("T", "B")):
        yield "the largest T and B are not those of the cases"
    if sorted(map(tuple, largest["sizes"])) != sizes:
        yield "the sizes are not those of the cases"
    met = {text for each in facts for text in each["met"]}
    for axis, levels in found["levels"].items():
        for name, what in levels.items():
            if axis != "calls" and ((what == "met") > (f"{axis}: {name}" in met)):
                yield f"it says that {axis} {name} was met, and no case of it is said to meet it"
    if found["pairs"]["met"] > found["pairs"]["of"]:
        yield "more pairs of circumstances were met than there are"


def _counterexample(record: Record) -> Iterator[str]:
    found = record.get("counterexample")
    if not found:
        return
    wrong = False
    for array in found["arrays"]:
        try:
            given, reference, budget = (np.asarray(array[k], dtype=float) for k in ("given", "reference", "budget"))
            ok = np.asarray(array["ok"], dtype=bool)
            fits = bool(np.array_equal(np.abs(given - reference) <= budget, ok))
        except (ValueError, TypeError):  # ragged: said where it is drawn (`shapes`)
            continue
        wrong = wrong or not ok.all()
        if not fits:
            yield f"its counterexample marks entries of {array['name']} as right or wrong that are not"
    if found["arrays"] and not wrong:
        yield "nothing of its counterexample is wrong"
    if found["case"] not in {case["id"] for case in record["cases"]}:
        yield f"its counterexample was shrunk from {found['case']}, which is no case of it"


def _notes(record: Record) -> Iterator[str]:
    """Yield notes that have to be there, and are not: what a reader must know follows from the rest."""
    notes = list(record["notes"])

    def lacks(begin: str = "", end: str = "") -> bool:
        return not any(note.startswith(begin) and note.endswith(end) for note in notes)

    if record.get("resumed") and lacks(f"{grounds.RESUMED}{record['resumed']} of "):
        yield "answers were read from a journal, and no note says so"
    if ("rule" in record["digests"]) != bool(files_of({"rule": record["claim"]["rule"]})):
        yield "the digest of a rule that was given, and the rule, do not fit together"
    if "rule" in record["digests"] and lacks(end=grounds.GIVEN):
        yield "the rule is code that was given, and no note says so"
    if record["subject"].startswith(FROM_FILES):
        return
    if any(case["family"] == "scale" for case in record["cases"]) and lacks(grounds.SCALE):
        yield "there are scale cases, and no note says what they are held to"
    for cell in dict.fromkeys(case["id"].split("/")[0] for case in record["cases"]):
        exact = any(case["exact"] for case in record["cases"] if case["id"].split("/")[0] == cell)
        said = not all(lacks(f"{cell}: {begin}") for begin in (grounds.NONE_EXACT, grounds.NOT_TO_THE_BIT))
        if not exact and not said:
            yield f"no case of {cell} is judged to the last bit, and no note says so"


def _same(a: Any, b: Any) -> bool:
    """Return whether two figures are the same; None is none, nan is nan."""
    return str(None if a is None else float(a)) == str(None if b is None else float(b))
