"""Figures: counts, errors and budgets of cases, the two values of a finding, the arrays of a counterexample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import numpy as np

Record = Mapping[str, Any]
# Recomputed of numbers that a file has in full: a quotient is off by three roundings of 2^-53, a norm of n entries by
# n / 2 + 2 of them; 1e-9 is more up to n of 16 million, and of a certificate's figures six digits are shown.
SLACK = 1e-9


def cases(record: Record) -> Iterator[str]:
    """Yield counts and errors that are not those of the cases, and what does not fit together inside a case."""
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


def findings(record: Record) -> Iterator[str]:
    """Yield errors of findings that are not those of their two values."""
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


def counterexample(record: Record) -> Iterator[str]:
    """Yield arrays of a counterexample that are marked otherwise than they are."""
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


def _same(a: Any, b: Any) -> bool:
    """Return whether two figures are the same; None is none, nan is nan."""
    return str(None if a is None else float(a)) == str(None if b is None else float(b))
