"""The derivations as pages of the site: their sections as HTML in Markdown, so that theme and search cover them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradcert.derivations.chapters import CHAPTERS
from gradcert.derivations.reading import citations, figure_files, site

FENCE = "``````"
TEACH = (
    'To teach from this page: <a href="../howto/lecture.html">a lecture on a rule</a>; '
    '<a href="../howto/figures.html">formulas and figures to take</a>.\n'
)


def write(folder: Path, extra: Path, verdicts: Mapping[str, list[Any]], *, pngs: bool = False) -> list[Path]:
    """Write a page per chapter and the table of contents; the code that they link to goes to `extra`.

    Returns the files of the figures, which go there too; `pngs` says whether each is to be had as PNG.
    """
    folder.mkdir(parents=True, exist_ok=True)
    code: dict[str, str] = {}
    for name in CHAPTERS:
        found = site.content(name, verdicts, code, pngs=pngs)
        parts = [f"# {found.title}\n", _html(found.lead + site.data(found.letters, found.signs))]
        for n, (anchor, heading, html) in enumerate(found.sections, start=1):
            place = "" if anchor == slug(heading) else _html(f'<a id="{anchor}"></a>', bare=True)
            parts.append(f"{place}\n## {n}. {heading}\n\n{_html(html)}")
        parts.append(TEACH)
        (folder / f"{name}.md").write_text("\n".join(parts), encoding="utf-8")
    index = site.index(verdicts, cited=False, pngs=pngs).replace("<h1>Derivations</h1>", "")
    toctree = "```{toctree}\n:hidden:\n\n" + "\n".join(CHAPTERS) + "\n```\n"
    (folder / "index.md").write_text(f"# Derivations\n\n{_html(index)}\n{toctree}", encoding="utf-8")
    for path, page in code.items():
        target = extra / "derivations" / page
        target.parent.mkdir(parents=True, exist_ok=True)
        html = site.code_page(path, assets="../../_static/").replace('href="../docs/', 'href="../../')
        target.write_text(html, encoding="utf-8")
    return figure_files.write(extra / "derivations", figure_files.drawings())


def slug(heading: str) -> str:
    """Return the name that Sphinx gives a section by itself, from its heading with formulas as HTML or without any.

    Examples
    --------
    >>> slug("The algorithm"), slug("Mistakes")
    ('the-algorithm', 'mistakes')
    """
    from docutils.nodes import make_id

    return str(make_id(re.sub(r"<[^>]*>", "", heading)))


def _html(html: str, *, bare: bool = False) -> str:
    """Return HTML as a block of Markdown; citations lead to the pages of the site."""
    body = citations.link(html, "../").replace('href="../docs/', 'href="../')
    return f"{FENCE}{{raw}} html\n{body if bare else f'<div class=chapter>{body}</div>'}\n{FENCE}\n"
