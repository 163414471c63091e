"""What the repository cites is in the repository: citations name an anchor of `docs/`, links lead somewhere.

The form of a citation is `gradcert.derivations.reading.citations`. Numbers of traps and equalities stand in tests,
names of gallery members and pages as well as in docstrings, so every tracked text is read.
"""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from gradcert.derivations.reading.citations import ANCHOR, DOCS, NAMED, TRAP, citations, link, targets
from gradcert.derivations.reading.library import rendered

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).name
# a page that is a path (docs/hardware.md), a link of docs/ or a whole string is not a citation
BARE = re.compile(r"(?<![\w/(`])(?:mathematics|hardware)\.md\b(?!\")")
IRREGULAR = re.compile(r"\b(?:mathematics|hardware)\.md [\d., ]*\d[,;:]? (?:and )?(?:item|section|equality)\b")
PAGE = re.compile(r"\b[\w-]+\.md\b")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def tracked() -> list[Path]:
    """The files of the repository; of a release, those that it says it has."""
    if (ROOT / ".git").exists():
        names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    else:
        names = (ROOT / "gradcert.egg-info" / "SOURCES.txt").read_text(encoding="utf-8").replace("\n", "\0")
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file() and path.name != HERE]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def unresolved(text: str, docs: Path) -> list[str]:
    """Return the citations of a text that no anchor answers, and those that are not in the one form."""
    known = targets(docs)
    wrong = [f"{c.page} {c.anchor}" for c in citations(text) if (c.page, c.anchor) not in known]
    formed = {m.start() for m in NAMED.finditer(text)}
    wrong += [text[m.start() : m.end() + 12] for m in BARE.finditer(text) if m.start() not in formed]
    return wrong + IRREGULAR.findall(text)


def dead(*files: Path) -> list[str]:
    """Return the links of pages to files, and to anchors, that lead nowhere."""
    wrong = []
    for file in sorted(files):
        text = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in LINK.findall(re.sub(r"`[^`\n]*`", "", text)):
            if target.startswith(("http://", "https://")):
                continue
            name, _, anchor = target.partition("#")
            to = (file.parent / name).resolve() if name else file
            if not to.exists() or (anchor and anchor not in anchors(to)):
                wrong.append(f"{file.name}: {target}")
    return wrong


def anchors(file: Path) -> set[str]:
    """Return the anchors that are written, and those that GitHub makes of headings."""
    text = file.read_text(encoding="utf-8")
    made = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    return made | set(ANCHOR.findall(text))


def test_every_citation_of_every_file_resolves():
    cited = {path.relative_to(ROOT).as_posix(): unresolved(text_of(path), DOCS) for path in tracked()}
    assert {name: wrong for name, wrong in cited.items() if wrong} == {}


def test_every_page_that_the_code_names_is_a_page():
    pages = {path.name for path in tracked() if path.suffix == ".md"} | {"mathematics.md"}
    code = [path for path in tracked() if path.suffix in (".py", ".toml") and "tests" not in path.parts]
    named = {name: path.name for path in code for name in PAGE.findall(text_of(path))}
    assert len(named) > 3
    assert set(named) <= pages, {name: named[name] for name in set(named) - pages}


def test_the_repository_cites():
    """Otherwise nothing was looked at."""
    counts = Counter(c.page for path in tracked() for c in citations(text_of(path)))
    assert counts["mathematics"] > 500
    assert counts["hardware"] > 15


@pytest.mark.parametrize(
    "planted",
    (
        "mathematics.md 4.9",
        "mathematics.md 4.3, 12.19",
        "mathematics.md 7 to 18",
        "hardware.md 1.9",
        "trap T134",
        "T00_name",
        "mathematics.md section 4",
        "mathematics.md\n4.3",
        "mathematics.md 12, item 6",
        "mathematics.md 6; section 12",
    ),
)
def test_a_broken_citation_is_seen(planted):
    assert unresolved(f"as (mathematics.md 4.3) and {planted} say", DOCS) != []
    assert unresolved("as (mathematics.md 4.3, 12.18; T133) and hardware.md 1.8 say, docs/hardware.md", DOCS) == []


def test_an_anchor_that_is_lost_is_seen(tmp_path):
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("certificates"))
    page = tmp_path / "docs" / "mathematics" / "14-traps.md"
    assert unresolved("T45", tmp_path / "docs") == []
    targets.cache_clear()
    page.write_text(page.read_text(encoding="utf-8").replace('<a id="T45"></a>', ""), encoding="utf-8")
    assert unresolved("T45", tmp_path / "docs") == ["mathematics T45"]


def test_every_number_of_a_list_has_one_anchor():
    """Sections, the 18 equalities and the 133 traps; none twice."""
    found = Counter(a for file in DOCS.glob("mathematics/*.md") for a in ANCHOR.findall(file.read_text("utf-8")))
    assert [a for a, n in found.items() if n > 1] == []
    assert {f"T{n:02d}" for n in range(1, 134)} == {a for a in found if TRAP.fullmatch(a)}
    assert {f"12.{n}" for n in range(1, 19)} == {a for a in found if a.startswith("12.")}
    assert {str(n) for n in range(18)} <= set(found)


def test_every_heading_with_a_number_has_its_anchor():
    for file in (*DOCS.glob("mathematics/[0-9]*.md"), DOCS / "hardware.md"):
        text = file.read_text(encoding="utf-8")
        assert set(re.findall(r"^#+ (\d+(?:\.\d+)?)\b", text, re.MULTILINE)) <= set(ANCHOR.findall(text)), file.name


def test_no_link_of_the_pages_is_dead():
    assert dead(*DOCS.rglob("*.md"), *ROOT.glob("*.md")) == []


def test_a_dead_link_is_seen(tmp_path):
    (tmp_path / "b.md").write_text('<a id="1.1"></a>\n\n## A heading, here\n')
    (tmp_path / "a.md").write_text("[1](b.md#1.1) [2](b.md#a-heading-here) [3](b.md#1.2) [4](c.md) `[5](d.md)`\n")
    assert dead(*tmp_path.glob("*.md")) == ["a.md: b.md#1.2", "a.md: c.md"]


def test_citations_become_links_and_text_stays_text():
    assert link("<p>mathematics.md 4.3, 12.6</p>", "../") == (
        '<p><a href="../docs/mathematics/04-ostl.html#4.3">mathematics.md 4.3</a>, '
        '<a href="../docs/mathematics/12-equalities.html#12.6">12.6</a></p>'
    )
    assert link("matrix of libraries") == '<a href="docs/matrix.html">matrix of libraries</a>'
    assert link('<a href="x">T45</a> <span id="T46">v T99x mathematics.md 4.9</span>') == (
        '<a href="x">T45</a> <span id="T46">v T99x mathematics.md 4.9</span>'
    )


def test_without_the_pages_nothing_is_rendered_and_a_citation_is_text(tmp_path, monkeypatch):
    """As from a wheel, which has no pages."""
    assert list(rendered(tmp_path)) == []
    monkeypatch.setattr("gradcert.derivations.reading.citations.targets", lambda: targets(tmp_path))
    assert link("<p>mathematics.md 4.3</p>") == "<p>mathematics.md 4.3</p>"
