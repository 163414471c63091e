"""Words: the verdict and its reason, the controls and edges that it stands on, the notes that follow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gradcert.certify.certificates import grounds
from gradcert.certify.certificates.certificate import parted
from gradcert.certify.certificates.suite import VERSION
from gradcert.certify.claims import files_of, from_dict
from gradcert.reference.errors import GradcertError

Record = Mapping[str, Any]
FROM_FILES = "answers:"  # how the subject of answers to golden vectors begins: of these no notes are made


def _plain(text: str) -> str:
    """Return words in which 1.0 is 1, as a rule's settings are once they were read from canonical JSON."""
    return re.sub(r"(?<=\d)\.0(?=[^\d]|$)", "", text)


def verdict(record: Record) -> Iterator[str]:
    """Yield what a verdict, or its reason, says otherwise than the cases and findings."""
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
        if (said := _certified(record, counts["passed"])) is not None and _plain(said) != _plain(reason):
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


def controls(record: Record) -> Iterator[str]:
    """Yield controls, and edges that cases see, that cannot be those of the cases, or do not bear the verdict."""
    controls, separated = record["controls"], record["separated"]
    judged = [case["id"] for case in record["cases"] if case["verdict"] != "blocked"]
    for control in controls:
        if not control["refuted"] <= control["shown"]:
            yield f"the control {control['name']!r} was refuted more often than it was tried"
    # each case shows a control once; those that are drawn for circumstances show none, as little is to be seen in them
    drawn = [case for case in record["cases"] if case["digest"]]
    if record["claim"]["acceptance"] != "unbiased":
        drawn = [case for case in drawn if case["family"] != "circumstance"]
    if often := [control for control in controls if control["shown"] > len(drawn)]:
        name, times = often[0]["name"], often[0]["shown"]
        yield f"the control {name!r} was tried {times} times, it says, with {len(drawn)} cases that show controls"
    if len({control["name"] for control in controls}) < len(controls):
        yield "two controls have one name"
    groups = {"/".join(parted(name)[:2]) for name in judged}
    if missing := sorted(groups - set(separated)):
        yield f"nothing is said of which edges the cases of {missing[0]} see"
    if record["verdict"] == "certified":
        pairs = ((control["name"], control["refuted"]) for control in controls)
        budgets = {group: {k: float(v) for k, v in labels.items()} for group, labels in separated.items()}
        for why in grounds.void(pairs, budgets, record["claim"]["dtype"], ready=bool(judged)):
            yield f"it says certified, and proves nothing: {why}"


def notes(record: Record) -> Iterator[str]:
    """Yield notes that have to be there, and are not: what a reader must know follows from the rest."""
    told = list(record["notes"])

    def lacks(begin: str = "", end: str = "") -> bool:
        return not any(note.startswith(begin) and note.endswith(end) for note in told)

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
    for cell in dict.fromkeys(parted(case["id"])[0] for case in record["cases"]):
        exact = any(case["exact"] for case in record["cases"] if parted(case["id"])[0] == cell)
        said = not all(lacks(f"{cell}: {begin}") for begin in (grounds.NONE_EXACT, grounds.NOT_TO_THE_BIT))
        if not exact and not said:
            yield f"no case of {cell} is judged to the last bit, and no note says so"
