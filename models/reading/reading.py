"""What was read of a module: populations, equations, spikes, labelled edges, and what the user's code cuts."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

from gradcert.models.reading.choose import Chosen
from gradcert.models.reading.framework import Framework
from gradcert.models.reading.labels import Edge
from gradcert.models.reading.lifted import as_given, places
from gradcert.models.reading.populations import Path
from gradcert.models.reading.record import Step
from gradcert.models.reading.terms import Term
from gradcert.models.reading.text import CALLED, Style, expression, short
from gradcert.reference.numbers import Surrogate


@dataclass(frozen=True)
class Reading:
    """A module as it was read.

    Attributes
    ----------
    module : the user's module, as it is. `example` : the input that a step was recorded on; `state` : what was passed.
    step, way, chosen, links : the record of the step and what was made of it.
    layers : the nodes of every population, by number, in the order of computation.
    names : of the nodes. `statics` : of what is made of parameters, by the id of its term.
    edges : the links from the step before, labelled.
    psi : the pseudo-derivative of each kind of spike, and whether it is silent at its threshold.
    outputs : nodes that the module returns beside its state.
    slots : name and first value of every state, slices of them included. `anew` : slot of a spike that a step computes
        anew from what the step before left -> the node that does. `node_of` : term, by its id -> node of the
        record. `moving` : the nodes of the record that depend on the input or a state.
    batch : samples in the example. `framework` : what runs the record.
    rows : the rows of the table whose gradients the module's own backward gives; None where there is no network.
    collects : of a module that takes whole sequences, what each of its results is of the outputs of all steps.
    lifted : the nodes of the record that cut a parameter off, which no row of the table does. `straight` : those that
        are part of a straight-through function of a parameter (`gradcert.models.reading.lifted`).
    rounding : where spikes are straight-through sums that leave roundings beside 0 and 1.
    """

    module: Any
    example: Any
    state: Any
    step: Step
    way: Any
    chosen: Chosen
    links: tuple[Path, ...]
    layers: list[list[int]]
    names: dict[int, str]
    statics: dict[int, str]
    edges: tuple[Edge, ...]
    psi: tuple[tuple[Surrogate, bool], ...]
    outputs: list[int]
    slots: list[tuple[str, Any]]
    anew: dict[int, int]
    node_of: dict[int, int]
    moving: frozenset[int]
    batch: int
    framework: Framework
    notes: tuple[str, ...] = field(default=())
    collects: tuple[str, ...] = field(default=())
    rows: tuple[str, ...] | None = None
    lifted: frozenset[int] = frozenset()
    straight: frozenset[int] = frozenset()
    rounding: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What is read is called."""
        found: str = getattr(self.module, "__name__", type(self.module).__name__)
        return found

    @property
    def random(self) -> bool:
        """Whether a step draws random numbers."""
        return any(term.op == "random" for term in _parts(self.chosen))

    @property
    def cuts(self) -> bool:
        """Whether a step cuts anything that would have come back."""
        return any(term.op == "cut" for term in _parts(self.chosen)) or any(path.cuts for path in self.links)

    @property
    def cut_parameters(self) -> dict[str, str]:
        """Parameter -> where it is cut on a path, in file and line."""
        return places(self.step.nodes, self.lifted)

    @property
    def given_derivatives(self) -> list[str]:
        """What has to be said of derivatives of parameters that are the user's own."""
        return as_given(self.step.nodes, self.moving, self.lifted, self.straight)

    @property
    def masks(self) -> list[int]:
        """The nodes of the record that are random numbers and what is made of them alone."""
        return [self.node_of[id(t)] for t in _parts(self.chosen) if drawn(t) and id(t) in self.node_of]

    def layer_of(self, node: int) -> int:
        """Return the number of a node's population."""
        return next(i for i, group in enumerate(self.layers) if node in group)

    def units(self, node: int) -> int:
        """Return how many units a node has."""
        return self.chosen.order[node].size // self.batch

    def equation(self, node: int) -> Term:
        """Return what a node is."""
        return self.chosen.equations[id(self.chosen.order[node])]

    def __str__(self) -> str:
        return described(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: what the text says, as data."""
        return {
            "module": self.title,
            "layers": [_layer_record(self, i) for i in range(len(self.layers))],
            "states": [name for name, _ in self.slots[: len(self.step.slots)]],
            "backward": None if self.rows is None else list(self.rows),
            "cuts": self.cut_parameters,
            "notes": [*self.given_derivatives, *self.notes],
        }


SILENT = Surrogate("sigmoid", scale=0.0)  # of a comparison, through which nothing comes back


def drawn(term: Term) -> bool:
    """Return whether a term is random numbers, or made of them and of numbers alone."""
    return term.op == "random" or (
        any(drawn(a) for a in term.args) and all(a.op == "number" or drawn(a) for a in term.args)
    )


def _parts(chosen: Chosen) -> list[Term]:
    out, todo = [], [chosen.equations[id(t)] for t in chosen.order]
    while todo:
        term = todo.pop()
        out.append(term)
        todo += term.args
    return out


def silent_kinds(reading: Reading) -> frozenset[int]:
    """Return the kinds of spikes through which nothing comes back."""
    return frozenset(k for k, (surrogate, _) in enumerate(reading.psi) if surrogate == SILENT)


def style(reading: Reading, layer: int) -> Style:
    """Return how equations of a layer are written for a reader."""

    def node(k: int, lag: int) -> str:
        own = reading.layer_of(k) == layer
        return reading.names[k] + ("" if own else f"[{reading.layer_of(k)}]") + "'" * lag

    def weight(term: Term, source: str) -> str:
        if term.args[0].op == "number" and term.data[0] == "tap":
            _, (_, (_, columns), *_), entry = term.data
            return f"window[{entry // columns},{entry % columns}]({source})"
        if term.args[0].op == "number" and term.data[0] == "repeat":
            return f"repeat({source})"
        if term.args[0].op == "number" and (runs := _runs(term)):
            return f"mean[{runs[1]}]({source})" if runs[0] > 1 else f"mean({source})"
        if term.args[0].op == "number":
            return f"average_pool({source})"
        name = reading.statics[id(term.args[0])]
        return f"{name} * {source}" if term.data else f"{name} @ {source}"

    return Style(
        node,
        lambda term: reading.statics[id(term)],
        weight,
        short,
        lambda inner, where: f"cut[{inner}]",
        silent=silent_kinds(reading),
    )


def _runs(term: Term) -> tuple[int, int] | None:
    """Return how many runs of units a mean is over, and how long they are; None for a pooling of windows."""
    if term.data[0] == "mean":
        return term.data[1] // term.data[2], term.data[2]
    _, (count, height, width), _, kernel, *_ = term.data
    return (count, width) if height == 1 and kernel == (1, width) else None


def _layer_record(reading: Reading, i: int) -> dict[str, Any]:
    how, group = style(reading, i), reading.layers[i]
    equations = []
    for k in group:
        text = expression(reading.equation(k), how)
        for ours, theirs in CALLED.items():
            text = text.replace(ours, theirs)
        record: dict[str, Any] = {"node": reading.names[k], "equation": text, "where": reading.chosen.order[k].where}
        if reading.chosen.order[k].op == "spike":
            surrogate, strict = reading.psi[reading.chosen.order[k].data]
            label = surrogate.label if surrogate != SILENT else "0 (nothing comes back)"
            record |= {"pseudo_derivative": label, "fires": "at > 0" if strict else "at >= 0"}
        if k in reading.outputs:
            record["output"] = True
        equations.append(record)
    return {
        "units": reading.units(group[-1]),
        "shape": list(reading.chosen.order[group[-1]].shape[1:]),
        "equations": equations,
        "edges": [_edge_record(reading, i, e) for e in reading.edges if e.target in group],
    }


def _edge_record(reading: Reading, layer: int, edge: Edge) -> dict[str, Any]:
    node = style(reading, layer).node
    out: dict[str, Any] = {
        "source": node(edge.source, edge.lag),
        "target": node(edge.target, 0),
        "label": edge.label or None,
        "how": "kept" if not edge.cut else "cut" if not edge.kept else "kept on one path, cut on another",
    }
    out |= {"cut_at": list(edge.cut)} if edge.cut else {}
    out |= {"through": list(edge.weights)} if edge.weights else {}
    out |= {"by_convention": edge.by_convention} if edge.by_convention else {}
    return out | ({"could_be": list(edge.otherwise)} if edge.otherwise else {})


def described(reading: Reading) -> str:
    """Return a reading as text, a paragraph for every layer."""
    record = reading.to_dict()
    lines = []
    for i, layer in enumerate(record["layers"]):
        shape = " x ".join(map(str, layer["shape"]))
        whole = len(layer["shape"]) > 1 and prod(layer["shape"]) == layer["units"]
        units = f"{shape} = {layer['units']}" if whole else str(layer["units"])
        lines.append(f"layer {i} ({units} units)")
        for e in layer["equations"]:
            tail = f"   psi {e['pseudo_derivative']}, fires {e['fires']}" if "pseudo_derivative" in e else ""
            tail += "   (output)" if "output" in e else ""
            lines.append(f"  {e['node']} = {e['equation']}{tail}")
        for e in layer["edges"]:
            label = (e["label"] or "no label").upper()
            how = e["how"] + (f" ({', '.join(e['cut_at'])})" if "cut_at" in e else "")
            through = f" through {', '.join(e['through'])}" if "through" in e else ""
            why = f"; label by convention: {e['by_convention']}" if "by_convention" in e else ""
            lines.append(f"    {e['source']} -> {e['target']}  {label}{through} {how}{why}")
    lines += [
        f"returns {how}{',' if ',' in how else ''} of {reading.names[k]}[{reading.layer_of(k)}]"
        for k, how in zip(reading.outputs, reading.collects, strict=False)
    ]
    if reading.rows is not None:
        cut = any(edge.cut for edge in reading.edges) or reading.lifted
        what = " = ".join(reading.rows) or "no row of the table"
        lines.append(f"backward: {what}{', by these cuts' if cut else ''}")
    lines += [f"{name} is cut at {place}: no row of the table does that" for name, place in record["cuts"].items()]
    lines += [f"note: {note}" for note in record["notes"]]
    return "\n".join(lines)
