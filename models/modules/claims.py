"""What a module claims, as its reading says it: cells as data, a stack of layers or a graph, the rule that it cuts to.

Where every size of the network is an argument of its own, problems have any size; else the claim fixes small ones that
the module can be built at, or its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from gradcert.models.equations.files import to_record
from gradcert.models.equations.files import written as cells_text
from gradcert.models.modules.build import Build, example
from gradcert.models.modules.build import inputs as candidates
from gradcert.models.modules.errors import UnreadError
from gradcert.models.modules.known import integrator, known
from gradcert.models.modules.parameters import Part, parts
from gradcert.models.modules.psi import formula
from gradcert.models.modules.states import first_state
from gradcert.models.reading.check import rows_by_cuts
from gradcert.models.reading.graphs import as_graph
from gradcert.models.reading.held import peek, slots
from gradcert.models.reading.network import Written
from gradcert.models.reading.reader import ReadModule, recorded
from gradcert.models.reading.recorder import forward_alone
from gradcert.models.reading.surrogates import Taken
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import AvgPool, Network, options_of

FOLDER = ".gradcert/cells"  # where cells that were read are kept, by their content
SMALL = (3, 4, 2, 5, 6)  # of sizes, in turn, where a claim has to fix them
DECAYS = ("leak", "rho", "kappa", "rate")  # names whose values cases draw between 0 and 1
# what a module that takes whole sequences returns of its steps -> of what the loss of the claim is
WHEN = {"the last step": "last", "the sum over steps": "sum", "the mean over steps": "mean",
        "the maximum over steps": "max"}  # fmt: skip
LARGEST = 100  # of a size that a claim fixes
TRIED = 4  # sizes of an input


@dataclass(frozen=True)
class Read:
    """A module that was read at one size.

    Attributes
    ----------
    reading, written : the reading, and its networks. `parts` : its parameters of the networks'.
    renamed : the claim's name of a parameter -> the networks'.
    """

    reading: ReadModule
    written: Written
    parts: tuple[Part, ...]

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
    controls : of every size, the argument that it is; None where it is fixed.
    notes : what has to be said.
    """

    spec: dict[str, Any]
    cells: dict[str, str]
    records: dict[str, Any] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    controls: tuple[str | None, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the claim in its JSON form."""
        return self.spec


@dataclass(frozen=True)
class How:
    """How a module is read.

    Attributes
    ----------
    example : shape of an input of one step with the batch first. `time` : the axis of time of one that takes sequences.
    state : module -> the state before the first step, for as many samples as the example has.
    builtin : whether the claim is about gradcert's own cells, all layers alike, as algorithms that are no row want it.
    """

    example: tuple[int, ...] | None = None
    state: Callable[[Any], Any] | None = None
    time: int | None = None
    builtin: bool = False


def sizes_of(network: Network) -> tuple[int, ...]:
    """Return the sizes of a network: inputs, then units of every layer, or of every population."""
    units = [p.units for p in network.graph.populations] if network.graph else [x.units for x in network.layers]
    return (network.inputs, *units)


def read(
    build: Build,
    how: How,
    sizes: Mapping[str, int] | None = None,
    inputs: int | None = None,
    *,
    graph: bool = False,
) -> Read:
    """Read the forward pass of a module, at some size.

    Parameters
    ----------
    sizes, inputs : arguments of the class, and the size of the example, where they are others.
    graph : write it as a graph, also where it is a stack.

    Raises
    ------
    GradcertError : for what cannot be read, or written as a network.
    """
    module = build(sizes).eval()  # dropout and the like are off
    shape = how.example
    if inputs is not None and shape is not None:
        shape = (*shape[:-1], inputs)
    with forward_alone():
        reading = _tried(module, how) if shape is None else _as_told(module, shape, how)
        made = as_graph(reading) if graph else reading.unchecked()
    return Read(reading, made, parts(made, module))


def _as_told(module: Any, shape: tuple[int, ...], how: How) -> ReadModule:
    x = example(shape)
    return recorded(module, x, None if how.time is not None else _state(module, x, how), how.time)


def _state(module: Any, x: Any, how: How) -> Any:
    return first_state(module, x) if how.state is None else how.state(module)


def _tried(module: Any, how: How) -> ReadModule:
    """Read a module on inputs of the sizes that it may take, as one that takes a step, or else a sequence."""
    sizes = candidates(module)
    if not sizes:
        raise UnreadError("no example input", do="say its shape, with the batch first: example=(32, 700)")
    first: GradcertError | None = None
    times = (None, 0, 1) if how.time is None else (how.time,)
    for time, size in ((t, n) for t in times for n in sizes[:TRIED]):
        try:
            return _as_told(module, {None: (2, size), 0: (3, 2, size), 1: (2, 3, size)}[time], replace(how, time=time))
        except GradcertError as error:
            first = first or error
        except Exception as error:  # whatever a stranger's code raises
            said = f"{type(error).__name__}: {str(error)[:200]}"
            first = first or UnreadError(f"a step of {type(module).__name__} on x of {(2, size)} raised {said}")
    assert first is not None
    raise first


def told(build: Build, how: How) -> Told:
    """Read a module and return what it claims.

    Raises
    ------
    GradcertError : for what cannot be read or claimed.
    """
    base = read(build, how)
    if base.written.full.graph is None and not _is_stack(base):
        base = read(build, how, graph=True)
    with forward_alone():
        rows = rows_by_cuts(base.written)
    _check(base)
    controls, small, free = _controls(build, how, base)
    records, renamed = _records(base) if not how.builtin else ({}, {})
    text = cells_text(records, (f"{build.name}, as gradcert read it",)) if records else ""
    path = f"{FOLDER}/{re.sub(r'[^A-Za-z0-9_]', '_', build.name)}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"
    fixed = () if free else small
    if how.builtin:
        network, renamed = _alike(base, fixed)
    else:
        network = _network(base, records, renamed, path, fixed)
    spec: dict[str, Any] = {"rule": _rule(base, rows), **network}
    collects = base.reading.collects
    if collects and collects[0] in WHEN:
        spec["when"] = [WHEN[collects[0]]]
    if (node := base.written.full.loss.node) != "z":
        spec["node"] = node
    at_sizes = ", ".join(map(str, small))
    notes = [] if free else [f"{build.name} is judged at sizes {at_sizes} alone: no argument each is another size"]
    if _fixed_batch(build, base):
        spec["B"] = base.reading.batch
        notes.append(f"{build.name} is judged with {base.reading.batch} samples: it holds states for so many")
    notes += ["its dropout is off: it is judged as it is in eval()"] if _random(build) else []
    return Told(spec, {path: text} if records else {}, records, renamed, controls, tuple(notes))


def _check(base: Read) -> None:
    """Raise for what a problem cannot give a module."""
    if base.written.initial:
        raise UnreadError(
            f"states that do not begin with zeros: {', '.join(base.written.initial)}",
            do="judge it where it runs: gradcert.watch",
        )
    if base.reading.way.whole == "inside":
        raise UnreadError("a module that loops over one input", do="judge it where it runs: gradcert.watch")


def _fixed_batch(build: Build, base: Read) -> bool:
    """Return whether a new module holds states for a number of samples."""
    held = slots(build())
    values = [peek(held[s.name]) for s in base.reading.step.slots[base.reading.step.explicit :] if s.name in held]
    return any(isinstance(v, torch.Tensor) and v.dim() > 1 and len(v) == base.reading.batch > 1 for v in values)


def _random(build: Build) -> bool:
    kinds = ("Dropout", "AlphaDropout", "Dropout1d", "Dropout2d", "RNNBase")
    return any(type(m).__name__ in kinds and getattr(m, "p", 0) for m in build().modules())


def _controls(build: Build, how: How, base: Read) -> tuple[tuple[str | None, ...], tuple[int, ...], bool]:
    """Return the argument that every size of the network is, small sizes, and whether it can be built at any."""
    own = base.sizes
    controls: list[str | None] = [None] * len(own)
    for name, value in build.sizes.items():
        found = _sizes_at(build, how, {name: value + 1}, own, name)
        for i, size in enumerate(found or ()):
            if size == own[i] + 1 == value + 1:
                controls[i] = name
    turns: dict[str, int] = {}
    for i, control in enumerate(controls):
        if control is not None:
            turns.setdefault(control, SMALL[i % len(SMALL)])

    def built(wanted: Mapping[str, int]) -> bool:
        sizes = tuple(n if c is None else wanted[c] for n, c in zip(own, controls, strict=True))
        return _sizes_at(build, how, wanted, own, *turns) == sizes

    if not built(turns):
        controls, turns = [None] * len(own), {}
    distinct = all(controls) and len(set(controls)) == len(controls)
    free = distinct and built(dict.fromkeys(turns, 1))  # the smallest that cases have
    small = tuple(n if c is None else turns[c] for n, c in zip(own, controls, strict=True))
    if max(small) > LARGEST:
        raise UnreadError(
            f"{build.name} at sizes {', '.join(map(str, small))}",
            allowed=f"sizes that are arguments, or up to {LARGEST}",
            do="make them arguments of the class; or judge it where it runs: gradcert.watch",
        )
    return tuple(controls), small, free


def _sizes_at(
    build: Build, how: How, sizes: Mapping[str, int], own: tuple[int, ...], *names: str
) -> tuple[int, ...] | None:
    """Return the sizes of the network at other arguments; None where it cannot be built or read there."""
    for inputs in (None, *(sizes[name] for name in names)) if how.example is not None else (None,):
        try:
            found = read(build, how, sizes, inputs).sizes
        except Exception:  # a size that the module does not take
            continue
        if len(found) == len(own):
            return found
    return None


def _rule(base: Read, rows: tuple[str, ...]) -> str:
    """Return the rule that a module's cuts are: a row, or BPTT without the edges that it cuts."""
    if rows:
        return rows[0] if "bptt" not in rows else "bptt"
    cut = {edge.label for edge in base.reading.edges if edge.cut}
    kept = {edge.label for edge in base.reading.edges if not edge.cut or edge.kept}
    if not cut or cut & kept or any(p.cuts and not p.lag for p in base.reading.links):
        return ""  # whoever asks says a rule
    return "bptt" + "".join(f" - {label}" for label in sorted(cut))


def _records(base: Read) -> tuple[dict[str, Any], dict[str, str]]:
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
        value = base.written.arrays(dict(base.reading.module.named_parameters()))[part.name]
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
        shared = [called.get(name, name) for part in own if part.shared and (name := part.name.rpartition(".")[2])]
        members.append({"cell": f"{path}:{_called(prefix)}", "options": options, "shared": shared})
    common = _common(members)
    if full.graph is None:
        layers = [{"cell": m["cell"], "options": m["options"]} for m in members]
        return {"layers": layers, **common, **({"sizes": list(sizes)} if sizes else {})}
    graph = full.graph.to_dict()
    populations = [
        {"name": p["name"], "cell": m["cell"], "options": m["options"]}
        | ({"synapses": p["synapses"]} if p.get("synapses") else {})
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


def _common(members: list[dict[str, Any]]) -> dict[str, Any]:
    """Take out what all spiking members have alike: the claim says it of all of them, and others may say otherwise."""
    options = [m["options"] for m in members if "surrogate" in m["options"]]
    alike = [k for k in (options[0] if options else ()) if k != "train" and all(k in o for o in options)]
    found = {k: options[0][k] for k in alike if all(o[k] == options[0][k] for o in options)}
    for o in options:
        for k in found:
            del o[k]
    return {"options": found} if found else {}


def _is_stack(base: Read) -> bool:
    """Return whether a claim can say it as layers: dense weights, or none, and values of every unit's own."""
    synapses: list[Any] = [s for layer in base.written.full.layers for _, s in layer.synapses]
    plain = all(isinstance(s, AvgPool) and s.kernel == (1, 1) for s in synapses)
    return plain and not any(part.shared for part in base.parts)


def at(build: Build, how: How, said: Told, sizes: tuple[int, ...]) -> tuple[Read, dict[str, int]]:
    """Read a module at the sizes of a problem; return the arguments too.

    Raises
    ------
    UnreadError : if it cannot be built at them.
    """
    values = {c: n for c, n in zip(said.controls, sizes, strict=True) if c is not None}
    inputs = sizes[0] if said.controls[0] is not None else None
    found = read(build, how, values, inputs, graph="network" in said.spec)
    if found.sizes != sizes:
        raise UnreadError(
            f"{build.name} at sizes {', '.join(map(str, sizes))}, which becomes {', '.join(map(str, found.sizes))}"
        )
    back = {old: new for new, old in said.renamed.items()}
    named = tuple(replace(part, name=_renamed(part.name, back)) for part in found.parts)
    return replace(found, parts=named), values


def _renamed(name: str, back: Mapping[str, str]) -> str:
    """Return the claim's name of a parameter; that of a weight of a graph ends with its connection's."""
    weight, _, connection = name.rpartition(".")
    return back.get(name) or (f"{back[weight]}.{connection}" if weight in back else name)
