"""Verify a certificate: are its bytes what was written, does its identity fit, and does it come out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradcert.certify.campaign.asked import Progress
from gradcert.certify.campaign.campaign import certify
from gradcert.certify.certificates import HELD, NOT_HELD, UNREPEATED, VERSION, Difference, differences, seal
from gradcert.certify.claims import files_of, from_dict
from gradcert.certify.runs import difference
from gradcert.certify.subjects import Limits, named
from gradcert.reference.errors import GradcertError

VERIFIED, INTACT, BROKEN, UNDECIDED = "verified", "intact", "broken", "undecided"
SEALED = "the seal fits the file (it is no signature: whoever changes a file can seal it anew)"
EXIT = {VERIFIED: 0, INTACT: 0, BROKEN: 1, UNDECIDED: 3}
WHOLE = f"held against the rest of the file, and it fits: {HELD}"
OPEN = f"not held, as only --run finds it out: {NOT_HELD}"


@dataclass(frozen=True)
class Verification:
    """What came of it.

    Attributes
    ----------
    outcome : ``verified``; ``intact``, if only the file was looked at: its seal fits it, and it does not contradict
        itself; ``broken``, if it does, or does not come out again; ``undecided``, if it cannot be run again as it was,
        because the subject, the reference or the environment is another.
    reasons : sentences.
    differences : entries that came out otherwise; none where another version of gradcert made the certificate.
    verdict : of the certificate, and of the new run if there was one.
    """

    outcome: str
    reasons: tuple[str, ...]
    differences: tuple[Difference, ...] = ()
    verdict: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit status of the command line."""
        return EXIT[self.outcome]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        changed = [{"where": d.where, "was": d.was, "now": d.now} for d in self.differences]
        return {
            "outcome": self.outcome,
            "reasons": list(self.reasons),
            "differences": changed,
            "verdict": list(self.verdict),
        }


def verify(
    data: bytes,
    *,
    run: bool = False,
    python: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
    jobs: int = 1,
    progress: Progress | None = None,
) -> Verification:
    """Verify the bytes of a certificate.

    Parameters
    ----------
    data : as written by `gradcert.certify.certificates.seal`.
    run : whether the checks are run again, and with them what the certificate names (`runs`); without it, only the file
        is looked at.
    python : the interpreter that the subject was run by, if it was another.
    limits, jobs, progress : as for `certify`.
    """
    if faults := seal.faults(data):
        return Verification(BROKEN, tuple(faults))
    record = seal.read(data)
    was = (record["verdict"],)
    other = (other_version(record["suite"]),) if record["suite"] != VERSION else ()
    if not run:
        return Verification(INTACT, (SEALED, *other, WHOLE, OPEN, "nothing was run"), (), was)
    try:
        subject = named(record["subject"], python=python, limits=limits)
    except GradcertError as error:
        return Verification(UNDECIDED, (f"the subject cannot be run again: {error}",), (), was)
    here = ("suite", "digests", "environment", "sources")
    try:
        again = certify(
            subject.program or subject.name,
            claim=from_dict(record["claim"], run=True),
            seed=record["seed"],
            profile=record["profile"],
            python=python,
            limits=limits,
            jobs=jobs,
            progress=progress,
        ).to_dict()
    except GradcertError as error:
        return Verification(UNDECIDED, (f"the subject cannot be run again: {error}",), (), was)
    changed = difference(*({name: known.get(name, {}) for name in here} for known in (record, again)))
    found = tuple(
        d
        for d in differences(record, again, but=UNREPEATED)
        if d.where.split(": ")[0] not in here and not d.where.endswith(": replay")  # how it was called there
    )
    verdicts = (record["verdict"], again["verdict"])
    known = {(f["check"], f["cause"]) for f in record["findings"]}
    for finding in again["findings"]:
        if finding["check"] in ("import", "call") and (finding["check"], finding["cause"]) not in known:
            why = f"the subject does not answer here as it did: {finding['reason']}"
            return Verification(UNDECIDED, (why, *((*other,) if other else ())), (), verdicts)
    before = record.get("resumed")
    notes = (f"{before} answers were read from a journal then; now all were given",) if before else ()
    if not found:
        others = f"every figure came out again, although this is not the same: {', '.join(changed)}"
        same = "the same identity, and every figure but date and seconds came out again"
        return Verification(VERIFIED, (others if changed else same, *notes), (), verdicts)
    first = f"{len(found)} entries came out otherwise, the first is {found[0].where}"
    if other:
        return Verification(UNDECIDED, (*other, *notes), (), verdicts)
    if changed:
        names = ", ".join(changed)
        return Verification(UNDECIDED, (f"this is not the same as it was: {names}", first, *notes), found, verdicts)
    return Verification(BROKEN, (first, *notes), found, verdicts)


def other_version(suite: str) -> str:
    """Return the sentence about a certificate that another version of gradcert made.

    Examples
    --------
    >>> other_version("0.0.1")[:26], other_version("0.0.1")[-72:]
    ('made by gradcert 0.0.1; th', 'h may ask other problems: what comes out of a run now cannot be compared')
    """
    what = "which may ask other problems: what comes out of a run now cannot be compared"
    return f"made by gradcert {suite}; this is {VERSION}, {what}"


def runs(data: bytes) -> tuple[str, ...]:
    """Return what `verify` would run for a certificate: its subject, and the files of cells that its claim names."""
    record = seal.read(data)
    return (record["subject"], *files_of(record["claim"]))
