"""Cells as files of data, ``cells.toml:Leaky``: equations, labels and constants that are read, and never run.

    [Leaky]
    strict = true
    [Leaky.equations]                 # in the order of computation, the output z last
    v = "W @ x + leak * v_prev + b"
    z = "spike(v - threshold)"
    [Leaky.edges]
    "v -> v" = "state"
    [Leaky.constants]
    leak = 0.9
    threshold = 1.0
    [Leaky.surrogate]
    name = "fast_sigmoid"
    slope = 10.0

A claim that names such a cell needs nobody's word that its file may be run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gradcert.models.equations.cell import define
from gradcert.models.equations.equations import ITSELF
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import place
from gradcert.reference.numbers import surrogate_from
from gradcert.reference.outside import toml

FORM = "tables of cells: equations, edges, constants, parameters, surrogate, strict"
TABLES = ("equations", "edges", "constants")


def cell(name: str) -> Any:
    """Return the cell class that ``path/to/file.toml:table`` names.

    Raises
    ------
    GradcertError : for a file or a table that is not there, or is no cell.
    """
    where, _, table = name.rpartition(":")
    if not (path := place(where)).is_file():
        raise GradcertError(f"there is no file {where}", allowed="path/to/cells.toml:table")
    found = toml(path, FORM)
    if not isinstance(found.get(table), Mapping):
        raise GradcertError(f"{where} has no cell {table!r}", allowed=", ".join(found) or "none")
    return from_record(table, found[table])


def from_record(name: str, given: Mapping[str, Any]) -> Any:
    """Return the cell class of a table.

    Examples
    --------
    >>> leaky = {"equations": {"z": "W @ x + 0.9 * z_prev"}, "edges": {"z -> z": "state"}}
    >>> from_record("leaky", leaky)().nodes
    ('z',)
    """
    if wrong := sorted(set(given) - {*TABLES, "parameters", "surrogate", "strict"}):
        raise GradcertError(f"the cell {name} with {', '.join(wrong)}", allowed=FORM)
    tables = {k: given.get(k, {}) for k in TABLES}
    parameters, strict = given.get("parameters"), given.get("strict", False)
    fits = all(isinstance(t, Mapping) for t in tables.values()) and type(strict) is bool
    if not fits or not all(isinstance(text, str) for text in tables["equations"].values()):
        raise GradcertError(f"the cell {name}", allowed=FORM)
    if parameters is not None and not (isinstance(parameters, list) and all(isinstance(p, str) for p in parameters)):
        raise GradcertError(f"parameters={parameters!r} of the cell {name}", allowed="a list of names")
    return define(
        name,
        tables["equations"],
        edges=tables["edges"],
        constants=tables["constants"],
        surrogate=surrogate_from(given["surrogate"]) if "surrogate" in given else None,
        strict=strict,
        parameters=None if parameters is None else tuple(parameters),
    )


def to_record(made: Any) -> dict[str, Any]:
    """Return the table of a cell that `define` made, its constants and options as they are now.

    Parameters
    ----------
    made : a cell, an instance.

    Examples
    --------
    >>> leaky = {"equations": {"z": "W @ x + b + 0.9 * z_prev"}, "edges": {"z -> z": "state"}, "parameters": ["b"]}
    >>> to_record(from_record("leaky", leaky)()) == leaky
    True
    """
    recipe = made.recipe
    out: dict[str, Any] = {
        "equations": {e.node: _text(e) for e in recipe.equations if e.node != ITSELF},
        "edges": dict(recipe.edges),
    }
    if recipe.constants:
        out["constants"] = {name: float(getattr(made, name)) for name in recipe.constants}
    out |= {"parameters": list(recipe.parameters)} if recipe.parameters else {}
    if recipe.spikes:
        out |= {"surrogate": made.surrogate.to_dict(), "strict": made.strict}
    return out


def _text(equation: Any) -> str:
    sums = [f"{weight} @ {source}{'_prev' * lag}" for weight, source, lag in equation.weighted]
    rest = "" if equation.rest == "0" else re.sub(rf"\b{ITSELF}\b", "x", equation.rest)
    whole = " + ".join([*sums, *equation.biases])
    return f"{whole} {rest}".strip() if whole else rest.removeprefix("+ ")


def written(cells: Mapping[str, Mapping[str, Any]], comment: Sequence[str] = ()) -> str:
    """Return tables of cells as TOML.

    Examples
    --------
    >>> text = written({"leaky": {"equations": {"z": "W @ x"}, "edges": {}, "parameters": [], "strict": True}})
    >>> print(text, end="")
    [leaky]
    parameters = []
    strict = true
    [leaky.equations]
    z = "W @ x"
    [leaky.edges]
    """
    lines = [f"# {line}" for line in comment]
    for name, record in cells.items():
        plain = {k: v for k, v in record.items() if not isinstance(v, Mapping)}
        lines += [f"[{name}]", *(f"{k} = {value(v)}" for k, v in plain.items())]
        for key, table in record.items():
            if isinstance(table, Mapping):
                lines += [f"[{name}.{key}]", *(f"{_key(k)} = {value(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"


def value(given: Any) -> str:
    """Return a value as TOML has it.

    Examples
    --------
    >>> value(0.5), value(True), value({"name": "atan", "train": ["leak"]})
    ('0.5', 'true', '{name = "atan", train = ["leak"]}')
    """
    if isinstance(given, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {value(v)}" for k, v in given.items()) + "}"
    if isinstance(given, (list, tuple)):
        return "[" + ", ".join(map(value, given)) + "]"
    if isinstance(given, float):
        return repr(given)
    return json.dumps(given, ensure_ascii=False)


def _key(name: str) -> str:
    plain = name and all(c.isascii() and (c.isalnum() or c in "_-") for c in name)
    return name if plain else json.dumps(name, ensure_ascii=False)
