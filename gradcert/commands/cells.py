"""``gradcert cells``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from gradcert.commands.complete import names
from gradcert.commands.pages import AS_JSON, shown

EPILOG = """\b
Examples:
  gradcert cells                       all of them
  gradcert cells lif                   equations, edges, options
  gradcert cells mine.py:Leaky --json  a cell of your own, which is run

\b
' is the step before. An edge through time has a label, by which a rule keeps
or cuts it (gradcert rules). What libraries call a value of an option stands
beside it."""

BIAS = "bias"  # of which the name is a node's


@click.command("cells", epilog=EPILOG)
@click.argument("name", required=False, shell_complete=names("CELLS"))
@AS_JSON
def command(name: str | None, as_json: bool) -> None:
    """Show the cells, or one: its equations, its edges through time, its options and what libraries call them."""
    from gradcert.certify.claims import ALIASES
    from gradcert.reference import CELLS
    from gradcert.reference.errors import GradcertError
    from gradcert.reference.networks import cell_named

    if name is None:
        known = [{"name": alias, "cell": cell, "options": said(own)} for alias, (cell, own) in ALIASES.items()]
        shown({"cells": [entry(kind) for kind in CELLS.values()], "known as": known}, as_json=as_json)
        return
    try:
        kind = cell_named(ALIASES.get(name, (name,))[0], run=True)
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    shown(record(kind), as_json=as_json)


def said(options: Mapping[str, Any]) -> str:
    """Return options in words."""
    return ", ".join(f"{name} {value}" for name, value in options.items())


def entry(kind: Any) -> dict[str, Any]:
    """Return the line of a cell in the listing."""
    cell = kind()
    edges = dict.fromkeys(link.edge.name for link in cell.links if link.lag)
    return {"name": cell.name, "what it is": title(kind), "nodes": list(cell.nodes), "edges": list(edges)}


def title(kind: Any) -> str:
    """Return the first sentence of a cell's documentation."""
    if hasattr(kind, "recipe"):
        return "a cell of one's own, by its equations"
    return " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split())


def record(kind: Any) -> dict[str, Any]:
    """Return everything about a cell, read from its own code and fields.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> found = record(Lif)
    >>> found["equations"]["v"], found["edges"][0]
    ("leak (v' - threshold z') + a", {'edge': 'STATE', 'from': "v'", 'to': 'v', 'derivative': 'leak'})
    """
    from gradcert.certify.claims import states

    cell = kind()
    return {
        "name": cell.name,
        "title": title(kind),
        "equations": equations(cell),
        "states": ", ".join(states(cell)),
        "parameters": parameters(cell),
        "edges": edges(cell),
        "options": options(kind),
        "page": _rest(kind),
    }


def equations(cell: Any) -> dict[str, str]:
    """Return what a cell computes, node by node, recorded from its code; as written where it was given by equations."""
    from gradcert.certify.diagnosis.equations import Term, formulas, replaced, shorter

    found = formulas(cell)
    if found is None:
        return {e.node: _written(e) for e in cell.recipe.equations} if hasattr(cell, "recipe") else {}
    leaves = {leaf for _, t in found.step for leaf in t.leaves if leaf.op == "drive"}
    sums = {shorter(leaf): Term("now", name=_sum(cell, leaf.name[0])) for leaf in leaves}
    return _by_links(cell, {node: str(replaced(shorter(t), sums)) for node, t in found.step})


def _by_links(cell: Any, shown: dict[str, str]) -> dict[str, str]:
    """Return equations that name, of a node and its copy, the one that a link comes from: their values are the same."""
    reads = {node: {k.source for k in cell.links if k.target == node and not k.lag} for node in shown}
    for copy, original in shown.items():
        for node, text in shown.items() if original in shown else ():
            if copy not in reads[node] and original in reads[node]:
                shown[node] = re.sub(rf"\b{copy}\b(?!')", original, text)
    return shown


