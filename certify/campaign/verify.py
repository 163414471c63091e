"""Verify a certificate: are its bytes what was written, does its identity fit, and does it come out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradcert.certify.campaign.campaign import Progress, certify
from gradcert.certify.certificates import (
    Difference,
    differences,
    environment,
    reference_digest,
    seal,
    subject_digest,
)
from gradcert.certify.claims import from_dict
from gradcert.certify.runs import difference
from gradcert.certify.subjects import Limits, named
from gradcert.reference.errors import GradcertError

VERIFIED, BROKEN, UNDECIDED = "verified", "broken", "undecided"
EXIT = {VERIFIED: 0, BROKEN: 1, UNDECIDED: 3}


@dataclass(frozen=True)
class Verification:
    """What came of it.

    Attributes
    ----------
    outcome : ``verified``; ``broken``, if the file was changed or does not come out again; ``undecided``, if it cannot
        be run again as it was, because the subject, the reference or the environment is another.
    reasons : sentences.
    differences : entries that came out otherwise.
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
    python: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
    jobs: int = 1,
    run: bool = True,
    progress: Progress | None = None,
) -> Verification:
    """Verify the bytes of a certificate.

    Parameters
    ----------
    data : as written by `gradcert.certify.certificates.seal`.
    python : the interpreter that the subject was run by, if it was another.
    limits, jobs, progress : as for `certify`.
    run : whether the checks are run again; without it, only the file is looked at.
    """
    if faults := seal.faults(data):
        return Verification(BROKEN, tuple(faults))
    record = seal.read(data)
    if not run:
        return Verification(VERIFIED, ("the file is as it was written; nothing was run",), (), (record["verdict"],))
    try:
        subject = named(record["subject"], python=python, limits=limits)
    except GradcertError as error:
        return Verification(UNDECIDED, (f"the subject cannot be run again: {error}",), (), (record["verdict"],))
    here = {
        "digests": {"subject": subject_digest(subject), "reference": reference_digest()},
        "environment": environment(),
    }
    changed = difference({name: record[name] for name in here}, here)
    try:
        again = certify(
            subject.program or subject.name,
            claim=from_dict(record["claim"]),
            seed=record["seed"],
            profile=record["profile"],
            python=python,
            limits=limits,
            jobs=jobs,
            progress=progress,
        ).to_dict()
    except GradcertError as error:
        return Verification(UNDECIDED, (f"the subject cannot be run again: {error}",), (), (record["verdict"],))
    verdicts = (record["verdict"], again["verdict"])
    found = tuple(d for d in differences(record, again) if d.where.split(": ")[0] not in here and d.where != "suite")
    if not found and not changed:
        return Verification(VERIFIED, ("the same identity, and every figure came out again",), (), verdicts)
    if not found:
        return Verification(
            VERIFIED,
            (f"every figure came out again, although this is not the same: {', '.join(changed)}",),
            (),
            verdicts,
        )
    first = f"{len(found)} entries came out otherwise, the first is {found[0].where}"
    if changed:
        names = ", ".join(changed)
        return Verification(UNDECIDED, (f"this is not the same as it was: {names}", first), found, verdicts)
    return Verification(BROKEN, (first,), found, verdicts)
