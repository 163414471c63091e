"""A claim in its JSON form from what was read, of either framework: cells as data, layers or a graph, the rule."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gradcert.models.equations.files import to_record
from gradcert.models.equations.files import written as cells_text
from gradcert.models.modules.errors import UnreadError
from gradcert.models.modules.known import integrator, known
from gradcert.models.modules.parameters import Part
from gradcert.models.reading.network.written import Written
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.record import leads_to
from gradcert.models.reading.surrogates import Taken
from gradcert.models.reading.terms import below
from gradcert.reference.networks import AvgPool, Network, options_of, shared_name
from gradcert.reference.numbers import Surrogate

FOLDER = ".gradcert/cells"  # where cells that were read are kept, by their content
SMALL = (3, 4, 2, 5, 6)  # of sizes, in turn, where a claim has to fix them
LARGEST = 100  # of a size that a claim fixes
CONVENTION = "label by convention: "
OWN_NAME = " of the claim is "
ROUNDED = (
    "0 or 1 but for roundings, as hard + soft - soft.detach() leaves them, and cases without roundings see it:"
    " soft + (hard - soft).detach() is hard to the last bit"
)
DECAYS = ("leak", "rho", "kappa", "rate")  # names whose values cases draw between 0 and 1
Formula = Callable[[Taken], Surrogate]


@dataclass(frozen=True)
class Read:
    """A module that was read at one size.

    Attributes
    ----------
    reading, written : the reading, and its networks. `parts` : its parameters of the networks'.
    parameters : the module's own, as the framework has them.
    """

    reading: Reading
    written: Written
    parts: tuple[Part, ...]
    parameters: Mapping[str, Any]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of its network: inputs, then units of every layer, or population."""
        return sizes_of(self.written.full)


@dataclass(frozen=True)
class Told:
    """What a module claims.

    Attributes
    ----------
    spec : the claim in its JSON form. `cells` : file of its cells -> its text; `records` : the same as data.
    renamed : a parameter's name in the claim -> in the reading, where they differ.
    controls : of every size, the argument that it is, or its own size; None where it is fixed.
    notes : what has to be said.
    """

    spec: dict[str, Any]
    cells: dict[str, str]
    records: dict[str, Any] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    controls: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the claim in its JSON form."""
        return self.spec


def sizes_of(network: Network) -> tuple[int, ...]:
    """Return the sizes of a network: inputs, then units of every layer, or of every population."""
    units = [p.units for p in network.graph.populations] if network.graph else [x.units for x in network.layers]
    return (network.inputs, *units)


def spelled(
    base: Read, name: str, rows: tuple[str, ...], fixed: tuple[int, ...], formula: Formula, *, builtin: bool = False
) -> Told:
    """Return what is claimed of what was read.

    Parameters
    ----------
    name : of the module. `rows` : of the table, that its cuts are. `fixed` : sizes; empty where they may be any.
    formula : what writes a pseudo-derivative that is in no table.
    builtin : whether the claim is about gradcert's own cells, all layers alike, as algorithms that are no row want it.
    """
    records, renamed = _records(base, formula) if not builtin else ({}, {})
    text = cells_text(records, (f"{name}, as gradcert read it",)) if records else ""
    path = f"{FOLDER}/{re.sub(r'[^A-Za-z0-9_]', '_', name)}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"
    if builtin:
        network, renamed = _alike(base, fixed)
    else:
        network = _network(base, records, renamed, path, fixed)
    spec: dict[str, Any] = {"rule": rule_of(base, rows), **network}
    if (node := base.written.full.loss.node) != "z":
        spec["node"] = node
    notes = [] if spec["rule"] else [f"{name} has {no_row(base.reading)}"]
    notes += [] if builtin else conventions(base.reading)
    notes += [f"the spike at {place} is {ROUNDED}" for place in base.reading.rounding]
    notes += _own_names(base, renamed)
    return Told(spec, {path: text} if records else {}, records, renamed, notes=tuple(notes))


def check_begin(base: Read) -> None:
    """Raise for states that a problem does not begin with."""
    if base.written.initial:
        raise UnreadError(
            f"states that do not begin with zeros: {', '.join(base.written.initial)}",
            do="judge it where it runs: gradcert.watch",
        )


def at_sizes(found: Read, said: Told, name: str, sizes: tuple[int, ...]) -> Read:
    """Return a reading at the sizes of a problem, its parameters as the claim names them.

    Raises
    ------
    UnreadError : if it has other sizes.
    """
    if found.sizes != sizes:
        raise UnreadError(
            f"{name} at sizes {', '.join(map(str, sizes))}, which becomes {', '.join(map(str, found.sizes))}"
        )
    back = {old: new for new, old in said.renamed.items()}
    return replace(found, parts=tuple(replace(part, name=_renamed(part.name, back)) for part in found.parts))


def _renamed(name: str, back: Mapping[str, str]) -> str:
    """Return the claim's name of a parameter; that of a weight of a graph ends with its connection's."""
    weight, _, connection = name.rpartition(".")
    return back.get(name) or (f"{back[weight]}.{connection}" if weight in back else name)


def rule_of(base: Read, rows: tuple[str, ...]) -> str:
    """Return the rule that a module's cuts are: a row, or BPTT without the edges that it cuts."""
    if cuts_parameters(base.reading):
        return ""
    if rows:
        return rows[0] if "bptt" not in rows else "bptt"
    cut = {edge.label for edge in base.reading.edges if edge.cut}
    kept = {edge.label for edge in base.reading.edges if not edge.cut or edge.kept}
    if not cut or cut & kept or any(p.cuts and not p.lag for p in base.reading.links):
        return ""  # whoever asks says a rule
    return "bptt" + "".join(f" - {label}" for label in sorted(cut))


