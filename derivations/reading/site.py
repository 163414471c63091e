"""Pages of the derivations: chapters from lessons, marks from verdicts, links to the code and to what is cited."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

import gradcert.derivations
import gradcert.reference
from gradcert.derivations.chapters import CHAPTERS, chapter
from gradcert.derivations.checker import graph
from gradcert.derivations.figures import dependencies
from gradcert.derivations.generalised import GENERALISED
from gradcert.derivations.glossary import table
from gradcert.derivations.kept import Verdict
from gradcert.derivations.proving.record import Derivation, Step, theorem
from gradcert.derivations.reading import citations, figure_files, library, pages
from gradcert.derivations.reading.labs import lab
from gradcert.derivations.reading.lesson import Lesson, Writer, lesson, names, numbered, unbroken
from gradcert.derivations.reading.letters import declared
from gradcert.derivations.reading.pictures import picture
from gradcert.derivations.reading.symbols import SYMBOLS, macros
from gradcert.derivations.reading.terminal import MARKS, shown
from gradcert.derivations.reading.tex import equation, prose, span

ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined)
ENVIRONMENT.filters["prose"] = lambda text: Markup(prose(text))
ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("katex.min.js", "letters.js", "chapter.js", "copy.js")
ROOTS = {
    "reference": Path(str(gradcert.reference.__file__)).parent,
    "derivations": Path(str(gradcert.derivations.__file__)).parent,
}


NOSCRIPT = (
    "<noscript><p><strong>Formulas, and the numbers of the example, are set by a script that comes with this page."
    "</strong> It loads nothing and sends nothing. Where scripts are switched off, formulas stand as they are typed,"
    " and the tables of the example and of the mistakes have no numbers.</p></noscript>"
)


@dataclass(frozen=True)
class Content:
    """A chapter without a page around it, for a page of its own or for the site.

    Attributes
    ----------
    title, lead : heading and the paragraph below it, the latter as HTML.
    sections : (anchor, heading, HTML).
    scripts : names of the scripts that it needs.
    letters : plain letter -> what it means on the page.
    signs : symbol -> sign and sentence, where the page has its own.
    """

    title: str
    lead: str
    sections: tuple[tuple[str, str, str], ...]
    scripts: tuple[str, ...]
    letters: Mapping[str, str] = field(default_factory=dict)
    signs: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def data(
    letters: Mapping[str, str] = MappingProxyType({}), signs: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> str:
    """Return the symbol table, and the plain letters and own signs of a page, as the element that its script reads."""
    all_ = {k: (s.sign, s.says) for k, s in SYMBOLS.items()} | dict(signs)
    table_ = {"macros": macros(), "signs": all_, "letters": list(letters.items())}
    text = json.dumps(table_, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="symbols-data">{text}</script>'


def _page(body: str, *, title: str, up: str = "", sections: Any = (), scripts: Any = SCRIPTS, **around: Any) -> str:
    return ENVIRONMENT.from_string(pages.PAGE).render(
        title=title,
        body=Markup(citations.link(body, up)),
        data=Markup(data(around.get("letters", {}), around.get("signs", {}))),
        up=up,
        sections=sections,
        scripts=scripts,
        before=around.get("before"),
        after=around.get("after"),
    )


def write_site(folder: Path, verdicts: Mapping[str, list[Verdict]]) -> list[Path]:
    """Write all pages and what they need; return the paths of the pages.

    Parameters
    ----------
    folder : made where it is missing; files of the same names are replaced.
    verdicts : what the checker found; a step without a verdict is shown as not checked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ASSETS, folder / "assets", dirs_exist_ok=True)
    code: dict[str, str] = {}
    written = [write_chapter(folder, name, verdicts, code) for name in CHAPTERS]
    written.append(write_index(folder, verdicts))
    figure_files.write(folder, figure_files.drawings())
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


