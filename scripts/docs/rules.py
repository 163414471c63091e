"""A page per rule: what it keeps and costs, its equations, what libraries compute of it, and what is proved."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from scripts.docs import docstrings, libraries
from scripts.docs.markdown import table, toctree, write
from scripts.docs.plain import blocks
from scripts.docs.plain.meanings import MEANINGS
from scripts.docs.plain.notation import of_rule

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = {
    **dict.fromkeys(("bptt", "rtrl"), "paths"),
    **dict.fromkeys(("ostl", "ostl-random"), "ostl"),
    **dict.fromkeys(("e-prop", "e-prop-random", "e-prop-adaptive"), "eprop"),
    **dict.fromkeys(("ottt", "ottt-code", "sltt", "otpe"), "ottt"),
    "fptt": "fptt",
    "osttp": "osttp",
    **dict.fromkeys(("rate-based", "ndot"), "rates"),
    "s-tllr": "stllr",
    **dict.fromkeys(("decolle", "tess"), "local"),
    **dict.fromkeys(("snap-1", "snap-2"), "snap"),
    **dict.fromkeys(("uoro", "kf-rtrl"), "unbiased"),
    **dict.fromkeys(("opzo", "sltt-k", "etlp"), "sampled"),
}
CALLED = (
    "Where it is found, under its own name or another one. That code stands here says nothing about what it computes. "
    "Packages are of the release that is named; repositories were read at the commits of "
    '<a href="../../mathematics/16-sources.html">the sources</a>.'
)
LIBRARIES = (
    "Claims of this rule by code as it is published, judged. A verdict is followed by the claim that it is about, the "
    "rule and the cell that the code was held to, and one that is refuted by what was found instead. A claim that is "
    "refuted is no defect by itself: "
    '<a href="../../matrix.html">what libraries compute</a> says what each is instead.'
)
FACTS = {
    "own layer": "edges kept in the parameter's own layer",
    "layers above": "edges kept in the layers above",
    "feedback": "learning signal",
    "cut": "cut in time or reach",
    "leaves out": "what it leaves out",
    "exact": "exact for",
    "cost of a step": "cost of a step, a layer of n units",
    "claims": "how a program that claims it is judged",
    "needs": "needs",
}


#: how a claim of a rule that is no row is judged, as the listing says it in few words, and in whole ones
JUDGED = (
    (
        "exact: weights afterwards, or gradients between",
        "it changes weights inside a sequence, so what the program returns is the weights after the sequence, or the "
        "gradient of every update in it; either is compared with that of this project's program, entry by entry, "
        "within the difference that rounding can make",
    ),
    (
        "exact",
        "its gradient is compared with that of this project's program, entry by entry, within the "
        "difference that rounding can make",
    ),
    (" with fixed normalisers", ", normalisers held fixed"),
    ("its draws being given", "both with the same random numbers"),
    ("; unbiased", "; or, where it claims to be unbiased, the mean of many draws is compared with its mean"),
)


def rules(folder: Path, lessons: Iterable[str]) -> None:
    """Write a page per rule."""
    from gradcert.commands import rules as listing
    from gradcert.reference import RULES
    from gradcert.reference.published import KINDS

    known, judged = set(lessons), claims((ROOT / "docs" / "matrix.md").read_text(encoding="utf-8"))
    pages = {name: listing.record(row) for name, row in RULES.items()}
    pages |= {name: listing.algorithm(kind) for name, kind in KINDS.items()}
    for name, record in pages.items():
        chapter = CHAPTERS.get(name, "")
        write(folder / f"{name}.md", page(record, chapter if chapter in known else "", judged.get(name, [])))
    text = "Which edges a rule keeps, where its learning signal comes from, what it costs, and when it is exact."
    write(folder / "index.md", f"# Rules\n\n{text}\n\n{toctree(pages)}")


def page(record: dict[str, Any], chapter: str, judged: list[dict[str, str]]) -> str:
    """Return the page of a rule, from its record, the name of the lesson about it, and claims of it."""
    from gradcert.commands.rules import THEOREMS

    link = f'<a href="../../derivations/{chapter}.html">The derivation, step by step</a>\n\n' if chapter else ""
    record = {**record, "claims": judged_by(record.get("claims", ""))}
    facts = [{"": says, " ": fact(record[name])} for name, says in FACTS.items() if record.get(name)]
    settings = [{"setting": name, "usual": f"`{value}`"} for name, value in record.get("settings", {}).items()]
    parts = [f"# {record['name']}\n\n{escape(record['title'], quote=False)}\n\n{link}{table(facts)}"]
    if settings:
        parts.append(f"## Settings\n\n{table(settings)}")
    if record.get("page"):
        letters = MEANINGS.get(record["name"], {})
        if letters:  # its equations are such, and no text
            letters = of_rule(record["name"], letters, record["page"] + str(record.get("cost of a step", "")))
        equations = docstrings.markdown(record["page"], up="../../", explained=True, letters=letters)
        parts.append(f"## Equations\n\n{equations}")
    parts.append(f"## In libraries\n\n{called(record['name'])}")
    if judged:
        parts.append(f"{LIBRARIES}\n\n{table(judged)}")
    if record.get(THEOREMS):
        rows = [{"theorem": f"`{t['theorem']}`", "says": t["says"]} for t in record[THEOREMS]]
        about = 'For every size, checked by Coq: <a href="../../theorems.html">what is proved</a>.'
        parts.append(f"## Theorems\n\n{about}\n\n{table(rows)}")
    return "\n".join(parts)


def called(name: str) -> str:
    """Return how libraries call a rule, or that none of those that were looked at has it.

    Examples
    --------
    >>> print(called("osttp"))
    No library that was looked at has this rule under a name of its own, and no code of the authors was found.
    <BLANKLINE>
    """
    calls = libraries.CALLS[name]
    if isinstance(calls, str):
        return f"{calls}\n"
    rows = [{"where": c.where, "call": c.call if "`" in c.call else f"`{c.call}`", "what it is": c.says} for c in calls]
    return f"{CALLED}\n\n{table(rows)}"


def fact(value: Any) -> str:
    """Return a fact in words as Markdown, its formulas set."""
    return blocks.prose(str(value)).replace("|", "\\|")


def judged_by(words: str) -> str:
    """Return how a claim is judged, in whole words.

    Examples
    --------
    >>> judged_by("exact, its draws being given")[-39:]
    'make, both with the same random numbers'
    """
    for short, long in JUDGED:
        words = words.replace(short, long, 1) if long not in words else words
    return words


def about(certificate: Path) -> str:
    """Return what a verdict is about, and why it is not the one that was claimed: the words after it; or nothing."""
    if not certificate.is_file():
        return ""
    found = json.loads(certificate.read_text(encoding="utf-8"))
    claim = found["claim"]
    cells = ", ".join(cell.rpartition(":")[2] for cell in claim["cells"])
    why = "" if found["verdict"] == "certified" else f": {found['reason'].removeprefix('gradient: ')}"
    return re.sub(r"([_*<\[\]])", r"\\\1", escape(f" as {claim['rule']} on {cells}{why}", quote=False))


def claims(matrix: str) -> dict[str, list[dict[str, str]]]:
    """Return the rows of the page on libraries by rule: library, class, verdict with its certificate and its claim."""
    out: dict[str, list[dict[str, str]]] = {}
    lines = [line for line in matrix.splitlines() if line.startswith("|")]
    head = [part.strip() for part in lines[0].strip("|").split("|")]
    for line in lines[2:]:
        parts = [part.strip() for part in line.strip("|").split("|")]
        if len(parts) != len(head):
            break  # the table ends
        for name, verdict in zip(head[2:], parts[2:], strict=True):
            found = re.fullmatch(r"\[(\w+)\]\((certificates/[^)]+)\)", verdict)
            if found:
                library, kind = parts[0], re.sub(r"\[(.*)\]\([^)]*\)", r"\1", parts[1])
                link = f"[{found[1]}](../../{found[2]})" + about(ROOT / "docs" / found[2])
                out.setdefault(name, []).append({"library": library, "class": kind, "verdict": link})
    return out