def no_row(reading: Reading) -> str:
    """Return what is cut, and where, in a module whose cuts are no row of the table."""
    record = reading.to_dict()
    several = len(record["layers"]) > 1
    edges = [(edge, f" of layer {i}" * several) for i, one in enumerate(record["layers"]) for edge in one["edges"]]
    cut = [(edge, layer) for edge, layer in edges if "cut_at" in edge]
    said = [f"{_edge(edge)}{layer} at {', '.join(edge['cut_at'])}" for edge, layer in cut]
    said += [f"{parameter} at {place}" for parameter, place in record["cuts"].items()]
    labels = {edge["label"] for edge, _ in cut}
    kept = [f"{_edge(edge)}{layer}" for edge, layer in edges if edge["label"] in labels and edge["how"] != "cut"]
    left = f"; kept: {', '.join(dict.fromkeys(kept))}" if kept else ""
    return f"cuts that are no row of the table: {', '.join(said) or 'of its own gradients'}{left}"


def conventions(reading: Reading) -> list[str]:
    """Return what has to be said of labels that are conventions: of a rule that tells them apart they are the verdict.

    Which rule that is the process that asks knows: `gradcert.certify.campaign.claimed` leaves out what does not matter.
    """
    layers = reading.to_dict()["layers"]
    out = []
    for i, layer in enumerate(layers):
        of = f" of layer {i}" * (len(layers) > 1)
        for edge in layer["edges"]:
            if "could_be" in edge:
                arrow = f"{edge['source']} -> {edge['target']}{of}"
                others = ", or ".join(map(str.upper, edge["could_be"]))
                out.append(f"{CONVENTION}{arrow} is {edge['label'].upper()} (or {others}): {edge['by_convention']}")
    return out


def _own_names(base: Read, renamed: Mapping[str, str]) -> list[str]:
    """Return what the user calls parameters that have another name in the claim, and where they are used.

    `gradcert.certify.campaign.conclude` says so of a cause that names one.
    """
    nodes = base.reading.step.nodes
    out = []
    for new, old in renamed.items():
        part = next((p for p in base.parts if p.name == old), None)
        if part is None or new.rpartition(".")[2] == part.module.rpartition(".")[2]:
            continue
        held = {k for k, node in enumerate(nodes) if (node.kind, node.name) == ("parameter", part.module)}
        places = dict.fromkeys(node.where for node in nodes if node.where and held & {*node.operands()})
        made = "made of " * (part.function is not None)
        out.append(f"{new}{OWN_NAME}{made}{part.module} in the code{', at ' * bool(places)}{', '.join(places)}")
    return out