def write_chapter(folder: Path, name: str, verdicts: Mapping[str, list[Verdict]], code: dict[str, str]) -> Path:
    """Write the page of one chapter; `code` collects the files of the code that it links to."""
    order = list(CHAPTERS)
    i = order.index(name)
    found = content(name, verdicts, code)
    body = [f"<h1>{found.title}</h1>", found.lead]
    for n, (anchor, heading, html) in enumerate(found.sections, start=1):
        body.append(f'<h2 id="{anchor}"><span class="n">{n}</span>{heading}</h2>{html}')
    page = _page(
        "\n".join(body),
        title=found.title,
        sections=[(anchor, Markup(heading)) for anchor, heading, _ in found.sections],
        scripts=found.scripts,
        letters=found.letters,
        signs=found.signs,
        before=(order[i - 1], CHAPTERS[order[i - 1]]) if i else None,
        after=(order[i + 1], CHAPTERS[order[i + 1]]) if i + 1 < len(order) else None,
    )
    path = folder / f"{name}.html"
    path.write_text(page, encoding="utf-8")
    return path


def write_index(folder: Path, verdicts: Mapping[str, list[Verdict]]) -> Path:
    """Write the table of contents."""
    path = folder / "index.html"
    path.write_text(_page(index(verdicts), title="gradcert: derivations"), encoding="utf-8")
    return path


def index(verdicts: Mapping[str, list[Verdict]], *, cited: bool | None = None, pngs: bool = False) -> str:
    """Return the table of contents as HTML."""
    rows = []
    for name in CHAPTERS:
        d = chapter(name)
        found = {v.step: v for v in verdicts.get(name, [])}
        rows.append(
            SimpleNamespace(
                name=name,
                title=lesson(name).title if name in names() else d.title,
                steps=len(d.steps),
                identities=sum(v.identities for v in found.values()),
                seconds=f"{sum(v.seconds for v in found.values()):.1f}",
                bad=sum(v.status == "failed" for v in found.values()),
                unchecked=sum(s.id not in found for s in d.steps),
            )
        )
    missing, steps = (sum(getattr(r, name) for r in rows) for name in ("unchecked", "steps"))
    return ENVIRONMENT.from_string(pages.INDEX).render(
        rows=rows,
        open=_open(missing, steps),
        graph=dependencies(graph([chapter(name) for name in CHAPTERS]), {r.name: r.title for r in rows}),
        files=Markup(figure_files.links(figure_files.GRAPH, png=pngs)),
        library=bool(citations.targets()) if cited is None else cited,
    )


def content(name: str, verdicts: Mapping[str, list[Verdict]], code: dict[str, str], *, pngs: bool = False) -> Content:
    """Return a chapter: from its lesson where there is one, else from the words of its derivation.

    Parameters
    ----------
    pngs : whether every figure has a PNG beside its SVG.
    """
    d = chapter(name)
    every = {v.step: v for found in verdicts.values() for v in found}
    traps = _render(pages.TRAPS, d=d)
    if name not in names():
        parts = [
            ("question", "The question", _render(pages.PLAIN, d=d)),
            (
                "statement",
                "Statement",
                _render(pages.STATEMENT, d=d, symbols=table(d), figures=[f() for f in d.figures]),
            ),
            ("example", "An example", _render(pages.EXAMPLE, example=d.example())),
            ("mistakes", "What goes wrong in practice", traps.replace("<details>", "<details open>")),
            ("machine", "The derivation, as it is checked", _steps(d, every, code)),
        ]
        return Content(d.title, "", tuple(parts), SCRIPTS)
    of = lesson(name)
    writer = Writer(
        numbered(of),
        mark=lambda step: _mark(step, name, every),
        figure=picture,
        files=lambda figure: figure_files.links(figure, png=pngs),
        example=lab,
        measured=lambda: _render(pages.EXAMPLE, example=d.example()),
        traps=traps,
    )
    parts = [(s.anchor, writer.inline(s.heading), "\n".join(writer.block(b) for b in s.blocks)) for s in of.sections]
    playing = any(b.kind == "example" for s in of.sections for b in s.blocks)
    rows = _behind(of, name, every)
    machine = _render(
        pages.BEHIND,
        rows=rows,
        lab=playing,
        open=_open(sum(r.status == "unchecked" for r in rows), len(rows)),
        bad=sum(r.status == "failed" for r in rows),
    )
    parts.append(("machine", "What is checked, and how", machine + _steps(d, every, code) + _signs(of, writer)))
    scripts = (SCRIPTS[0], "engine.js", "sums.js", "draws.js", "means.js", *SCRIPTS[1:]) if playing else SCRIPTS
    lead = unbroken(f'<div class="sub">{writer.markdown(of.lead)}</div>')
    shown = tuple((anchor, heading, unbroken(html)) for anchor, heading, html in parts)
    return Content(of.title, f"{lead}{NOSCRIPT}", shown, scripts, declared(of), of.signs())


