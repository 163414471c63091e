"""A page per cell: its picture, equations, edges with their derivatives, options and what libraries call them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.docs import docstrings
from scripts.docs.markdown import raw, table, toctree, write
from scripts.docs.plain import blocks, legend, notation
from scripts.docs.plain.formula import formula
from scripts.docs.plain.names import letter

#: fields of cells that have a letter of their own in all pages
STEP = {"step": (r"\operatorname{step}", "")}  # a function of a cell's equations, else a word
MANY = 16  # letters, of which a list stands folded
SIGNS = {"leak": r"\lambda", "threshold": r"\theta", "resistance": "R", "capacitance": "C"}


def cells(folder: Path, *, pngs: bool = False) -> dict[str, str]:
    """Write a page per cell.

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
        picture = ""
        if name in drawn:  # its labels are set by the pages' script, in the macros of the symbol table
            files = f"<figcaption>{figure_files.links(name, png=pngs)}</figcaption>"
            figure = f"<div class=chapter><figure>{drawn[name]}{files}</figure></div>"
            picture = raw(figure + site.NOSCRIPT + site.data()) + "\n"
        write(folder / f"{name}.md", page(listing.record(kind), kind().nodes, picture))
    text = "Every neuron and recurrent cell, with its equations, the edges of its unrolled graph, and its conventions."
    write(folder / "index.md", f"# Cells\n\n{text}\n\n{toctree(CELLS)}")
    return {name: svg for name, svg in drawn.items() if name in CELLS}


def page(record: dict[str, Any], nodes: tuple[str, ...], picture: str) -> str:
    """Return the page of a cell."""
    options = [row["option"] for row in record["options"]]
    own, called = names(nodes, options)
    steps = [*nodes, "x", "z"]
    shown = "\n".join(f"{in_steps(k, steps)} = {in_steps(v, steps)}" for k, v in record["equations"].items())
    found = blocks.equations(shown, own)
    called_so = ", ".join(f"${sign}$ is `{name}`" for name, sign in called.items() if re.search(rf"\b{name}\b", shown))
    edges = [
        {
            "edge": row["edge"],
            **{end: _set(row[end], steps, own) for end in ("from", "to")},
            "derivative": _set(row["derivative"], steps, own) if row["derivative"] else "",
        }
        for row in record["edges"]
    ]
    among = legend.formulas(found or "")
    meant = notation.of_cell(record["name"])
    many = len(meant) > MANY
    letters = legend.listed(meant, among, names={**own, **STEP}, folded="What the letters mean" if many else "")
    shapes = [{"parameter": f"`{name}`", "shape": f"`{shape}`"} for name, shape in record["parameters"].items()]
    parts = [
        f"# {record['name']}\n\n{blocks.prose(record['title'])}\n\n{picture}",
        f"## Equations\n\n{raw(found) if found else f'```text{chr(10)}{shown}{chr(10)}```{chr(10)}'}",
        f"{called_so}.\n" if called_so else "",
        raw(letters) if letters else "",
        f"Kept from step to step: `{record['states']}`.\n" if record["states"] else "",
        f"## Edges through time\n\n{table(edges)}" if edges else "",
        f"## Parameters\n\n{table(shapes)}" if shapes else "",
        f"## Options\n\n{table(record['options'])}",
        f"## Notes\n\n{docstrings.markdown(record['page'], up='../../')}" if record.get("page") else "",
    ]
    return "\n".join(part for part in parts if part)


def in_steps(text: str, nodes: list[str]) -> str:
    """Return an equation with its steps: a node is that of step t, with a prime that of the step before.

    Examples
    --------
    >>> in_steps("leak v' + W x - threshold z'", ["v", "x", "z"])
    'leak v^(t-1) + W x^t - threshold z^(t-1)'
    """
    either = "|".join(sorted(map(re.escape, set(nodes)), key=len, reverse=True))
    name = re.compile(rf"(?<![\w'])({either})('?)(?![\w(])")
    return name.sub(lambda m: f"{m[1]}^{'(t-1)' if m[2] else 't'}", text)


def names(nodes: tuple[str, ...], options: list[str]) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return the TeX of the names of a cell, and the signs of options that are not called so."""
    own = {node: (node[0], node[1:]) for node in nodes if len(node) == 2 and node.isalpha()}
    called = {"k": r"\alpha"} if "k" in nodes and "ak" not in nodes else {}  # the adaptation, as in all lessons
    own |= {name: (sign, "") for name, sign in called.items()}
    for name in options:
        known = (SIGNS[name], "") if name in SIGNS else letter(name)
        own[name] = known or (rf"\mathrm{{{name}}}".replace("_", r"\_"), "")
        if known and known[0] != name and "operatorname" not in known[0]:
            called[name] = known[0]
    return own, called


def _set(text: str, nodes: list[str], own: Mapping[str, tuple[str, str]]) -> str:
    tex = formula(in_steps(text, nodes), own)
    return f"${tex}$" if tex is not None else f"`{text}`"
