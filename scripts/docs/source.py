"""The text of the site: pages of `docs/` as they are, with links that work in HTML; notebooks to take away."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

from scripts.docs.plain import blocks, legend

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
CARRIED = ("action.yml", "scripts/action.sh")  # files of no example that go with the site, to be read and taken away
_TEXT = re.compile(r"^<!-- the text of (\S+) -->$", re.MULTILINE)  # where a page shows such a file on the site
ARCHIVE = "examples.zip"  # what a link to the whole folder leads to
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_FILE = re.compile(r'href="(?:\.\./)*files/([^"]+)"')
_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)


def copied(target: Path, extra: Path) -> list[Path]:
    """Copy `docs/` to a folder, links between pages made links between their HTML; return the pages.

    The files of `examples/`, and of `CARRIED`, that pages link to go beside the site's pages, below ``extra/files``; a
    link to the folder itself leads to an archive of it and of the certificates.
    """
    pages = []
    for path in sorted(DOCS.rglob("*")):
        inner = path.relative_to(DOCS)
        if path.is_dir() or "__pycache__" in inner.parts:
            continue
        place = target / inner
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".md":
            shutil.copy(path, place)
            continue
        text = shown(linked(path.read_text(encoding="utf-8"), path))
        if inner.parts[0] == "mathematics":
            text = legend.in_page(blocks.page(text), inner.stem)
        for name in _FILE.findall(text):
            (extra / "files" / name).parent.mkdir(parents=True, exist_ok=True)
            if name == ARCHIVE:
                archive(extra / "files" / name)
            else:
                shutil.copy(ROOT / name, extra / "files" / name)
        if inner.name == "README.md":  # the contents of a folder
            text += "\n```{toctree}\n:hidden:\n:glob:\n\n[0-9]*\n```\n"
        place.write_text(text, encoding="utf-8")
        pages.append(place)
    return pages


def shown(text: str) -> str:
    """Return a page's text with those files of `CARRIED` in it that a comment names; elsewhere one follows the link."""

    def change(match: re.Match[str]) -> str:
        if match[1] not in CARRIED:
            raise ValueError(f"the text of {match[1]}, which the site does not carry: {', '.join(CARRIED)}")
        kind = "yaml" if match[1].endswith(".yml") else "bash"
        body = (ROOT / match[1]).read_text(encoding="utf-8").rstrip("\n")
        return f"<details><summary>{match[1]}</summary>\n\n```{kind}\n{body}\n```\n\n</details>"

    return _TEXT.sub(change, text)


def archive(to: Path) -> None:
    """Write what the site's certificates are about and the certificates: enough to run each of them again."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as file:
        for folder in (ROOT / "examples", DOCS / "certificates", ROOT / "scripts" / "peers"):
            for path in sorted(folder.rglob("*")):
                inner = path.relative_to(ROOT)
                if path.is_file() and not any(part.startswith((".", "__")) for part in inner.parts):
                    file.write(path, inner.as_posix())


def linked(text: str, path: Path) -> str:
    """Return a page's text in which links to other pages lead to their HTML, and links out of `docs/` are names.

    A block of code without a language is text.
    """

    def change(match: re.Match[str]) -> str:
        words, target = match.groups()
        file, _, anchor = target.partition("#")
        if "://" in target or not file:
            return f'<a href="#{anchor}">{words}</a>' if not file and anchor else match[0]
        to = (path.parent / file).resolve()
        if to.suffix == ".md" and to.is_relative_to(DOCS) and to.is_file():
            return f'<a href="{file[:-3]}.html{"#" + anchor if anchor else ""}">{words}</a>'
        if to.is_relative_to(DOCS) and to.is_file():
            return match[0]
        carried = to.is_relative_to(ROOT) and to.relative_to(ROOT).as_posix() in CARRIED
        if carried or (to.is_relative_to(ROOT / "examples") and (to.is_file() or to == ROOT / "examples")):
            up = "../" * (len(path.relative_to(DOCS).parts) - 1)
            name = to.relative_to(ROOT).as_posix() if to.is_file() else ARCHIVE
            return f'<a href="{up}files/{name}">{words}</a>'
        if not to.is_relative_to(ROOT) or not to.exists():
            return match[0]
        name = to.relative_to(ROOT).as_posix()
        return f"`{name}`" if words.strip("`") == name else f"{words} (`{name}`)"

    out, inside = [], False
    for line in text.split("\n"):
        if line.startswith("```"):
            inside = not inside
            line = "```text" if inside and line.strip() == "```" else line  # else it would be coloured as Python
        out.append(line if inside else _LINK.sub(change, line))
    return "\n".join(out)


def notebook(text: str) -> dict[str, object]:
    """Return a page with code cells as a notebook."""
    body = re.sub(r"\A---\n.*?\n---\n", "", text, count=1, flags=re.DOTALL)
    cells: list[dict[str, object]] = []

    def add(kind: str, source: str) -> None:
        if source.strip():
            more: dict[str, object] = {"outputs": [], "execution_count": None} if kind == "code" else {}
            name = f"cell-{len(cells)}"
            cells.append({"cell_type": kind, "id": name, "metadata": {}, "source": source.strip("\n"), **more})

    last = 0
    for match in _CELL.finditer(body):
        add("markdown", body[last : match.start()])
        add("code", match[1])
        last = match.end()
    add("markdown", body[last:])
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def notebooks(source: Path, extra: Path) -> int:
    """Write every tutorial as a notebook beside the site's pages; return their number."""
    folder = extra / "tutorials"
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for path in sorted((source / "tutorials").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if "{code-cell}" in text:
            name = f"{path.stem}.ipynb"
            (folder / name).write_text(json.dumps(notebook(text), indent=1, ensure_ascii=False), encoding="utf-8")
            heading = re.search(r"^# .*$", text, re.MULTILINE)
            assert heading is not None, path
            more = f'\n\n<a href="{name}" download>This page as a notebook</a>\n'
            path.write_text(text[: heading.end()] + more + text[heading.end() :], encoding="utf-8")
            count += 1
    return count
