"""A counterexample as lines of text: the network, every number, what came back and what should have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from gradcert.certify.claims import said_extra
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import EXTRAS, PREFIX, cell_named, from_dict

ALWAYS = ("leak", "threshold", "kappa", "rho", "beta", "rate")  # options that are shown even where they are usual
MOST = 12  # entries of the gradient that are shown


def summary(record: Mapping[str, Any]) -> str:
    """Return how small it is, in one line.

    Examples
    --------
    >>> size = {"widths": [1, 1], "steps": 2, "batch": 1}
    >>> summary({"size": size, "was": {"widths": [3, 4], "steps": 6, "batch": 3}, "asked": 40, "complete": True})
    'sizes 1-1, T = 2, B = 1; shrunk from sizes 3-4, T = 6, B = 3 with 40 questions'
    """
    more = "" if record["complete"] else ", as many as there may be"
    return f"{_size(record['size'])}; shrunk from {_size(record['was'])} with {record['asked']} questions{more}"


def _size(size: Mapping[str, Any]) -> str:
    return f"sizes {'-'.join(map(str, size['widths']))}, T = {size['steps']}, B = {size['batch']}"


def given(problem: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values of everything that the subject is given."""
    network = problem["network"]
    if "graph" in network:
        out = _graph(network["graph"])
    else:
        out = [(f"layer {k}", _layer(layer)) for k, layer in enumerate(network["layers"])]
    out.append(("loss", _loss(problem["network"]["loss"])))
    arrays = {**problem["parameters"], **problem.get("feedback", {})}
    try:
        names = list(from_dict(problem["network"]).shapes())
    except GradcertError:  # a cell in a file that nobody has run here
        names = []
    there = problem["parameters"]  # of a file: not all that the network has, or more, as the file may say
    order = [*(n for n in names if n in there), *sorted(set(there) - set(names)), *sorted(problem.get("feedback", {}))]
    out += [(name, numbers(arrays[name])) for name in order]
    out += [(name, _signal(problem[name])) for name in ("inputs", "targets")]
    out += [(f"{PREFIX}{name}", numbers(value)) for name, value in problem.get("initial", {}).items()]
    out += [(name, numbers(problem[name])) for name in ("weights", "begins") if name in problem]
    out += [(f"masks.{name}", _signal(value)) for name, value in problem.get("masks", {}).items()]
    return [*out, *((f"readouts.{name}", numbers(value)) for name, value in problem.get("readouts", {}).items())]


def _loss(loss: Mapping[str, Any]) -> str:
    when = f"at {loss['when']} step" if loss["when"] in ("every", "last") else f"of the {loss['when']} over time"
    words = [loss["kind"].replace("_", " "), when]
    axes = ("time", "batch", "outputs")
    words += [f"{word} over {axis}" for axis in axes if (word := loss.get(axis, "sum")) != "sum"]
    words += [f"output {loss['node']}"] if "node" in loss else []
    words += [f"level {_number(loss['level'])}"] if "level" in loss else []
    for term in loss.get("activity", ()):
        rest = " ".join(f"{name} {numbers(value)}" for name, value in term.items() if name != "kind")
        words.append(f"activity {term['kind']} {rest}")
    for term in loss.get("local", ()):
        layers = f" of layers {', '.join(map(str, term['layers']))}" if term.get("layers") else ""
        words.append(f"in hidden layers{layers} {term['kind']} times {_number(term.get('strength', 1))}")
    return ", ".join(words)