def _written(equation: Any) -> str:
    """Return the right side of an equation of a cell of one's own."""
    from gradcert.models.equations.equations import PREVIOUS

    sums = [f"{weight} {source}{chr(39) * lag}" for weight, source, lag in equation.weighted]
    rest = [] if equation.rest == "0" else [equation.rest.replace(PREVIOUS, "'").removeprefix("+ ")]
    return " + ".join([*sums, *equation.biases, *rest])


def _derivative(cell: Any, link: Any) -> str:
    """Return the local derivative of a link of a cell of one's own, from its equation; nothing of another cell."""
    from gradcert.models.equations.equations import PREVIOUS
    from gradcert.models.equations.expression import available, derivative

    if not hasattr(cell, "recipe") or not available():  # SymPy, an extra
        return ""
    texts = {e.node: e.rest for e in cell.recipe.equations}
    found = derivative(texts[link.target], f"{link.source}{PREVIOUS}")
    return "0" if found is None else str(found).replace(PREVIOUS, "'")


def _sum(cell: Any, node: str) -> str:
    """Return the weighted sum of a node, with its bias."""
    terms = [f"{k.weight} {k.source}{chr(39) if k.lag else ''}" for k in cell.links if k.weight and k.target == node]
    constants = cell.constants()
    biases = [u.parameter for u in cell.uses if u.target == node and u.parameter not in constants]
    return " + ".join([*terms, *(_bias(cell, b) for b in biases if b in cell.trained)])


def _bias(cell: Any, name: str) -> str:
    """Return how a bias is written: by its name, where no node has it."""
    return BIAS if name in cell.nodes else name


def edges(cell: Any) -> list[dict[str, str]]:
    """Return the edges through time, with their local derivatives."""
    from gradcert.certify.diagnosis.equations import formulas, shorter

    known = dict(found.factors) if (found := formulas(cell)) is not None else {}
    return [
        {
            "edge": link.edge.name,
            "from": f"{link.source}'",
            "to": link.target,
            "derivative": link.weight or (str(shorter(known[link])) if link in known else _derivative(cell, link)),
        }
        for link in cell.links
        if link.lag
    ]


def parameters(cell: Any) -> dict[str, str]:
    """Return the parameters and their shapes."""
    from gradcert.reference import Layer

    inputs, units = 101, 103  # sizes that tell the axes apart
    words = {inputs: "inputs", units: "units"}
    shapes = Layer(cell, inputs=inputs, units=units).shapes()
    found = {name: f"({', '.join(words[n] for n in shape)}{',' * (len(shape) == 1)})" for name, shape in shapes.items()}
    return {name: text + f", {BIAS} in the equations" * (name in cell.nodes) for name, text in found.items()}


def options(kind: Any) -> list[dict[str, Any]]:
    """Return the options of a cell, their defaults and values, and what implementations call them."""
    from dataclasses import fields

    from gradcert.reference.networks import EXTRAS, conventions
    from gradcert.reference.numbers import Surrogate

    cell = kind()
    known = {convention.option: convention for convention in conventions(cell)}
    out = []
    for field in fields(kind):
        default = getattr(cell, field.name)
        default = default.label if isinstance(default, Surrogate) else default
        found = known.get(field.name)
        values = [str(value) for value in found.values] if found else []
        called = "; ".join(f"{value}: {names}" for value, names in found.called.items()) if found else ""
        out.append({"option": field.name, "default": default, "values": values, "what libraries call it": called})
    for name, extra in EXTRAS.items():  # of every cell
        own = ", ".join(f"{field.name} = {_usual(getattr(extra(), field.name))}" for field in fields(extra))
        out.append(
            {
                "option": name,
                "default": None,
                "values": ["true", f"a table of, with what is usual, {own}"],
                "what libraries call it": title(extra),
            }
        )
    return out


def _usual(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) if value != () else "all"


def _rest(kind: Any) -> str:
    """Return the documentation of a cell after its first sentence, without its examples."""
    import inspect

    text = inspect.cleandoc(kind.__doc__ or "")
    _, _, rest = text.partition("\n\n")
    return rest.partition("Examples\n--------")[0].strip()