def _edge(edge: Mapping[str, Any]) -> str:
    through = f" through {', '.join(edge['through'])}" if "through" in edge else ""
    return f"{edge['source']} -> {edge['target']} ({(edge['label'] or 'no label').upper()}{through})"


def _records(base: Read, formula: Formula) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the cells as data, by layer, those that gradcert has left out; and the names of parameters that change."""
    records: dict[str, Any] = {}
    renamed: dict[str, str] = {}
    for prefix, cell in _cells(base.written.full):
        plain = integrator(cell)
        if plain is not None:
            renamed |= {f"{prefix}.{new}": f"{prefix}.{old}" for new, old in plain[1].items()}
            continue
        record = to_record(cell)
        if isinstance(getattr(cell, "surrogate", None), Taken):
            record["surrogate"] = formula(cell.surrogate).to_dict()
        record, changed = _decays(base, prefix, cell, record)
        renamed |= {f"{prefix}.{new}": f"{prefix}.{old}" for new, old in changed.items()}
        records[_called(prefix)] = record
    return records, renamed


def _cells(network: Network) -> Iterator[tuple[str, Any]]:
    if network.graph is not None:
        yield from ((p.name, p.cell) for p in network.graph.populations)
    else:
        yield from ((f"layers.{i}", layer.cell) for i, layer in enumerate(network.layers))


def _called(prefix: str) -> str:
    return prefix.replace("layers.", "layer")


def _decays(base: Read, prefix: str, cell: Any, record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Let trained values that are decays be constants of such names: cases draw them between 0 and 1."""
    biases = {b for e in cell.recipe.equations for b in e.biases}
    changed: dict[str, str] = {}
    for name in [p for p in cell.recipe.parameters if p not in biases]:
        part = next(p for p in base.parts if p.name == f"{prefix}.{name}")
        value = base.written.arrays(base.parameters)[part.name]
        free = [d for d in DECAYS if d not in changed and d not in cell.recipe.nodes]
        if not free or not bool(((value > 0) & (value < 1)).all()):
            continue
        new = name if name in free else free[0]
        changed[new] = name
        swap = re.compile(rf"\b{re.escape(name)}\b")
        record["equations"] = {k: swap.sub(new, text) for k, text in record["equations"].items()}
        record.setdefault("constants", {})[new] = float(value.flat[0])
        record["parameters"] = [p for p in record["parameters"] if p != name]
    return record, changed