def _graph(graph: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the inputs, the populations, and what reads what."""
    sizes = {given["name"]: given["size"] for given in graph["inputs"]}
    out = [(f"input {name}", f"{size} entries") for name, size in sizes.items()]
    for p in graph["populations"]:
        out.append((p["name"], _layer({**p, "inputs": None})))
    for c in graph["connections"]:
        lag = f"lag {c['lag']}" if c.get("lag") else "within the step"
        kinds = [s["kind"] for s in c.get("synapses", ())]
        out.append((f"{c['source']} -> {c['target']}", ", ".join([lag, *kinds])))
    return out


def _layer(layer: Mapping[str, Any]) -> str:
    try:
        usual = {f.name: f.default for f in fields(cell_named(layer["cell"]))}
    except GradcertError:
        usual = {}
    words = []
    trained = layer["options"].get("train", ())  # their values are parameters
    for name, value in sorted(layer["options"].items()):
        if name in trained or name == "train":
            continue
        if name in EXTRAS:
            words.append(f"{name} {said_extra(name, value)}")
        elif isinstance(value, Mapping):
            scales = ", ".join(f"{k}={numbers(v)}" for k, v in value.items() if k not in ("name", "formula"))
            form = value.get("name") or value.get("formula", "")
            words.append(f"{name} {form}" + (f"({scales})" if scales else ""))
        elif name in ALWAYS or (value != usual.get(name) and value not in ([], None)):
            words.append(f"{name} {numbers(value) if isinstance(value, (int, float, list)) else value}")
    sizes = f"{layer['units']} units" if layer["inputs"] is None else f"{layer['inputs']} -> {layer['units']}"
    return f"{layer['cell'].rpartition(':')[2]} {sizes}" + (f"; {', '.join(words)}" if words else "")


def _signal(values: Any) -> str:
    """Return (time, batch, features); a batch of one and a width of one lose their brackets."""
    array = np.asarray(values, dtype=float)
    for axis in (2, 1):
        if array.shape[axis] == 1:
            array = array.squeeze(axis)
    return numbers(array.tolist())


def numbers(value: Any) -> str:
    """Return numbers in the fewest digits that read back the same.

    Examples
    --------
    >>> numbers([[1.0, -0.5], [0.1, 2.0]]), numbers(True)
    ('[[1, -0.5], [0.1, 2]]', 'True')
    """
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(numbers, value))}]"
    return str(value) if isinstance(value, (bool, str)) or value is None else _number(value)


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def differing(record: Mapping[str, Any]) -> list[tuple[str, str, str, str, bool]]:
    """Return (entry, returned, expected, budget, whether it is right): the wrong ones first, twelve at most."""
    found = [entry for array in record["arrays"] for entry in _entries(array)]
    found.sort(key=lambda entry: entry[4])
    return found[:MOST]


def _entries(array: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, bool]]:
    returned, wanted, budget = (np.asarray(array[k], dtype=float) for k in ("given", "reference", "budget"))
    right = np.asarray(array["ok"], dtype=bool)
    for index in np.ndindex(returned.shape):
        at = f"[{', '.join(map(str, index))}]" if index else ""
        values = (_number(float(returned[index])), _number(float(wanted[index])), f"{float(budget[index]):.2g}")
        yield f"{array['name']}{at}", *values, bool(right[index])


def hidden(record: Mapping[str, Any]) -> int:
    """Return how many entries `differing` leaves out."""
    return max(0, sum(np.size(array["given"]) for array in record["arrays"]) - MOST)


def lines(record: Mapping[str, Any], width: int = 10_000) -> list[str]:
    """Return everything, for a terminal; entries whose table is wider than that are a sentence each."""
    out = [summary(record)]
    out += aligned(given(record["problem"]))
    rows: list[Sequence[str]] = [("", "returned", "expected", "budget")]
    rows += [(entry, *values, "" if right else "wrong") for entry, *values, right in differing(record)]
    table = aligned(rows)
    if max(map(len, table)) > width:
        head = rows[0][1:]
        told = [", ".join(f"{name} {value}" for name, value in zip(head, row[1:4], strict=True)) for row in rows[1:]]
        table = [f"{row[0]}: {said}{', wrong' * bool(row[4])}" for row, said in zip(rows[1:], told, strict=True)]
    out += table
    if count := hidden(record):
        out.append(f"and {count} more entries")
    return out


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows with their columns below each other; a last column is as long as it likes.

    Examples
    --------
    >>> aligned([("a", "1"), ("long", "2")])
    ['a     1', 'long  2']
    """
    columns = max(map(len, rows))
    widths = [max((len(row[k]) for row in rows if k < len(row)), default=0) for k in range(columns)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
