"""Citations of the pages in `docs/`: ``mathematics.md 4.3``, ``hardware.md 1.1``, ``T45``, ``claim C4``, the matrix.

One form everywhere: the name of the page, a blank, numbers joined by ``, ``, `` and ``, `` to `` or ``-``. A trap is
``T`` and its number, with or without words around it. The page of the ``matrix of libraries`` has these words for a
name. `tests/test_citations.py` holds every file to it. The
pages belong to the repository and not to a wheel: without them a citation stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gradcert.derivations

DOCS = Path(str(gradcert.derivations.__file__)).parent.parent / "docs"
NUMBER = r"\d+(?:\.\d+)?"
NAMED = re.compile(rf"\b(mathematics|hardware)\.md ({NUMBER}(?:(?:, | and | to |-){NUMBER})*)")
TRAP = re.compile(r"\bT\d{2,3}(?![0-9A-Za-z])")
CLAIM = re.compile(r"\bclaim (C\d+)\b")
MATRIX = re.compile(r"\bmatrix of libraries\b")
ANCHOR = re.compile(r'<a id="([^"]+)"></a>')


@dataclass(frozen=True)
class Citation:
    """One number or trap in a text: where it stands, and what it names."""

    start: int
    end: int
    page: str
    anchor: str


def citations(text: str) -> Iterator[Citation]:
    """Yield the citations of a text in the order in which they stand; the first of a list includes the page's name.

    Examples
    --------
    >>> text = "mathematics.md 4.1, 12.3; trap T45"
    >>> [(text[c.start : c.end], c.page, c.anchor) for c in citations(text)]
    [('mathematics.md 4.1', 'mathematics', '4.1'), ('12.3', 'mathematics', '12.3'), ('T45', 'mathematics', 'T45')]
    """
    found = [Citation(m.start(), m.end(), "mathematics", m[0]) for m in TRAP.finditer(text)]
    found += [Citation(m.start(), m.end(), "claims", m[1].lower()) for m in CLAIM.finditer(text)]
    found += [Citation(m.start(), m.end(), "matrix", "") for m in MATRIX.finditer(text)]
    for m in NAMED.finditer(text):
        for i, n in enumerate(re.finditer(NUMBER, m[2])):
            found.append(Citation(m.start(2) + n.start() if i else m.start(), m.start(2) + n.end(), m[1], n[0]))
    yield from sorted(found, key=lambda c: c.start)


@cache
def targets(docs: Path = DOCS) -> Mapping[tuple[str, str], str]:
    """Return (page, anchor) -> file below `docs` and anchor, or the file alone; empty where the pages are not there.

    Examples
    --------
    >>> targets(Path("no such folder"))
    {}
    """
    files = {
        "mathematics": sorted(docs.glob("mathematics/*.md")),
        "hardware": sorted(docs.glob("hardware.md")),
        "claims": sorted(docs.glob("claims_of_papers.md")),
    }
    found = {
        (page, anchor): f"{file.relative_to(docs).as_posix()}#{anchor}"
        for page, paths in files.items()
        for file in paths
        for anchor in ANCHOR.findall(file.read_text(encoding="utf-8"))
    }
    return found | ({("matrix", ""): "matrix.md"} if (docs / "matrix.md").is_file() else {})


def link(html: str, up: str = "") -> str:
    r"""Return HTML in which citations are links to the pages of the site; `up` leads from the page to the site's root.

    Text inside tags and inside other links stays as it is, and so does a citation of a page that is not there.

    Examples
    --------
    >>> link("<b>T45</b> and <a href='#x'>T46</a>")
    '<b><a href="docs/mathematics/14-traps.html#T45">T45</a></b> and <a href=\'#x\'>T46</a>'
    """
    known, out, inside = targets(), [], False
    for part in re.split(r"(<[^>]*>)", html):
        if part.startswith("<"):
            inside = part.startswith("<a ") or (inside and part != "</a>")
        elif not inside:
            part = _linked(part, up, known)
        out.append(part)
    return "".join(out)


def _linked(text: str, up: str, known: Mapping[tuple[str, str], str]) -> str:
    out, last = "", 0
    for c in citations(text):
        if target := known.get((c.page, c.anchor)):
            href = f"{up}docs/{re.sub('[.]md(?=#|$)', '.html', target)}"
            out += f'{text[last : c.start]}<a href="{href}">{text[c.start : c.end]}</a>'
            last = c.end
    return out + text[last:]
