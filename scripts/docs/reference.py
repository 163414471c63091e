"""The reference, read from the code: commands, cells, surrogates, losses, rules, schemas, symbols, the API."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

MODULES = {
    "gradcert": "what a user imports",
    "gradcert.adapters.torch": "PyTorch modules as subjects",
    "gradcert.adapters.jax": "JAX functions as subjects",
    "gradcert.pytest_plugin": "the pytest plugin",
    "gradcert.certify": "subjects, cases, verdicts, certificates",
    "gradcert.reference": "cells, networks, rules, engines",
    "gradcert.reference.bounds": "bounds on what a rule drops",
    "gradcert.reference.procedures": "rules that change weights inside a sequence",
    "gradcert.models.equations": "a cell from its equations",
    "gradcert.models.nir": "NIR graphs",
    "gradcert.properties": "strategies and laws",
    "gradcert.hardware_models": "fixed point",
    "gradcert.derivations": "the derivations",
}


X = (-2, 0, 2)  # where a curve's axis has numbers


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    if not rows:
        return ""
    names = list(rows[0])
    head = f"| {' | '.join(names)} |\n|{'---|' * len(names)}\n"
    return head + "".join(f"| {' | '.join(_cell(row[n]) for n in names)} |\n" for row in rows) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    if isinstance(value, Mapping):
        value = ", ".join(f"{k} = {v}" for k, v in value.items())
    text = str(value).replace("|", "\\|").replace("\n", " ")
    code = re.search(r"[_*^<>\[\]{}$]|(?<![a-z])'|'(?![a-z])", text)
    return f"`{text}`" if code and "`" not in text else text


def _record(record: Mapping[str, Any]) -> str:
    """Return a record of a listing as Markdown: tables for lists of rows, code for equations and pages."""
    out = []
    for name, value in record.items():
        if name in ("name", "title", "page") or not value:
            continue
        if isinstance(value, Mapping):
            lines = "\n".join(f"{k} = {v}" for k, v in value.items())
            out.append(f"### {name}\n\n```text\n{lines}\n```\n")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            out.append(f"### {name}\n\n{_table(value)}")
        else:
            out.append(f"**{name}**: {_cell(value)}\n")
    if record.get("page"):
        out.append(f"### as the code says it\n\n```text\n{record['page'].strip()}\n```\n")
    return "\n".join(out)


def commands(folder: Path) -> None:
    """Write a page per command, from ``--help``."""
    import click

    from gradcert import cli

    pages = []
    for name in ["", *cli.COMMANDS]:
        file = f"gradcert.commands.{cli.FILES.get(name, name)}"
        command = importlib.import_module(file).command if name else cli.gradcert
        words = f"gradcert {name}".strip()
        context = click.Context(command, info_name=words, max_content_width=88, terminal_width=88)
        _write(folder / f"{name or 'gradcert'}.md", f"# `{words}`\n\n```text\n{command.get_help(context)}\n```\n")
        pages.append(name or "gradcert")
    text = "The text of `--help`, command by command."
    _write(folder / "index.md", f"# Commands\n\n{text}\n\n{_toctree(pages)}")


def cells(folder: Path, *, pngs: bool = False) -> dict[str, str]:
    """Write a page per cell: equations, edges with their derivatives, options and what libraries call them.

    Returns the drawings by name, for files in ``figures`` beside the pages.
    """
    from gradcert.commands import cells as listing
    from gradcert.derivations.proving.cases import variants
    from gradcert.derivations.reading import figure_files, site
    from gradcert.derivations.reading.drawing import unrolled
    from gradcert.reference import CELLS

    # of each the first form, the one without options: those of others grow wider than the page
    first = {c.name: c for c in reversed(list(variants().values())) if len(c.nodes) <= 4}
    drawn = {name: unrolled(cell) for name, cell in first.items()}
    for name, kind in CELLS.items():
        record = listing.record(kind)
        picture = ""
        if name in drawn:  # its labels are set by the pages' script, in the macros of the symbol table
            files = f"<figcaption>{figure_files.links(name, png=pngs)}</figcaption>"
            figure = f"<div class=chapter><figure>{drawn[name]}{files}</figure></div>"
            picture = _raw(figure + site.NOSCRIPT + site.data()) + "\n"
        _write(
            folder / f"{name}.md", f"# {name}\n\n{escape(record['title'], quote=False)}\n\n{picture}{_record(record)}"
        )
    text = "Every neuron and recurrent cell, with its equations, the edges of its unrolled graph, and its conventions."
    _write(folder / "index.md", f"# Cells\n\n{text}\n\n{_toctree(CELLS)}")
    return {name: svg for name, svg in drawn.items() if name in CELLS}


def surrogates(path: Path, *, pngs: bool = False) -> dict[str, str]:
    """Write the page of the pseudo-derivatives, each with its formula and its curve; return the curves by name."""
    from gradcert.commands import surrogates as listing
    from gradcert.derivations.reading import figure_files
    from gradcert.reference import FLOAT64, SURROGATES

    curves = {}
    out = [
        "# Pseudo-derivatives\n\nWhat stands in the place of the slope of a step, at the distance x to the threshold.\n"
    ]
    x = np.linspace(-2, 2, 201)
    for name, form in SURROGATES.items():
        record = listing.record(name)
        scales = {k: v for k, v in form.defaults.items()}
        y = np.broadcast_to(np.asarray(form.formula(x, FLOAT64, **scales), dtype=float), x.shape)
        rest = {k: v for k, v in record.items() if k not in ("name", "psi(x)") and v}
        curves[name] = _curve(x, y, name)
        drawn = _raw(f'<div class="psi">{curves[name]}{figure_files.links(name, png=pngs)}</div>')
        out.append(f"## {name}\n\n```text\npsi(x) = {record['psi(x)']}\n```\n\n{drawn}\n\n{_table([rest])}")
    _write(path, "\n".join(out))
    return curves


def _curve(x: Any, y: Any, name: str) -> str:
    low, high = min(0.0, float(y.min())), max(1e-9, float(y.max()))
    points = [(10 + 55 * (a + 2), 10 + 80 * (high - b) / (high - low)) for a, b in zip(x, y, strict=True)]
    zero = 10 + 80 * high / (high - low)
    d = "M" + " L".join(f"{a:.1f},{b:.1f}" for a, b in points)
    ticks = "".join(f'<text x="{10 + 55 * (u + 2)}" y="106" class="tick">{str(u).replace("-", "−")}</text>' for u in X)
    return (
        f'<svg viewBox="0 0 240 112" role="img" aria-label="{escape(name)}, from -2 to 2, largest {high:.3g}">'
        f'<line x1="10" x2="230" y1="{zero:.1f}" y2="{zero:.1f}" class="grid"/>'
        '<line x1="120" x2="120" y1="10" y2="90" class="grid"/>'
        f'<path d="{d}" class="curve"/>{ticks}<text x="10" y="18" class="label">largest {high:.3g}</text></svg>'
    )


def losses(path: Path) -> None:
    """Write the page of the losses."""
    import click.testing

    from gradcert.cli import gradcert

    done = click.testing.CliRunner().invoke(gradcert, ["losses", "--json"], prog_name="gradcert")
    groups = json.loads(done.output)
    body = "\n".join(f"## {name}\n\n{_table(rows)}" for name, rows in groups.items())
    _write(path, f"# Losses\n\nIn what form, of what, reduced how; what a claim may name.\n\n{body}")


def rules(folder: Path, lessons: Iterable[str]) -> None:
    """Write a page per rule: edges, cost, when it is exact, its equations with what libraries do."""
    from gradcert.commands import rules as listing
    from gradcert.reference import RULES
    from gradcert.reference.published import KINDS

    chapters = {
        "ostl": "ostl",
        "e-prop": "eprop",
        "ottt": "ottt",
        "sltt": "ottt",
        "otpe": "ottt",
        "fptt": "fptt",
        "bptt": "paths",
        "rtrl": "paths",
        "s-tllr": "stllr",
        "rate-based": "rates",
        "ndot": "rates",
        "decolle": "local",
        "tess": "local",
    }
    known = set(lessons)
    pages = {name: listing.record(row) for name, row in RULES.items()}
    pages |= {name: listing.algorithm(kind) for name, kind in KINDS.items()}
    for name, record in pages.items():
        chapter = chapters.get(name)
        link = f'<a href="../../derivations/{chapter}.html">The derivation</a>\n\n' if chapter in known else ""
        _write(folder / f"{name}.md", f"# {name}\n\n{escape(record['title'], quote=False)}\n\n{link}{_record(record)}")
    text = "Which edges a rule keeps, where its learning signal comes from, what it costs, and when it is exact."
    _write(folder / "index.md", f"# Rules\n\n{text}\n\n{_toctree(pages)}")


def schemas(path: Path) -> None:
    """Write the page of the JSON schemas."""
    from gradcert.certify import certificates

    folder = Path(str(certificates.__file__)).parent
    out = ["# JSON schemas\n\nOf a claim file, a certificate and a vector. Each ships with the package.\n"]
    for file in sorted(folder.glob("*.schema.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        title = schema.get("description") or schema.get("title") or ""
        required = schema.get("required", [])
        rows = [
            {"entry": key, "required": "yes" if key in required else "", "says": _says(part)}
            for key, part in schema.get("properties", {}).items()
        ]
        text = f"## {file.name}\n\n{title}\n\n{_table(rows)}"
        whole = json.dumps(schema, indent=1, ensure_ascii=False)
        out.append(f"{text}\n<details><summary>the whole schema</summary>\n\n```json\n{whole}\n```\n\n</details>\n")
    _write(path, "\n".join(out))


def _says(part: Any) -> str:
    if not isinstance(part, Mapping):
        return ""
    kind = part.get(
        "type", part.get("$ref", "") or ("one of " + ", ".join(map(str, part["enum"])) if "enum" in part else "")
    )
    return f"{part.get('description', '')} ({kind})" if kind else str(part.get("description", ""))


def symbols(path: Path) -> None:
    """Write the table of symbols."""
    from gradcert.derivations.reading.expansion import expanded
    from gradcert.derivations.reading.symbols import SYMBOLS

    # the macros need the table that a chapter brings along: here each sign is written out
    rows = []
    for s in SYMBOLS.values():
        says = expanded(s.says)
        rows.append(f"| ${expanded(s.sign)}$ | {says} | {f'`{s.code}`' if s.code else ''} |")
    head = "# Symbols\n\nOne notation in all derivations; a superscript is a step, never a power.\n"
    head += "A letter that two chapters use in two ways is listed once for each.\n\n"
    _write(path, f"{head}| symbol | meaning | in the code |\n|---|---|---|\n" + "\n".join(rows) + "\n")


def api(folder: Path) -> None:
    """Write a page per module that a user imports from."""
    from sphinx.ext.autodoc import mock

    shown: set[int] = set()
    for name, what in MODULES.items():
        with mock(["jax"]):  # it need not be installed to be described
            module = importlib.import_module(name)
        body = []
        for n in getattr(module, "__all__", []):
            found = getattr(module, n)
            if n.startswith("__") or not callable(found) or not str(found.__module__).startswith("gradcert"):
                continue
            place = f"{name}.{n}"
            if n == "certify":  # the room, which can be called: what it does is the campaign's function
                place = "gradcert.certify.campaign.certify"
                found = importlib.import_module("gradcert.certify.campaign").certify
            elif isinstance(found, type) and found.__name__ != n:  # under another name autodoc says no more than that
                place = f"{found.__module__}.{found.__name__}"
                body.append(f"``{name}.{n}`` is:\n\n")
            again = "   :no-index:\n" if id(found) in shown else ""
            body.append(f".. auto{'class' if isinstance(found, type) else 'function'}:: {place}\n{again}\n")
            shown.add(id(found))
        head = f"{name}\n{'=' * len(name)}\n\n{what[0].upper()}{what[1:]}.\n\n"
        _write(folder / f"{name}.rst", f"{head}.. automodule:: {name}\n   :no-members:\n\n{''.join(body)}")
    _write(folder / "index.md", f"# Python API\n\nRead from the docstrings.\n\n{_toctree(MODULES)}")


def _toctree(names: Iterable[str]) -> str:
    return "```{toctree}\n:maxdepth: 1\n\n" + "\n".join(names) + "\n```\n"


def _raw(html: str) -> str:
    return f"``````{{raw}} html\n{html}\n``````\n"


def _write(path: Path, text: str) -> None:
    path = path if path.suffix in (".md", ".rst") else path.with_name(f"{path.name}.md")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
