"""One layer of a reading: a cell by its equations, its synapses, and where its parameters come from.

What is cut, where the user's cuts are kept, is a node of its own, without links and uses that lead into it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from gradcert.models.equations import define
from gradcert.models.equations.cell import Recipe
from gradcert.models.equations.equations import PREVIOUS, Equation, read
from gradcert.models.equations.expression import derivative, symbols
from gradcert.models.reading.forward import FORWARD
from gradcert.models.reading.lifted import SAME, Plain
from gradcert.models.reading.naming import identifier
from gradcert.models.reading.network.cutting import without
from gradcert.models.reading.network.equation import text_of
from gradcert.models.reading.reading import Reading, drawn, silent_kinds
from gradcert.models.reading.record import Node, leads_to, owned
from gradcert.models.reading.terms import Term, below, uncut
from gradcert.models.reading.text import Style
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import AvgPool, Conv2d, Layer, Mean, Repeat, Tap

INTEGRATOR = "integrator"
IDENTITY = "one_to_one"  # of each unit with the unit below it: a pooling of one


@dataclass(frozen=True)
class Source:
    """Where a parameter of the network comes from: a node of the record, and the shape it is spread to.

    Attributes
    ----------
    node : what is evaluated on the module's parameters. `sign` : -1 where its opposite is meant.
    spread : shape of one sample of what it acts on, for a per-unit parameter; None for a weight.
    """

    node: int
    sign: int
    spread: tuple[int, ...] | None


@dataclass
class CellWriter:
    """Writes one layer."""

    reading: Reading
    number: int
    leaving: int
    last: bool
    cut: bool
    shut: bool = False  # nothing comes back from the layer above: its reading is cut
    sources: dict[str, Source] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.mask: int | None = None  # the node of the record that is drawn, and multiplies what leaves the layer
        self._dropped: tuple[int, ...] = ()
        self._find_mask()
        self._taken = {"z", "threshold"}
        self.statics: dict[int, str] = {}
        self._opposites: dict[int, Term | None] = {}
        self._synapses: dict[str, Any] = {}
        self._cut_nodes: list[str] = []
        self._labels: dict[tuple[str, str, bool], str] = {}
        self.threshold: float | None = None
        self._trained: tuple[str, ...] = ()
        self.kinds: set[int] = set()
        self.steps: frozenset[int] = frozenset()  # kinds that are plain comparisons beside spikes
        self.newest = ""  # the name of the weight that was written last

    def _find_mask(self) -> None:
        """Let what is masked leave the layer, if what leaves it is a mask of one of its nodes."""
        term = self.reading.equation(self.leaving)
        masks = [a for a in term.args if drawn(a)]
        nodes = [a for a in term.args if a.op == "node" and a.data[1] == 0]
        group = self.reading.layers[self.number]
        if term.op == "mul" and masks and nodes and nodes[0].data[0] in group:
            if any(p.source == self.leaving and p.target in group for p in self.reading.links):
                return
            self.mask, self._dropped = self.reading.node_of[id(masks[0])], (self.leaving,)
            self.leaving = nodes[0].data[0]

    def layer(self, inputs: int, name: str) -> Layer:
        """Return the layer."""
        made = self.made(inputs, name)
        units = self.reading.units(self.leaving)
        return Layer(made, inputs, units, tuple(self._synapses.items()))

    def made(self, inputs: int, name: str) -> Any:
        """Write the equations and return the cell."""
        self._inputs = inputs
        reading = self.reading
        group = [k for k in reading.layers[self.number] if k not in self._dropped]
        units = {reading.units(k) for k in group}
        if len(units) > 1:
            raise GradcertError(
                f"layer {self.number} has nodes of {sorted(units)} units", allowed="one number of units"
            )
        kinds = frozenset(t.data for k in group for t in below(reading.equation(k)).values() if t.op == "spike")
        silent = silent_kinds(reading)
        self.steps = kinds & silent if kinds - silent else frozenset()
        self._taken |= {reading.names[k] for k in group}
        for k in group:
            base = reading.names[k]
            copied = base == "z" and self._copied(group)
            base = "v" if k != self.leaving and base == "v" else base
            self.names[k] = identifier("s", self._taken) if copied else base
            self._taken.add(self.names[k])
        self.order = self._ordered(group)
        self._find_threshold(group)
        for k in self.order:
            term = reading.equation(k)
            self._shape = reading.chosen.order[k].shape[1:]
            self._target = k
            text = self._whole(term) if not self.cut else self._whole(self._with_nodes(term, k))
            self.texts[self.names[k]] = text
        if self._copied(group):
            self.texts["z"] = self.names[self.leaving]
            self._cut_nodes += ["z"] if self.shut else []
        return self._cell(name)

    def _find_threshold(self, group: list[int]) -> None:
        """Let a parameter that all spikes are compared with be the threshold, wherever else it is read."""
        parts = [t for k in group for t in below(self.reading.equation(k)).values()]
        levels = [t.args[0] for t in parts if t.op == "spike" and t.data not in self.steps]
        level = levels[0].args[1] if levels and levels[0].op == "sub" else None
        if level is not None and level.op == "static" and all(v.op == "sub" and v.args[1] is level for v in levels):
            spike = next(k for k in group if self.reading.chosen.order[k].op == "spike")
            shape = self.reading.chosen.order[spike].shape[1:]
            self.statics[id(level)] = "threshold"
            self.sources["threshold"] = Source(level.data, 1, tuple(shape))
            self.threshold, self._trained = 1.0, ("threshold",)

    def _copied(self, group: list[int]) -> bool:
        """Return whether z has to be a copy: something of its own step is computed from what leaves, or it is cut."""
        if self.shut:
            return True
        if self.last and self.reading.names[self.leaving] != "z":
            return not any(self.reading.names[k] == "z" for k in group)
        later = [p for p in self.reading.links if p.source == self.leaving and not p.lag and p.target in group]
        return bool(later) or self.reading.names[self.leaving] != "z"

    def _ordered(self, group: list[int]) -> list[int]:
        """Return the nodes in an order of computation that ends with z."""
        z = [k for k in group if self.names[k] == "z"]
        return [k for k in group if k not in z] + z

    def _with_nodes(self, term: Term, k: int) -> Term:
        """Return an equation in which everything that is cut is a node."""
        terms = self.reading.chosen.terms
        if term.op == "cut" and (found := uncut(term)).op == "node" and found.data[0] not in self.names:
            return found  # of the layer below, which is shut
        if term.op == "cut":
            inner = self._with_nodes(term.args[0], k)
            name = identifier("cut", self._taken)
            self.texts[name] = self._whole(inner)
            self._cut_nodes.append(name)
            for edge in self.reading.edges:
                if edge.target == k and edge.lag:
                    key = (self._name(edge.source), name, False)
                    self._labels.setdefault(key, edge.label if edge.label in LABELS else "state")
            return terms.make("named", (), name, term.shape)
        parts = tuple(self._with_nodes(a, k) for a in term.args)
        return terms.make(term.op, parts, term.data, term.shape, term.where) if parts else term

    def _name(self, k: int) -> str:
        return self.names.get(k, "x")

    def _whole(self, term: Term) -> str:
        how = Style(self.node, self._static, self.weight, _exact, lambda inner, where: f"({inner})")
        return text_of(term, how, self)

    def node(self, k: int, lag: int) -> str:
        """Return the name of a node, of this step or of the one before."""
        if k in self.names:
            return self.names[k] + PREVIOUS * lag
        return self._through_one_to_one()

    def _through_one_to_one(self) -> str:
        """Return the node that the input is where no weight multiplies it."""
        if "i" not in self.texts:
            width = self._inputs
            self._synapses[IDENTITY] = AvgPool(channels=width, height=1, width=1, kernel=(1, 1))
            self.texts = {"i": f"{IDENTITY} @ x", **self.texts}
            self._taken.add("i")
        return "i"

    def outside(self, term: Term) -> str:
        """Return what stands for a value from outside the layer that no weight multiplies."""
        return self._through_one_to_one()

    def weight_outside(self, term: Term, source: Term) -> str:
        """Return the weighted sum of something from outside the layer."""
        return self.weight(term, "x")

    def _static(self, term: Term) -> str:
        if id(term) not in self.statics:
            name = identifier(self.reading.statics[id(term)], self._taken)
            self.statics[id(term)] = name
            self._per_unit(term)
            self.sources[name] = Source(term.data, 1, tuple(self._shape))
        return self.statics[id(term)]

    def opposite(self, term: Term) -> Term | None:
        """Return the fixed value that another one is 1 less of, so that both are one parameter."""
        if id(term) not in self._opposites:
            group = self.reading.layers[self.number]
            fixed = [t for k in group for t in below(self.reading.equation(k)).values() if t.op == "static"]
            self._opposites[id(term)] = next((t for t in fixed if one_less(self.reading, term.data, t.data)), None)
        return self._opposites[id(term)]

    def again(self, term: Term) -> str:
        """Return another name of a fixed value, which is a parameter of its own."""
        name = identifier(self.reading.statics[id(term)], self._taken)
        self.sources[name] = Source(term.data, 1, tuple(self._shape))
        return name

    def _per_unit(self, term: Term) -> None:
        """Raise for what has a number for every sample and unit, not the same in all samples."""
        node, framework = self.reading.step.nodes[term.data], self.reading.framework
        if len(node.shape) <= len(self._shape) or prod(node.shape) <= prod(self._shape):
            return
        value = framework.array(framework.evaluate(self.reading.step.nodes, term.data, {}))
        if not bool((value == value[:1]).all()):
            raise GradcertError(
                f"{self.reading.statics[id(term)]} in layer {self.number}, a fixed value of shape {node.shape} that is "
                "another one in every sample",
                allowed="states, and values for every unit",
                do="keep it as a state: a tensor in an attribute, a list or a tuple; or pass it with the input",
            )

    def weight(self, term: Term, source: str) -> str:
        """Return a weighted sum of something with a name."""
        name, synapse = self._synapse(term)
        if synapse is not None:
            self._synapses[name] = synapse
        return f"{name} @ {source}"

    def _synapse(self, term: Term) -> tuple[str, Any]:
        """Return the name of a weight, and its synapse where it is not plain dense."""
        weight, geometry = term.args[0], term.data
        self.newest = ""
        if weight.op == "number" and geometry[0] == "tap":
            _, ((channels, height, width), kernel, stride, padding, dilation, ceil), entry = geometry
            tap = Tap(channels, height, width, kernel, stride, padding, dilation, ceil, entry)
            return identifier("tap", self._taken), tap
        if weight.op == "number" and geometry[0] == "mean":
            _, units, size = geometry
            return identifier("mean", self._taken), Mean(units, size if size < units else None)
        if weight.op == "number" and geometry[0] == "repeat":
            return identifier("repeat", self._taken), Repeat(*geometry[1:])
        if weight.op == "number":
            _, (channels, height, width), _, kernel, stride, padding = geometry
            step = stride if stride != kernel else None
            return identifier("pool", self._taken), AvgPool(channels, height, width, kernel, step, padding)
        name = identifier(self.reading.statics[id(weight)], self._taken)
        self.sources[name] = Source(weight.data, 1, None)
        self.newest = name
        if geometry is None:
            return name, None
        _, (channels, height, width), (out, *_), stride, padding, dilation, groups = geometry
        kernel = tuple(self.reading.step.nodes[weight.data].shape[2:])
        return name, Conv2d(channels, height, width, out, kernel, stride, padding, dilation, groups)

    def negate(self, name: str) -> None:
        """Let a weight be the opposite of what it is made of: the connection subtracts."""
        self.sources[name] = replace(self.sources[name], sign=-1)

    def _cell(self, name: str) -> Any:
        constants = {} if self.threshold is None else {"threshold": self.threshold}
        surrogates = {self.reading.psi[kind] for kind in self.kinds}
        if len(surrogates) > 1:
            raise GradcertError(
                f"layer {self.number} has spikes of {len(surrogates)} kinds", allowed="one kind a layer"
            )
        surrogate, strict = surrogates.pop() if surrogates else (None, False)
        equations = read(self.texts, constants)
        cell = define(
            name,
            self.texts,
            edges=self._edges(equations),
            constants=constants,
            surrogate=surrogate,
            strict=strict,
            # said, so that a name of the user's that is near to another one is none that was misspelt
            parameters=Recipe(equations, {}, constants).parameters,
        )
        if _is_readout(cell.recipe):
            cell.name = INTEGRATOR  # a leaky readout, whose state some rules keep (`Rule.readout`)
        made = cell(train=self._trained)
        return without(made, tuple(self._cut_nodes)) if self._cut_nodes else made

    def _edges(self, equations: tuple[Equation, ...]) -> dict[str, str]:
        """Return the labels of the edges of lag 1 that the equations have."""
        known = dict(self._labels)
        for edge in self.reading.edges:
            if edge.target in self.names and edge.source in self.names and edge.lag:
                key = (self.names[edge.source], self.names[edge.target], bool(edge.weights))
                known[key] = edge.label if edge.label in LABELS else "state"
        out = {}
        for equation in equations:
            for name in symbols(equation.rest):
                source = name.removesuffix(PREVIOUS)
                if name.endswith(PREVIOUS) and derivative(equation.rest, name) is not None:
                    out[f"{source} -> {equation.node}"] = known.get((source, equation.node, False), "state")
        return out


MOVED = ((1.0, 0.0), (0.75, 0.125), (1.25, -0.0625))  # factor and offset of the parameters at which values are compared


def one_less(reading: Reading, k: int, other: int) -> bool:
    """Return whether a node that is made of parameters is 1 less another one, of which it is made without a cut.

    Where the forward pass alone is read, what gives its operand's numbers cuts nothing.
    """
    nodes = reading.step.nodes
    if k == other or nodes[k].shape != nodes[other].shape or not _is_made_of(nodes, k, other):
        return False
    between = leads_to(nodes, k) - leads_to(nodes, other)
    own = owned(nodes, k)
    cut = any(nodes[i].cut and not (FORWARD.get() and nodes[i].name in SAME) for i in between)
    if not own or cut or any(nodes[i].kind not in ("op", "constant") for i in between):
        return False
    for factor, offset in MOVED:
        moved = {name: p * factor + offset for name, p in own.items()}
        mine, its = (reading.framework.array(reading.framework.evaluate(nodes, i, {}, moved)) for i in (k, other))
        if not np.array_equal(mine, 1 - its):
            return False
    return True


def _is_made_of(nodes: list[Node], k: int, other: int) -> bool:
    below = leads_to(nodes, k)
    if other in below or not FORWARD.get() or not any(nodes[i].cut for i in below):
        return other in below
    plain = Plain(nodes)
    return any(plain(i) == plain(other) for i in below)


LABELS = ("state", "reset", "recurrent", "adaptation")


def _is_readout(recipe: Any) -> bool:
    """Return whether a cell is a leaky integrator: z = kappa z' + gain a, neither of which moves."""
    own = [(link.target, link.source, link.lag) for link in recipe.links if link.weight is None]
    if recipe.spikes or sorted(own) not in ([("z", "a", 0), ("z", "z", 1)], [("z", "z", 1)]):
        return False
    rest = recipe.equations[-1].rest
    found = [derivative(rest, name) for name in ("a", f"z{PREVIOUS}")]
    return not any(e is not None and {s.name for s in e.free_symbols} & {"a", f"z{PREVIOUS}"} for e in found)


def _exact(value: float) -> str:
    """Return a number as a decimal that is read back as it was."""
    if value == np.finfo("float64").eps:
        raise GradcertError(
            "a normalisation without an eps of its own (RMSNorm), for which PyTorch takes the precision of the numbers:"
            " it is another function in every format",
            do="give it one: torch.nn.RMSNorm(n, eps=1e-6)",
        )
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
