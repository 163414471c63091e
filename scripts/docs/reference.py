"""The reference, read from the code: commands, losses, schemas, symbols, the API."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.docs import libraries
from scripts.docs.markdown import raw, table, toctree, write
from scripts.docs.plain import blocks, legend, notation

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


def commands(folder: Path) -> None:
    """Write a page per command, from ``--help``."""
    import click

    from gradcert import cli

    pages = []
    for name in ["", *cli.COMMANDS]:
        file = f"gradcert.commands.{cli.FILES.get(name, name)}"
        command = importlib.import_module(file).command if name else cli.gradcert
        words = f"gradcert {name}".strip()
        wide = {"max_content_width": 88, "terminal_width": 88, **cli.gradcert.context_settings}
        context = click.Context(command, info_name=words, **wide)
        write(folder / f"{name or 'gradcert'}.md", f"# `{words}`\n\n```text\n{command.get_help(context)}\n```\n")
        pages.append(name or "gradcert")
    text = "The text of `--help`, command by command."
    write(folder / "index.md", f"# Commands\n\n{text}\n\n{toctree(pages)}")


def losses(path: Path) -> None:
    """Write the page of the losses."""
    import click.testing

    from gradcert.cli import gradcert

    done = click.testing.CliRunner().invoke(gradcert, ["losses", "--json"], prog_name="gradcert")
    groups = json.loads(done.output)
    body = "\n".join(f"## {name}\n\n{table(map(_loss, rows))}" for name, rows in groups.items())
    letters = legend.listed(notation.LOSSES, legend.formulas(body))
    write(
        path,
        f"# Losses\n\nIn what form, of what, reduced how; what a claim may name.\n\n{raw(letters)}\n{body}\n{called()}",
    )


CALLED = """\
## in libraries

The value of a call is that of the loss beside it, times the factor; a test compares them on numbers. `o` holds T steps
of the outputs of every sample, `y` labels, or real targets of that shape where the call takes them.

"""


def called() -> str:
    """Return the table of losses of libraries."""
    rows = []
    for loss in libraries.LOSSES:
        words = {"kind": "squared_error", "when": "every", **loss.claimed}
        reduced = ", ".join(f"{axis} {how}" for axis, how in words.items() if axis in ("time", "batch", "outputs"))
        on = f", of the potential `{words['node']}`" if "node" in words else ""
        targets = {"labels": "labels as 0 and 1", "real": "as given"}.get(loss.targets, loss.targets)
        claim = f"`{words['kind']} of {words['when']}`; {reduced}{on}"
        rows.append(
            {"call": f"`{loss.call}`", "as a claim": claim, "times": loss.times, "targets of the claim": targets}
        )
    return CALLED + table(rows)


def _loss(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its formulas set; its first entry is a name of the code."""
    first, *others = row.items()
    said = {blocks.prose(name): blocks.prose(v) if isinstance(v, str) else v for name, v in others}
    return dict([first]) | said


CANONICAL = """\
Canonical JSON is RFC 8785 (JCS): no white space, keys in the order of their UTF-16 code units, numbers as ECMAScript
writes them (`1` for 1.0, `1e-7`), UTF-8. With the package `rfc8785` the seal of a certificate is

```python
import hashlib, json, pathlib, rfc8785

record = json.loads(pathlib.Path("certificate.json").read_bytes())
seal = record.pop("seal")
assert hashlib.sha256(rfc8785.dumps(record)).hexdigest() == seal
```
"""


def schemas(path: Path) -> None:
    """Write the page of the JSON schemas."""
    from gradcert.certify import certificates

    folder = Path(str(certificates.__file__)).parent
    out = ["# JSON schemas\n\nOf a claim file, a certificate and a vector. Each ships with the package.\n", CANONICAL]
    for file in sorted(folder.glob("*.schema.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        title = schema.get("description") or schema.get("title") or ""
        required = schema.get("required", [])
        rows = [
            {"entry": key, "required": "yes" if key in required else "", "says": _says(part)}
            for key, part in schema.get("properties", {}).items()
        ]
        text = f"## {file.name}\n\n{title}\n\n{table(rows)}"
        whole = json.dumps(schema, indent=1, ensure_ascii=False)
        out.append(f"{text}\n<details><summary>the whole schema</summary>\n\n```json\n{whole}\n```\n\n</details>\n")
    write(path, "\n".join(out))


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
    write(path, f"{head}| symbol | meaning | in the code |\n|---|---|---|\n" + "\n".join(rows) + "\n")


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
        write(folder / f"{name}.rst", f"{head}.. automodule:: {name}\n   :no-members:\n\n{''.join(body)}")
    write(folder / "index.md", f"# Python API\n\nRead from the docstrings.\n\n{toctree(MODULES)}")
