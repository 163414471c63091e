"""The pages of `docs/` that the derivations cite, rendered for the site: same folders, ``.html`` for ``.md``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gradcert.derivations.reading.citations import DOCS

PAGES = ("mathematics/*.md", "hardware.md", "claims_of_papers.md", "matrix.md")


def rendered(docs: Path = DOCS) -> Iterator[tuple[str, str, str]]:
    """Yield (path below the site's ``docs``, title, body) of every page; none where the pages are not there."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    files = {path.resolve() for pattern in PAGES for path in docs.glob(pattern)}
    for file in sorted(files):
        body = _relinked(markdown.render(file.read_text(encoding="utf-8")), file, files)
        body = body.replace("<table>", '<div class="tablewrap prose"><table>').replace("</table>", "</table></div>")
        heading = re.search(r"<h1>(.*?)</h1>", body, re.DOTALL)
        title = re.sub(r"<[^>]*>", "", heading[1]) if heading else file.stem
        yield file.relative_to(docs.resolve()).with_suffix(".html").as_posix(), title, body


def _relinked(html: str, file: Path, files: set[Path]) -> str:
    """Turn links between rendered pages into links between their HTML; what leads elsewhere becomes text."""

    def change(match: re.Match[str]) -> str:
        target, _, anchor = match[1].partition("#")
        path = (file.parent / target).resolve() if target else file
        if path not in files:
            return match[2]
        name = target.removesuffix(".md") + ".html" if target else ""
        return f'<a href="{name}{"#" + anchor if anchor else ""}">{match[2]}</a>'

    return re.sub(r'<a href="([^"]*)">(.*?)</a>', change, html, flags=re.DOTALL)
