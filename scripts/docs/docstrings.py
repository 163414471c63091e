"""A module's docstring as Markdown: its formulas set, its tables and code as they stand, its references links."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gradcert.derivations.reading import citations
from scripts.docs.markdown import raw
from scripts.docs.plain import blocks
from scripts.docs.plain import legend as meanings

_LEAD = re.compile(
    r"^(Papers?|Dropped|Costs?(?: of [^:]*?)?|Exact(?:, against[^:]*)?|Choices? made[^:]*|Left open[^:]*)(: ?)",
    re.MULTILINE,
)


def markdown(text: str, *, up: str, explained: bool = False, letters: Mapping[str, str] = meanings.NOTHING) -> str:
    """Return a docstring as Markdown; `up` leads from the page to the top of the site.

    `explained`: the letters of the first equations are explained below them, `letters` as they are given.
    """
    out: list[str] = []
    parts = re.split(r"\n\s*\n", text.strip("\n"))
    n = 0
    told = not explained
    while n < len(parts):
        part = parts[n].strip("\n")
        if part.startswith("    "):
            while n + 1 < len(parts) and parts[n + 1].strip("\n").startswith("    "):  # blank lines inside a block
                n += 1
                part += "\n\n" + parts[n].strip("\n")
            out.append(_block(part, legend=not told, letters=letters))
            told = True
        elif re.match(r"=+ +=", part) or re.search(r"^=+ +=", part, re.MULTILINE):
            out.append(f"```text\n{part}\n```")
        elif (found := re.match(r"(\w+)\n-{3,}\n", part)) is not None:
            out.append(f"**{found[1]}**\n\n{_fields(part[found.end() :], up)}")
        elif part.strip() != "::":
            out.append(_paragraph(part, up))
        n += 1
    return "\n\n".join(out) + "\n"


def _block(part: str, *, legend: bool, letters: Mapping[str, str]) -> str:
    """Return a literal block: equations, or text."""
    lines = [line[4:] if line.startswith("    ") else line for line in part.split("\n")]
    found = blocks.equations("\n".join(lines))
    if found and legend:
        found += meanings.legend("\n".join(lines), letters)
    return raw(found) if found else "```text\n" + "\n".join(lines) + "\n```"


def _paragraph(part: str, up: str) -> str:
    """Return a paragraph; what it begins with, as `Dropped:`, begins a paragraph of its own."""
    text = re.sub(r"``([^`]+)``", r"`\1`", re.sub(r"::$", ":", part))
    text = _LEAD.sub(lambda m: f"\n**{m[1]}**{m[2]}", text).strip("\n")
    text = re.sub(r"(?<!\*\*)\n(?=\*\*)", "\n\n", text)
    return linked(blocks.prose(text), up)


def _fields(text: str, up: str) -> str:
    """Return the fields of a section as a list."""
    items = re.split(r"\n(?=\S)", text.strip("\n"))
    shown = []
    for item in items:
        name, colon, says = item.partition(" : ")
        says = linked(blocks.prose(re.sub(r"``([^`]+)``", r"`\1`", " ".join(says.split()))), up)
        shown.append(f"- `{name}`: {says}" if colon else f"- {item}")
    return "\n".join(shown)


def linked(text: str, up: str) -> str:
    """Return text in which sections of the mathematics, traps and claims are links."""
    return citations.link(text, up).replace(f'href="{up}docs/', f'href="{up}')
