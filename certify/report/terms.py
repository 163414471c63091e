"""The words of a report and what they mean: one legend for terminal, page and summary."""

from __future__ import annotations

from gradcert.certify.certificates import Certificate

TERMS = {
    "budget": "the most that the rounding of any right program can move an entry: derived for each entry, not guessed",
    "budget / gradient": "the two compared as norms, for the case where it is largest: how sharply a case can see",
    "worst error / budget": "the entry that comes nearest to its budget, or leaves it: above 1 is refuted",
    "exact": "cases whose every gradient has budget 0: judged to the last bit",
    "edges seen": "by how many budgets the gradient without (or with) an edge is off, in the weakest cell and depth; "
    "of an edge that no case sees nothing is said",
    "controls": "programs known to be wrong, judged like the subject: one that passes makes the run prove nothing",
    "circumstances": "levels of axes (lengths, sizes, signals) that cases met; a mistake elsewhere is not excluded",
}


WITHIN = (
    "the entry that is furthest from the row's in its budgets; it decides nothing here: the claim allows what it says"
)


def used(certificate: Certificate) -> dict[str, str]:
    """Return the terms that a report of this certificate uses."""
    shown = {
        "edges seen": any(any(labels.values()) for labels in certificate.separated.values()),
        "controls": bool(certificate.controls),
        "circumstances": bool(certificate.circumstances),
    }
    judged = any(case.verdict != "blocked" for case in certificate.cases)
    out = {name: text for name, text in TERMS.items() if judged and shown.get(name, True)}
    if "worst error / budget" in out and certificate.claim.get("acceptance", "exact") != "exact":
        out["worst error / budget"] = WITHIN
    return out


def circumstance(certificate: Certificate) -> str:
    """Return when, by which version, with which profile and seed, in how many seconds: one line.

    A certificate of gradcert 0.1 does not say when.
    """
    date = str(certificate.timing.get("date", ""))
    when = f"{date[:10]} {date[11:16]} UTC, " if date else ""
    return f"{when}gradcert {certificate.suite}, profile {certificate.profile}, seed {certificate.seed}"