def _alike(base: Read, sizes: tuple[int, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a claim says of a stack of gradcert's own cells, and the names of parameters that change."""
    layers = [] if base.written.full.graph else [known(layer.cell) for layer in base.written.full.layers]
    cells = [found[0] for found in layers if found is not None]
    top = cells.pop() if len(cells) > 1 and not hasattr(cells[-1], "surrogate") else None
    if not cells or None in layers or any(cell != cells[0] for cell in cells):
        raise UnreadError("a stack whose layers differ", allowed="LIF layers of one kind, and a readout, for this rule")
    renamed = {
        f"layers.{i}.{k}": f"layers.{i}.{v}" for i, found in enumerate(layers) if found for k, v in found[1].items()
    }
    spec = {"cells": [cells[0].name], "depths": [len(cells)], "options": options_of(cells[0])}
    spec |= {"readout": top.name, "readout_options": options_of(top)} if top is not None else {}
    return spec | ({"sizes": list(sizes)} if sizes else {}), renamed


def _network(
    base: Read, records: Mapping[str, Any], renamed: Mapping[str, str], path: str, sizes: tuple[int, ...]
) -> dict[str, Any]:
    """Return what a claim says of the network: layers, or populations and connections.

    Parameters
    ----------
    records, renamed : as `_records` has them. `path` : of the file of cells.
    sizes : where the claim fixes them.
    """
    full = base.written.full
    members = []
    for prefix, cell in _cells(full):
        own = [part for part in base.parts if part.name.startswith(f"{prefix}.")]
        if (plain := integrator(cell)) is not None:
            options = {k: getattr(plain[0], k) for k in ("kappa", "gain", "bias")}
            members.append({"cell": "integrator", "options": options})
            continue
        record = records[_called(prefix)]
        options = {k: record[k] for k in ("surrogate", "strict") if k in record}
        trained = [k for k in record.get("constants", {}) if k in cell.trained or k not in cell.recipe.constants]
        options |= {k: v for k, v in record.get("constants", {}).items() if k not in trained}
        options |= {"train": trained} if trained else {}
        called = {
            old.rpartition(".")[2]: new.rpartition(".")[2] for new, old in renamed.items() if old.startswith(prefix)
        }
        shared = [
            shared_name(called.get(name, name), part.shared)
            for part in own
            if part.shared and (name := part.name.rpartition(".")[2])
        ]
        members.append({"cell": f"{path}:{_called(prefix)}", "options": options, "shared": shared})
    common = _common(members)
    if full.graph is None:
        layers = [{"cell": m["cell"], "options": m["options"]} for m in members]
        return {"layers": layers, **common, **({"sizes": list(sizes)} if sizes else {})}
    graph = full.graph.to_dict()
    populations = [
        {"name": p["name"], "cell": m["cell"], "options": m["options"]}
        | ({"synapses": {k: _unsized(s) for k, s in p["synapses"].items()}} if p.get("synapses") else {})
        | ({"shared": m["shared"]} if m.get("shared") else {})
        | ({"units": sizes[k + 1]} if sizes else {})
        for k, (p, m) in enumerate(zip(graph["populations"], members, strict=True))
    ]
    inputs = [{"name": i["name"]} | ({"size": sizes[0]} if sizes else {}) for i in graph["inputs"]]
    return {
        "network": {
            "inputs": inputs,
            "populations": populations,
            "connections": graph["connections"],
            "output": graph["output"],
        },
        **common,
    }


def _unsized(synapse: Mapping[str, Any]) -> dict[str, Any]:
    """Return a synapse without the size that is its population's: a mean is one over as many units as there are."""
    whole = synapse["kind"] == "mean" and "size" not in synapse
    return {k: v for k, v in synapse.items() if not whole or k != "units"}


def _common(members: list[dict[str, Any]]) -> dict[str, Any]:
    """Take out what all spiking members have alike: the claim says it of all of them, and others may say otherwise."""
    options = [m["options"] for m in members if "surrogate" in m["options"]]
    alike = [k for k in (options[0] if options else ()) if k != "train" and all(k in o for o in options)]
    found = {k: options[0][k] for k in alike if all(o[k] == options[0][k] for o in options)}
    for o in options:
        for k in found:
            del o[k]
    return {"options": found} if found else {}


def alike(a: Read, b: Read, name: str, formula: Formula) -> bool:
    """Return whether a module says the same at two sizes: of numbers in its code some may be made of a size."""
    one, other = (spelled(read, name, (), b.sizes, formula) for read in (a, b))
    return one.cells == other.cells and all(
        one.spec.get(k) == other.spec.get(k) for k in {*one.spec, *other.spec} - {"network"}
    )


def cuts_parameters(reading: Reading) -> bool:
    """Return whether a parameter acts inside of what is cut, which no row has: rows cut edges alone."""
    nodes = reading.step.nodes
    cuts = [t for g in reading.layers for k in g for t in below(reading.equation(k)).values() if t.op == "cut"]
    inside = [t for cut in cuts for t in below(cut).values() if t.op == "static"]
    return any(nodes[i].kind == "parameter" for t in inside for i in leads_to(nodes, t.data))


def is_stack(base: Read) -> bool:
    """Return whether a claim can say it as layers: dense weights, or none, and values of every unit's own."""
    synapses: list[Any] = [s for layer in base.written.full.layers for _, s in layer.synapses]
    plain = all(isinstance(s, AvgPool) and s.kernel == (1, 1) for s in synapses)
    return plain and not any(part.shared for part in base.parts)
