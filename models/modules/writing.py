"""Files from a reading: cells in TOML or Python, a claim in TOML, a graph of NIR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradcert.models.equations.files import value
from gradcert.models.modules.errors import UnreadError
from gradcert.models.modules.known import known
from gradcert.models.reading.network.written import Written
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Network
from gradcert.reference.numbers import surrogate_from

TABLES = ("layers", "network")


def claim(spec: Mapping[str, Any], cells: Mapping[str, str], comment: str = "") -> str:
    """Return a claim in TOML, as ``--claim`` reads it.

    Parameters
    ----------
    cells : path of a file of cells in the claim -> what it is called in the text.

    Examples
    --------
    >>> print(claim({"rule": "bptt", "layers": [{"cell": "a.toml:l", "options": {}}]}, {"a.toml": "b.toml"}), end="")
    rule = "bptt"
    [[layers]]
    cell = "b.toml:l"
    """

    def moved(given: Mapping[str, Any]) -> dict[str, Any]:
        where, colon, name = given["cell"].rpartition(":")
        return {**given, "cell": f"{cells.get(where, where)}{colon}{name}"}

    lines = [f"# {comment}"] if comment else []
    lines += _lines({k: v for k, v in spec.items() if k not in TABLES})
    for layer in spec.get("layers", ()):
        lines += ["[[layers]]", *_lines(moved(layer))]
    if network := spec.get("network"):
        lines += ["[network]", f"inputs = {value(network['inputs'])}", f"output = {value(network['output'])}"]
        for p in network["populations"]:
            lines += ["[[network.populations]]", *_lines(moved(p))]
        for c in network["connections"]:
            lines += ["[[network.connections]]", *_lines(c)]
    return "\n".join(lines) + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{k} = {value(v)}" for k, v in table.items() if v not in ({}, [], None)]


def python(records: Mapping[str, Mapping[str, Any]], comment: str) -> str:
    """Return cells as a file of Python, each made by `gradcert.models.equations.define`."""
    lines = [f'"""{comment}"""', "", "from gradcert.models.equations import define"]
    if any("surrogate" in record for record in records.values()):
        lines.append("from gradcert.reference.numbers import surrogate_from")
    for name, record in records.items():
        lines += ["", f"{name} = define(", f"    {name!r},", f"    {dict(record['equations'])!r},"]
        lines += [f"    {key}={dict(record[key])!r}," for key in ("edges", "constants") if key in record]
        if "surrogate" in record:
            surrogate_from(record["surrogate"])  # which refuses what is none
            lines += [f"    surrogate=surrogate_from({record['surrogate']!r}),", f"    strict={record['strict']!r},"]
        lines += [f"    parameters={tuple(record.get('parameters', ()))!r},", ")"]
    return "\n".join(lines) + "\n"


def nir(written: Written, parameters: Mapping[str, Any]) -> Any:
    """Return a reading as a NIR graph, with the module's own weights, and what NIR does not say of it.

    Raises
    ------
    GradcertError : for what NIR does not have: a reset that subtracts, cells other than LIF, LI and linear layers.
    """
    from gradcert.models.nir import write

    if written.full.graph is not None:
        raise UnreadError("a graph of populations in NIR", allowed="a stack of layers")
    arrays, layers = written.arrays(parameters), []
    named: dict[str, Any] = {}
    for i, layer in enumerate(written.full.layers):
        found = known(layer.cell)
        if found is None:
            raise GradcertError(f"layer {i} in NIR", allowed="LIF with a hard reset or none, leaky integrators, linear")
        cell, names = found
        back = {old: new for new, old in names.items()}
        synapses = tuple((back.get(name, name), synapse) for name, synapse in layer.synapses)
        layers.append(replace(layer, cell=cell, synapses=synapses))
        named |= {f"layers.{i}.{new}": arrays[f"layers.{i}.{old}"] for new, old in names.items()}
    return write(Network(layers=tuple(layers), loss=written.full.loss), named)


def save(path: str, text: str) -> None:
    """Write a text to a file.

    Raises
    ------
    GradcertError : if it cannot be written.
    """
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise GradcertError(f"{path}: {error.strerror}") from None
