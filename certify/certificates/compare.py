"""What differs between two certificates: first what was asked, then what came out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.certify.certificates.grounds import RESUMED
from gradcert.certify.certificates.identity import DEFINING, TIMING
from gradcert.reference.printable import printable

KEYS = ("id", "name", "group", "case", "rule", "edge")  # by which members of a list are recognised
DERIVED = ("identity", "counts", "resumed", *TIMING)
UNREPEATED = ("identity", "resumed", "repair", *TIMING)  # what a run that is done again need not have


@dataclass(frozen=True)
class Difference:
    """One entry that is not the same.

    Attributes
    ----------
    where : path of the entry, such as ``cases/snu/1/squared_error-every/dyadic/0: verdict``.
    was, now : the two values; None where there is none.
    asked : whether it belongs to what was asked, rather than to what came out.
    """

    where: str
    was: Any
    now: Any
    asked: bool


def differences(a: Mapping[str, Any], b: Mapping[str, Any], *, but: Collection[str] = DERIVED) -> list[Difference]:
    """Return every entry in which the JSON forms of two certificates differ, timing and derived entries apart.

    That answers were read from a journal is no difference, nor is the note that says so: they are the same answers.

    Parameters
    ----------
    but : entries that are not looked at.

    Examples
    --------
    >>> [d.where for d in differences({"claim": {"rule": "ostl"}, "seed": 0}, {"claim": {"rule": "bptt"}, "seed": 0})]
    ['claim: rule']
    """
    out: list[Difference] = []
    for name in sorted({*a, *b} - set(but), key=lambda n: (n not in DEFINING, n)):
        for path, was, now in _walk(_told(a, name), _told(b, name)):
            where = printable(": ".join([name, *path]) if path else name)
            asked = name in DEFINING or (name == "cases" and path[-1:] in (["digest"], []))
            out.append(Difference(where, was, now, asked or (name == "cases" and len(path) == 1)))
    return out


def _told(record: Mapping[str, Any], name: str) -> Any:
    """Return an entry; of notes, those that a run from the beginning would have too."""
    found = record.get(name)
    return [note for note in found if not note.startswith(RESUMED)] if name == "notes" and found else found


def _walk(a: Any, b: Any) -> list[tuple[list[str], Any, Any]]:
    if a == b and type(a) is type(b):
        return []
    if isinstance(a, list) and isinstance(b, list):
        a, b = _keyed(a), _keyed(b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        out = []
        for name in [*a, *(n for n in b if n not in a)]:
            out += [([str(name), *path], was, now) for path, was, now in _walk(a.get(name), b.get(name))]
        return out
    return [([], a, b)] if a != b else []


def _keyed(items: list[Any]) -> dict[str, Any]:
    """Return a list as a mapping, members by name where they have one, else by position."""
    out: dict[str, Any] = {}
    for number, item in enumerate(items):
        name = next((str(item[k]) for k in KEYS if isinstance(item, Mapping) and k in item), str(number))
        if isinstance(item, Mapping) and "check" in item:
            name = f"{item['check']}, {item['case']}" if item.get("case") else str(item["check"])
        out[name if name not in out else f"{name} ({number})"] = item
    return out


def shown(value: Any) -> str:
    """Return a value in a few characters.

    Examples
    --------
    >>> shown(1 / 3), shown(None), shown("a" * 64)
    ('0.3333', 'nothing', 'aaaaaaaaaaaa…')
    """
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (dict, list)):
        return f"{len(value)} entries" if value else "nothing"
    text = printable(value)
    digest = len(text) == 64 and not set(text) - set("0123456789abcdef")
    return f"{text[:12]}…" if digest else text if len(text) <= 120 else f"{text[:119]}…"


def _attribute(subject: str) -> str:
    """Return what of a file, or a module, is the subject: a file has many names, and a name in it is a subject."""
    return subject.rpartition(":")[2]


def summary(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return what a person wants to know first, in sentences, the causes before the effects."""
    out = []
    if a["digests"]["subject"] != b["digests"]["subject"]:
        out.append("the subject's files changed")
    elif a["subject"] != b["subject"]:
        same = _attribute(a["subject"]) == _attribute(b["subject"])
        out.append("another name for the same subject" if same else "another subject, made of the same files")
    if a["suite"] != b["suite"] or a["digests"]["reference"] != b["digests"]["reference"]:
        out.append("the reference changed" + (f", {a['suite']} to {b['suite']}" if a["suite"] != b["suite"] else ""))
    if a["claim"] != b["claim"]:
        names = sorted(n for n in {*a["claim"], *b["claim"]} if a["claim"].get(n) != b["claim"].get(n))
        out.append(f"another claim: {', '.join(names)}")
    if (a["seed"], a["profile"]) != (b["seed"], b["profile"]):
        out.append("another seed or profile")
    if a["environment"] != b["environment"]:
        names = sorted(
            n for n in {*a["environment"], *b["environment"]} if a["environment"].get(n) != b["environment"].get(n)
        )
        out.append(f"another environment: {', '.join(names)}")
    made = [x.get("sources") or {"packages": {}, "files": {}} for x in (a, b)]
    for what, kind in (("files of the subject", "files"), ("packages", "packages")):
        first, second = (x[kind] for x in made)
        names = sorted(n for n in {*first, *second} if first.get(n) != second.get(n))
        if names:
            shown_names = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
            out.append(f"other {what}: {shown_names}")
    before, after = ({c["id"]: c["verdict"] for c in x["cases"]} for x in (a, b))
    both = [i for i in before if i in after]
    for word, group in (
        ("no longer pass", [i for i in both if before[i] == "passed" != after[i]]),
        ("pass now", [i for i in both if before[i] != "passed" == after[i]]),
    ):
        if group:
            out.append(f"{len(group)} of {len(both)} cases {word}, the first is {group[0]}")
    journal = [x.get("resumed", 0) for x in (a, b)]
    if journal[0] != journal[1]:
        first, second = (str(n or "none") for n in journal)
        out.append(f"answers that were read from a journal: {first}, now {second}; no other outcome")
    causes = [{f["cause"] or f["reason"] for f in x["findings"]} for x in (a, b)]
    out += [f"gone: {text}" for text in sorted(causes[0] - causes[1])]
    out += [f"new: {text}" for text in sorted(causes[1] - causes[0])]
    return [printable(line) for line in out]
