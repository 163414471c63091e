"""A derivation as pages: MathML rendered by the browser, figures inline, links to the code and to what is cited."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

import gradcert.derivations
import gradcert.reference
from gradcert.derivations.chapters import CHAPTERS, chapter
from gradcert.derivations.checker import Verdict, graph
from gradcert.derivations.figures import dependencies
from gradcert.derivations.generalised import GENERALISED
from gradcert.derivations.glossary import table
from gradcert.derivations.proving.record import Derivation, Step, theorem
from gradcert.derivations.reading import citations, library, pages
from gradcert.derivations.reading.mathml import equation, prose
from gradcert.derivations.reading.terminal import MARKS, shown

ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined)
ENVIRONMENT.filters["prose"] = lambda text: Markup(prose(text))
ROOTS = {
    "reference": Path(str(gradcert.reference.__file__)).parent,
    "derivations": Path(str(gradcert.derivations.__file__)).parent,
}


def _page(body: str, *, title: str, up: str = "", before: Any = None, after: Any = None) -> str:
    return ENVIRONMENT.from_string(pages.PAGE).render(
        title=title,
        style=Markup(pages.STYLE),
        script=Markup(pages.SCRIPT),
        body=Markup(citations.link(body, up)),
        up=up,
        before=before,
        after=after,
    )


def write_site(folder: Path, verdicts: Mapping[str, list[Verdict]]) -> list[Path]:
    """Write all pages; return their paths.

    Parameters
    ----------
    folder : made where it is missing; files of the same names are replaced.
    verdicts : what the checker found; a step without a verdict is shown as not checked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    code: dict[str, str] = {}
    written = []
    names = list(CHAPTERS)
    rows = []
    for i, name in enumerate(names):
        d = chapter(name)
        found = {v.step: v for v in verdicts.get(name, [])}
        body = _chapter(d, found, code)
        before = (names[i - 1], CHAPTERS[names[i - 1]]) if i else None
        after = (names[i + 1], CHAPTERS[names[i + 1]]) if i + 1 < len(names) else None
        path = folder / f"{name}.html"
        path.write_text(_page(body, title=d.title, before=before, after=after), encoding="utf-8")
        written.append(path)
        rows.append(
            SimpleNamespace(
                name=name,
                title=d.title,
                steps=len(d.steps),
                identities=sum(v.identities for v in found.values()),
                seconds=f"{sum(v.seconds for v in found.values()):.1f}",
                bad=_bad(d, found),
            )
        )
    index = ENVIRONMENT.from_string(pages.INDEX).render(
        rows=rows,
        graph=dependencies(graph([chapter(name) for name in names])),
        library=bool(citations.targets()),
    )
    (folder / "index.html").write_text(_page(index, title="gradcert: derivations"), encoding="utf-8")
    written.append(folder / "index.html")
    for path_of_code, page in code.items():
        target = folder / page
        target.parent.mkdir(exist_ok=True)
        target.write_text(_source(path_of_code), encoding="utf-8")
        written.append(target)
    for page, title, body in library.rendered():
        target = folder / "docs" / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_page(body, title=title, up="../" * (page.count("/") + 1)), encoding="utf-8")
        written.append(target)
    return written


def _bad(d: Derivation, found: Mapping[str, Verdict]) -> int:
    return sum(s.id not in found or found[s.id].status == "failed" for s in d.steps)


def _chapter(d: Derivation, found: Mapping[str, Verdict], code: dict[str, str]) -> str:
    groups = [_group(s) for s in d.steps]
    steps = []
    for i, s in enumerate(d.steps):
        verdict = found.get(s.id)
        steps.append(
            SimpleNamespace(
                id=s.id,
                anchor=s.id,
                why=s.why,
                status=verdict.status if verdict else "unchecked",
                mark=MARKS[verdict.status][0] if verdict else "?",
                identities=verdict.identities if verdict else 0,
                failed=verdict.failed if verdict else (),
                equations=[equation(e.left, e.right, e.label) for e in shown(s)],
                sizes=s.sizes,
                source=s.source,
                premises=[(f"{p.split('.')[0]}.html#{p}", p) for p in s.premises],
                code=[link for c in s.code if (link := _link(c, code)) is not None],
                group=groups[i],
                size=groups.count(groups[i]),
                first=i == 0 or groups[i - 1] != groups[i],
                last=i + 1 == len(groups) or groups[i + 1] != groups[i],
            )
        )
    return ENVIRONMENT.from_string(pages.CHAPTER).render(
        d=d,
        theorems=GENERALISED.get(d.name, ()),
        steps=steps,
        symbols=table(d),
        figures=[f() for f in d.figures],
        example=d.example(),
        count=len(d.steps),
        identities=sum(v.identities for v in found.values()),
        bad=_bad(d, found),
    )


def _group(step: Step) -> str:
    """Return a heading for steps that say the same for one cell after the other, else nothing."""
    name = theorem(step)
    words = {"local": "Local derivatives", "breaks": "Broken on purpose", "rows": "Rows of the rule table"}
    return "" if name == step.id else f"{words[name.split('.')[-1]]} ({name})"


def _link(reference: str, code: dict[str, str]) -> tuple[str, str] | None:
    """Return (page and anchor, text) of a place in the code, remembering that the page is needed."""
    path, _, name = reference.partition(":")
    root, _, inner = path.partition("/")
    file = ROOTS[root] / inner
    if file.is_dir():
        path, file = f"{path}/__init__.py", file / "__init__.py"
    if not file.is_file():
        raise FileNotFoundError(f"a derivation speaks of {reference}, which does not exist")
    page = f"code/{path.replace('/', '-')}.html"
    code[path] = page
    if name and name.split(".")[-1] not in _anchors(file).values():
        raise LookupError(f"a derivation speaks of {reference}, and {path} defines no {name}")
    return (f"{page}#{name.split('.')[-1]}" if name else page, reference)


def _anchors(file: Path) -> dict[int, str]:
    """Return line number -> name of the function, class or constant defined there; the first of each name."""
    out: dict[int, str] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        match = re.match(r"\s*(?:def|class)\s+(\w+)|([A-Z_]+)\b.*=", line)
        if match and (name := match[1] or match[2]) not in out.values():
            out[number] = name
    return out


def _source(path: str) -> str:
    root, _, inner = path.partition("/")
    file = ROOTS[root] / inner
    anchors = _anchors(file)
    lines = [
        (anchors.get(i, f"line-{i}"), line)
        for i, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
    ]
    body = ENVIRONMENT.from_string(pages.SOURCE).render(path=path, lines=lines)
    return _page(body, title=path, up="../")
