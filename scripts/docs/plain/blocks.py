r"""Blocks of plain formulas as rows of set ones, numbered; prose and docstrings with their formulas set.

A block is laid out by hand: equations stand under each other and, two spaces apart, beside each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from scripts.docs.markdown import raw
from scripts.docs.plain.formula import RELATIONS, formula
from scripts.docs.plain.names import NONE
from scripts.docs.plain.pieces import Piece, pieces

INDENTED = 12  # blanks
RELATION_SIGNS = {"=": "=", "<-": r"\leftarrow", "~": r"\sim"}
_RELATION = re.compile(r"(?<![<>!\s])\s*(=|<-|~)(?=\s)")
_LABEL = ("with", "where", "or")
_NAMED = re.compile(r"[a-z_]{3,}")
_CODE = re.compile(r"`([^`\n]+)`")
_TIGHT = (*RELATIONS, "+", "-", "*", "(x)", ".")


@dataclass
class _Row:
    """An equation with the words before and behind it; words alone."""

    before: list[Piece] = field(default_factory=list)
    left: str = ""
    right: str = ""
    said: list[Piece] = field(default_factory=list)


def equations(text: str, own: Mapping[str, tuple[str, str]] = NONE) -> str | None:
    """Return a block as HTML: a row for each equation; nothing where no line of it is an equation.

    `own` are names of the page alone, as TeX and an index.
    """
    rows: list[_Row] = []
    for line in text.strip("\n").splitlines():
        beside = len(line) - len(line.lstrip()) > INDENTED  # goes on with what the line before says behind its equation
        parts = _beside(line, own)
        if not parts:
            continue
        if len(parts) > 1 and _NAMED.fullmatch(parts[0]) and parts[0] not in _LABEL:
            parts[0] += ":"  # what a line is about, as a setting, and not its first word
        found = [None if part.startswith("(") else _equation(part, own) for part in parts]
        label: list[Piece] = []
        for part, row, following in zip(parts, found, [*found[1:], None], strict=True):
            if row is not None:
                row.before, label = [*label, *row.before], []
                rows.append(row)
            elif following is not None and not part.startswith("("):
                label = pieces(part, own)
            elif rows and beside and (rows[-1].right or rows[-1].said):
                again = part is parts[0] or not rows[-1].said or not rows[-1].right or part.startswith("(")
                rows[-1].said += [Piece(" " if again else "; "), *pieces(part, own)]
            else:
                rows.append(_Row(said=pieces(part, own)))
            beside = True
    return f'<div class="eqs">{"".join(map(_shown, rows))}</div>' if any(row.right for row in rows) else None


def _beside(line: str, own: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return what a line holds side by side: two spaces apart, unless the one goes on with the other's formula."""
    out: list[str] = []
    words = re.split(r"(\s{2,})", line.strip())
    for gap, part in zip(["", *words[1::2]], words[::2], strict=True):
        first, last = part.split(" ")[0], out[-1].split(" ")[-1] if out else ""
        more = len(gap) == 2 and formula(part, own) is not None and " = " not in re.sub(r"\([^()]*\)", "", part)
        if out and (first in _TIGHT or last in _TIGHT or more) and not re.match(r"<- [a-z]", part):
            out[-1] += f" {part}"
        elif part:
            out.append(part)
    return out


def _shown(row: _Row) -> str:
    """Return a row as cells of the block's grid: the sides of the equation and its number, with the words around it."""
    before = f'<span class="w">{_html(row.before)}</span>' if row.before else ""
    if not row.right:
        return f'<span class="w">{_html(row.said)}</span>'
    aside = "".join(p.text for p in row.said).strip().startswith("(")
    kind = "said" if aside else "more"
    words = f' <span class="{kind}">{_html(row.said)}</span>' if row.said else ""
    rest = "" if aside else "".join(p.tex or rf"\text{{{p.text}}}" for p in row.said)
    number = f'<span class="n" data-tex="{escape(f"{row.left} {row.right}{rest}")}"></span>'
    return f'{before}<span class="l">{_span(row.left)}</span><span class="r">{_span(row.right)}{words}</span>{number}'


def _equation(part: str, own: Mapping[str, tuple[str, str]]) -> _Row | None:
    """Return the first equation of a part as a row; nothing where there is none."""
    found = pieces(part, own)
    for n, piece in enumerate(found):
        split = _RELATION.search(piece.text) if piece.tex else None
        if split is None:
            continue
        left, right = formula(piece.text[: split.start()], own), formula(piece.text[split.end() :], own)
        label = "".join(p.text for p in found[:n]).strip()
        if label and not label.endswith(":") and label not in _LABEL:
            return None  # the left side has words in it: x at fixed y = ...
        if left and right:
            said = found[n + 1 :] if len(found) > n + 2 or found[-1].text.strip(",; ") else []
            return _Row(found[:n], left, f"{RELATION_SIGNS[split[1]]} {right}", said)
    return None


def _span(tex: str) -> str:
    return f'<span class="tex">{escape(tex, quote=False)}</span>'


def _html(parts: list[Piece]) -> str:
    return "".join(_span(p.tex) if p.tex else _signs(escape(p.text, quote=False)) for p in parts)


def _signs(text: str) -> str:
    """Return escaped words with arrows and relations as such."""
    for plain, sign in (("+-", "±"), ("<-", "←"), ("->", "→"), (">=", "≥"), ("<=", "≤")):
        text = text.replace(escape(plain), sign)
    return text


def inline(text: str) -> str:
    """Return Markdown in which the code between backticks that is a formula is one."""

    def change(match: re.Match[str]) -> str:
        tex = formula(match[1])
        return f"${tex}$" if tex is not None and re.search(r"[A-Za-z*]", match[1]) else match[0]

    return _CODE.sub(change, text)


def prose(text: str) -> str:
    """Return words as Markdown, what has an index or is the name of a symbol set as a formula; code stays code."""
    out = []
    for n, part in enumerate(re.split(r"(`[^`\n]+`|\*\*[^*\n]+\*\*(?=: ?))", text)):
        out.append(part if n % 2 else "".join(_markdown(p) for p in pieces(part, prose=True)))
    return "".join(out)


def _markdown(piece: Piece) -> str:
    """Return a formula between dollars; words whose signs Markdown leaves alone."""
    if piece.tex:
        return f"${piece.tex}$"
    text = piece.text.replace("+-", "±").replace("<-", "←").replace("->", "→")
    return re.sub(r"([\[$*\\])", r"\\\1", text.replace("<", "&lt;"))


def page(text: str) -> str:
    """Return a page of `docs/` in plain formulas: its blocks as equations, its inline code as formulas."""
    out: list[str] = []
    block: list[str] | None = None
    for line in text.split("\n"):
        if line.startswith("```") and block is None:
            block = [line]
        elif line.startswith("```") and block is not None:
            found = equations("\n".join(block[1:])) if block[0].strip() in ("```", "```text") else None
            out += [raw(found)] if found else [*block, line]
            block = None
        elif block is not None:
            block.append(line)
        else:
            out.append(inline(line))
    return "\n".join([*out, *(block or [])])