def _open(missing: int, of: int, name: str = "") -> Markup | None:
    """Return what a page says of steps without a verdict, if there are any; of all chapters, or of one."""
    command = f"gradcert derive {name} --check" if name else "gradcert derive --check"
    return Markup(_render(pages.OPEN, missing=missing, of=of, command=command)) if missing else None


def _render(template: str, **values: Any) -> str:
    return ENVIRONMENT.from_string(template).render(**values)


def _mark(step: str, here: str, every: Mapping[str, Verdict]) -> str:
    """Return the mark of a proof, or of a line that is a definition."""
    if "." not in step:
        return f'<span class="mark none">{step}</span>'
    if not any(s.id == step for s in chapter(step.split(".")[0]).steps):
        raise LookupError(f"{here}: the page speaks of the step {step}, which does not exist")
    status = every[step].status if step in every else "unchecked"
    kind = "proved" if status == "definition" else status
    return f'<a class="mark {kind}" href="#p-{step}">{theorem(_step(step))}</a>'


def _step(step: str) -> Step:
    return next(s for s in chapter(step.split(".")[0]).steps if s.id == step)


def _behind(of: Lesson, here: str, every: Mapping[str, Verdict]) -> list[SimpleNamespace]:
    rows = []
    for name in of.marks():
        if "." not in name:
            continue
        step, verdict, room = _step(name), every.get(name), name.split(".")[0]
        status = verdict.status if verdict else "unchecked"
        rows.append(
            SimpleNamespace(
                id=name,
                href=f"{'' if room == here else room + '.html'}#{name}",
                why=step.why,
                sizes=step.sizes,
                identities=verdict.identities if verdict else "–",
                status=status,
                mark=MARKS[status][0] if verdict else "?",
            )
        )
    return rows


def _signs(of: Lesson, writer: Writer) -> str:
    text = " ".join(of.formulas())
    keys = [key for key in SYMBOLS if re.search(rf"\\{key}(?![A-Za-z])", text)]
    own = of.signs()
    signs = [own.get(k, (SYMBOLS[k].sign, SYMBOLS[k].says)) for k in keys]
    return _render(pages.SIGNS, signs=[(span(sign), writer.inline(says)) for sign, says in signs])


def _steps(d: Derivation, found: Mapping[str, Verdict], code: dict[str, str]) -> str:
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
    own = [found[s.id] for s in d.steps if s.id in found]
    return _render(
        pages.STEPS,
        d=d,
        theorems=GENERALISED.get(d.name, ()),
        steps=steps,
        identities=sum(v.identities for v in own),
        bad=sum(v.status == "failed" for v in own),
        unchecked=len(d.steps) - len(own),
        open=_open(len(d.steps) - len(own), len(d.steps), d.name),
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
    return _page(source(path), title=path, up="../")


def code_page(path: str, *, assets: str) -> str:
    """Return the page of a file of the code for a site that keeps the assets elsewhere."""
    return _source(path).replace('"../assets/', f'"{assets}')


def source(path: str) -> str:
    """Return a file of the code as HTML, with an anchor at every definition."""
    root, _, inner = path.partition("/")
    file = ROOTS[root] / inner
    anchors = _anchors(file)
    lines = [
        (anchors.get(i, f"line-{i}"), line)
        for i, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
    ]
    return _render(pages.SOURCE, path=path, lines=lines)
