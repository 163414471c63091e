"""Every link of the built site leads to one place: files and anchors; and nothing is loaded from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"img": "src", "script": "src", "iframe": "src", "source": "src", "link": "href"}


class Page(HTMLParser):
    """What a page links to, what it loads, and where one can link to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.twice: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        given = dict(attrs)
        if name := given.get("id"):
            (self.twice if name in self.anchors else self.anchors).add(name)
        if tag == "a" and (href := given.get("href")):
            self.links.append(href)
        if (attribute := LOADS.get(tag)) and (target := given.get(attribute)) and given.get("rel") != "canonical":
            self.loads.append(target)


def broken(folder: Path) -> list[str]:
    """Return what is wrong with the links of a site and the places that they lead to, as sentences.

    Links to other hosts are not followed; what a page loads has to lie in the site.
    """
    pages: dict[Path, Page] = {}
    for path in folder.resolve().rglob("*.html"):
        pages[path] = Page()
        pages[path].feed(path.read_text(encoding="utf-8"))
    wrong = []
    for path, page in pages.items():
        name = path.relative_to(folder.resolve()).as_posix()
        wrong += [f"{name} has two places of the name #{anchor}" for anchor in page.twice]
        for target in page.links + page.loads:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                if target in page.loads and parts.scheme != "data":
                    wrong.append(f"{name} loads {target}")
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            to = to / "index.html" if to.is_dir() else to
            if not to.exists():
                wrong.append(f"{name} links to {target}, which is not there")
            elif parts.fragment and to in pages and unquote(parts.fragment) not in pages[to].anchors:
                wrong.append(f"{name} links to {target}: no such place on that page")
    return sorted(set(wrong))
