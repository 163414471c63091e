"""From a reading to a network of the vocabulary: cells from equations, synapses, and where its parameters come from.

There are two. `full` has every edge, for the rows of the rule table; in `as_cut` nothing goes back where the user's
code cuts, so that BPTT of it is what the module's own backward gives. What is cut is a node of its own there, without
links and uses that lead into it.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from math import prod
from typing import Any

import numpy as np

from gradcert.models.equations import define
from gradcert.models.equations.cell import Recipe
from gradcert.models.equations.equations import PREVIOUS, Equation, read
from gradcert.models.equations.expression import derivative, parse, symbols
from gradcert.models.equations.expression import evaluate as evaluate_cell
from gradcert.models.reading.cutting import without
from gradcert.models.reading.framework import Puller
from gradcert.models.reading.naming import identifier
from gradcert.models.reading.populations import X
from gradcert.models.reading.reading import Reading, drawn, silent_kinds
from gradcert.models.reading.terms import LARGER, Term, below, uncut
from gradcert.models.reading.text import STEPS, Style, expression
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import AvgPool, Conv2d, Layer, Loss, Mean, Network, Repeat, Tap
from gradcert.reference.numbers import ACTIVATIONS, FLOAT64, Array

INTEGRATOR = "integrator"
REDUCED = ("mean", "sum", "var", "std", "reduce_sum")
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


@dataclass(frozen=True)
class Written:
    """A module as networks of the vocabulary.

    Attributes
    ----------
    reading : what they were written from.
    full, as_cut : the network with every edge; the one in which the user's cuts are cut, the same where there are none.
    sources : parameter of the networks -> where it comes from.
    initial : node values before the first step, where they are not zero.
    equations : of every layer, as `gradcert.models.equations.define` takes them.
    names : layer, as parameters' names have it -> node of the reading -> its name in the equations.
    spiking : of every layer, its spikes in the order of computation.
    rows : the rows of the table whose gradients the module's own are, once that was looked at.
    masks : layer, as parameters' names have it -> the node of the record that is drawn and masks what leaves it.
    """

    reading: Reading
    full: Network
    as_cut: Network
    sources: Mapping[str, Source]
    initial: Mapping[str, Array]
    equations: tuple[Mapping[str, str], ...]
    names: Mapping[str, Mapping[int, str]]
    spiking: tuple[tuple[int, ...], ...]
    rows: tuple[str, ...] = ()
    masks: Mapping[str, int] = field(default_factory=dict)

    def initial_of(self, states: list[Any]) -> dict[str, Array]:
        """Return the node values before the first step that given states are, where they are not zero."""
        slots = list(self.reading.slots)
        for k, value in enumerate(states):
            slots[k] = (slots[k][0], self.reading.framework.double(value))
        return initial_values(self.reading, slots, self.names)

    def tensors(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the networks' parameters as functions of the module's, tensors with a history.

        Parameters
        ----------
        parameters : name in the module -> tensor.
        """
        nodes, framework = self.reading.step.nodes, self.reading.framework
        out = {}
        for name, source in self.sources.items():
            value = framework.evaluate(nodes, source.node, {}, parameters)
            if source.spread is not None:
                value = framework.spread(value, source.spread)
            out[name] = value if source.sign > 0 else -value
        return out

    def arrays(self, parameters: Mapping[str, Any], dtype: str = "float64") -> dict[str, Array]:
        """Return the networks' parameters as NumPy arrays."""
        found, array = self.tensors(parameters), self.reading.framework.array
        return {name: np.ascontiguousarray(array(value).astype(dtype)) for name, value in found.items()}

    def pulled(self, gradients: Mapping[str, Array], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return gradients with respect to the module's parameters from those with respect to the networks'."""
        return self._puller(parameters, gradients)

    @cached_property
    def _puller(self) -> Puller:
        return self.reading.framework.puller(self.tensors)


def written(reading: Reading, output: int = 0) -> Written:
    """Write a reading as networks.

    Parameters
    ----------
    output : which of the module's outputs the loss reads, counted from 0.

    Raises
    ------
    GradcertError : for what the vocabulary does not have: what mixes units other than by weights, more than a stack.
    """
    if not 0 <= output < len(reading.outputs):
        raise GradcertError(f"output {output} of a module with {len(reading.outputs)}", allowed="counted from 0")
    stack = _stack(reading, reading.outputs[output])
    layers: list[tuple[Layer, Layer]] = []
    sources: dict[str, Source] = {}
    texts = []
    names: list[dict[int, str]] = []
    width = int(np.prod(reading.example.shape[1:], dtype=int))
    masks: dict[str, int] = {}
    node = "z"
    versions = (False, True) if reading.cuts else (False,)
    for place, (number, leaving) in enumerate(stack):
        last = place == len(stack) - 1
        above = None if last else reading.layers[stack[place + 1][0]]
        read_by = [p for p in reading.links if above and p.source == leaving and p.target in above]
        shut = bool(read_by) and all(p.cuts for p in read_by)
        if any(p.cuts for p in read_by) and not shut:
            raise GradcertError(
                f"layer {stack[place + 1][0]} reads layer {number} cut and uncut", allowed="one of them"
            )
        made = [CellWriter(reading, number, leaving, last=last, cut=cut, shut=shut and cut) for cut in versions]
        node = "z" if not last or made[0].mask is not None else reading.names[leaving]
        both = [m.layer(width, f"read_{number}") for m in made]
        layers.append((both[0], both[-1]))
        sources |= {f"layers.{place}.{k}": v for m in made for k, v in m.sources.items()}
        texts.append(made[0].texts)
        if made[0].mask is not None:
            masks[f"layers.{place}"] = made[0].mask
        names.append({k: made[0].names[k] for k in made[0].order})
        width = both[0].units
    loss = Loss(node=node)
    full = Network(tuple(pair[0] for pair in layers), loss)
    as_cut = Network(tuple(pair[1] for pair in layers), loss) if reading.cuts else full
    spiking = tuple(tuple(k for k in own if reading.chosen.order[k].op == "spike") for own in names)
    called = {f"layers.{i}": own for i, own in enumerate(names)}
    initial = initial_values(reading, reading.slots, called)
    return Written(reading, full, as_cut, sources, initial, tuple(texts), called, spiking, masks=masks)


def _stack(reading: Reading, output: int) -> list[tuple[int, int]]:
    """Return layer and the node that leaves it, from below.

    Raises
    ------
    GradcertError : if a layer reads more than one thing.
    """
    out: list[tuple[int, int]] = []
    leaving = output
    while True:
        number = reading.layer_of(leaving)
        if number in [i for i, _ in out]:
            raise GradcertError(f"layer {number} feeds itself through layers above it", allowed="a stack of layers")
        out.append((number, leaving))
        group = reading.layers[number]
        into = {(p.source, p.lag) for p in reading.links if p.target in group and p.source not in group}
        if any(lag for _, lag in into):
            raise GradcertError(f"layer {number} reads another one a step later", allowed="a stack of layers")
        if len(into) != 1:
            read_by = ", ".join(
                "the input" if k == X else f"{reading.names[k]}[{reading.layer_of(k)}]" for k, _ in sorted(into)
            )
            raise GradcertError(f"layer {number} reads {read_by or 'nothing'}", allowed="a stack of layers")
        ((source, _),) = into
        if source == X:
            return out[::-1]
        leaving = source


def is_stack(reading: Reading, output: int) -> bool:
    """Return whether every layer below an output reads one other, of the same step."""
    if not 0 <= output < len(reading.outputs):
        raise GradcertError(f"no output {output} that is computed", allowed="what a step computes, counted from 0")
    try:
        _stack(reading, reading.outputs[output])
    except GradcertError:
        return False
    return True


def initial_values(
    reading: Reading, slots: list[tuple[str, Any]], names: Mapping[str, Mapping[int, str]]
) -> dict[str, Array]:
    """Return the node values before the first step that are not zero.

    A state that is a function of chosen values (``u = v - theta z``) gives the potential in it, the others being known.
    """
    states = {s.node: slots[k][1] for k, s in enumerate(reading.step.slots)}
    framework = reading.framework
    found: dict[int, Any] = {}  # node -> value
    open_: list[tuple[str, Term, Any]] = []
    for slot, (name, value) in enumerate(slots):
        if slot in reading.anew:
            value = framework.evaluate(reading.step.nodes, reading.anew[slot], states)
        if value is None or slot not in reading.chosen.updates:
            continue
        value = framework.array(value)
        core = uncut(reading.chosen.updates[slot])
        if reading.chosen.has(core):
            found[reading.chosen.number(core)] = value
        elif bool((value != 0).any()):
            open_.append((name, core, value))
    for name, core, value in open_:
        inner = [reading.chosen.number(t) for t in _states_in(reading, core)]
        inner = [k for k in inner if _slope(reading, core, found, k, value).any()] if len(inner) > 1 else inner
        if len(inner) != 1 or inner[0] in found:
            raise GradcertError(f"{name} begins with values that are not zero, and is a function of several states")
        at = [_value(reading, core, {**found, inner[0]: value * 0 + x}) for x in (0.0, 1.0)]
        slope = at[1] - at[0]
        found[inner[0]] = np.where(slope != 0, (value - at[0]) / np.where(slope != 0, slope, 1), 0 * value)
    out: dict[str, Array] = {}
    for prefix, own in names.items():
        for node, called in own.items():
            if node in found and bool((found[node] != 0).any()):
                flat = found[node].reshape(len(found[node]) if found[node].ndim > 1 else 1, -1)
                same = bool((flat == flat[:1]).all())
                out[f"{prefix}.{called}"] = flat[0].copy() if same else flat
    return out


def _slope(reading: Reading, core: Term, found: Mapping[int, Any], node: int, value: Any) -> Any:
    """Return by how much a function of nodes moves with one of them, where no spike is."""
    at = [_value(reading, core, {**found, node: value * 0 + x}) for x in (0.0, 1.0)]
    return np.asarray(at[1] - at[0])


def _value(reading: Reading, term: Term, nodes: Mapping[int, Any]) -> Any:
    """Return the value of a function of nodes; what is not given is 0."""
    if reading.chosen.has(term):
        return nodes.get(reading.chosen.number(term), 0.0)
    if term.op == "number":
        return term.data
    if term.op == "static":
        return reading.framework.array(reading.framework.evaluate(reading.step.nodes, term.data, {}))
    parts = [_value(reading, part, nodes) for part in term.args]
    if term.op == "cut":
        return parts[0]
    if term.op not in FUNCTIONS:
        raise GradcertError(f"a state that is {term.op} of others and begins with values that are not zero")
    return FUNCTIONS[term.op](*parts)


FUNCTIONS: dict[str, Any] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
}


def _states_in(reading: Reading, term: Term) -> list[Term]:
    """Return the chosen values in a function of them that are no spikes."""
    if reading.chosen.has(term):
        return [] if term.op == "spike" else [term]
    found = [t for part in term.args for t in _states_in(reading, part)]
    return list({id(t): t for t in found}.values())


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
        self._statics: dict[int, str] = {}
        self._synapses: dict[str, Any] = {}
        self._cut_nodes: list[str] = []
        self._labels: dict[tuple[str, str, bool], str] = {}
        self._threshold: float | None = None
        self._trained: tuple[str, ...] = ()
        self._kinds: set[int] = set()
        self._steps: frozenset[int] = frozenset()  # kinds that are plain comparisons beside spikes
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
        self._steps = kinds & silent if kinds - silent else frozenset()
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
        levels = [t.args[0] for t in parts if t.op == "spike" and t.data not in self._steps]
        level = levels[0].args[1] if levels and levels[0].op == "sub" else None
        if level is not None and level.op == "static" and all(v.op == "sub" and v.args[1] is level for v in levels):
            spike = next(k for k in group if self.reading.chosen.order[k].op == "spike")
            shape = self.reading.chosen.order[spike].shape[1:]
            self._statics[id(level)] = "threshold"
            self.sources["threshold"] = Source(level.data, 1, tuple(shape))
            self._threshold, self._trained = 1.0, ("threshold",)

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
        how = Style(self._node, self._static, self._weight, _exact, lambda inner, where: f"({inner})")
        return _text_of(term, how, self)

    def _node(self, k: int, lag: int) -> str:
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
        return self._weight(term, "x")

    def _static(self, term: Term) -> str:
        if id(term) not in self._statics:
            name = identifier(self.reading.statics[id(term)], self._taken)
            self._statics[id(term)] = name
            self._per_unit(term)
            self.sources[name] = Source(term.data, 1, tuple(self._shape))
        return self._statics[id(term)]

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

    def _weight(self, term: Term, source: str) -> str:
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
        constants = {} if self._threshold is None else {"threshold": self._threshold}
        surrogates = {self.reading.psi[kind] for kind in self._kinds}
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


LABELS = ("state", "reset", "recurrent", "adaptation")


def _text_of(term: Term, how: Style, cell: CellWriter) -> str:
    """Return an equation as `define` takes it."""
    prepared = _prepared(term, how, cell)
    return expression(prepared, how)


def _prepared(term: Term, how: Style, cell: CellWriter) -> Term:
    """Replace what `expression` writes otherwise than `define` reads: spikes' thresholds, sources of weights."""
    terms = cell.reading.chosen.terms
    if term.op in ("mix", "cat", "stack", "random"):
        what = str(term.data[0]) if term.op == "mix" else term.op
        if term.op == "random":
            raise GradcertError(
                f"random numbers{f' at {term.where}' * bool(term.where)} in layer {cell.number}",
                allowed="masks of what leaves a layer (dropout)",
                do="read it with them off (eval), or draw them outside and give them with the input",
            )
        if what.startswith("function "):
            raise GradcertError(
                f"{what} at {term.where} in layer {cell.number}",
                allowed="an autograd.Function of one tensor, unit by unit, that is 0 below a level and 1 above it;"
                " its other arguments numbers or fixed tensors of one number",
                do="subtract the threshold before it, and give it nothing else to train",
            )
        if what.startswith("batch normalisation"):
            raise GradcertError(
                f"{what} at {term.where}, in layer {cell.number}: what a sample gets depends on the others",
                allowed="batch normalisation by its running figures",
                do="put that layer alone into eval, module.bn.eval(), also while training; or read the module in eval",
            )
        allowed = "weights, and functions of one unit: sums, products, tanh, sigmoid, exp, relu"
        if what in REDUCED:
            allowed = "those over the last axes of a sample: its units, or the pixels of every channel"
        raise GradcertError(f"{what} at {term.where or 'the step'} in layer {cell.number}", allowed=allowed)
    if term.op == "fn" and term.data != LARGER and not _known(term.data):
        raise GradcertError(
            f"{term.data} at {term.where} in layer {cell.number}",
            allowed="tanh, sigmoid, exp, relu, whole powers, what own cells have",
        )
    if term.op == "x" or (term.op == "node" and term.data[0] not in cell.names):
        return terms.make("named", (), cell.outside(term), term.shape)
    if term.op == "linear":
        source = uncut(term.args[1])
        own = source.op == "named" or (source.op == "node" and source.data[0] in cell.names)
        if not own:
            return terms.make("named", (), cell.weight_outside(term, source), term.shape)
        name = source.data if source.op == "named" else cell._node(*source.data)
        return terms.make("named", (), cell._weight(term, name), term.shape)
    if term.op == "drive":
        added: list[Term] = []
        for sign, part in zip(term.data, term.args, strict=True):
            made = _prepared(part, how, cell)
            if sign < 0:  # of minus the weight
                cell.negate(cell.newest)
            if not any(made is other for other in added):  # what several connections feed is there once
                added.append(made)
        return terms.make("drive", tuple(added), tuple(1 for _ in added), term.shape)
    if term.op == "spike" and term.data in cell._steps:  # a choice, such as whether a counter has run out
        step = STEPS[cell.reading.psi[term.data][1]]
        return terms.make("fn", (_prepared(term.args[0], how, cell),), step, term.shape)
    if term.op == "spike":
        cell._kinds.add(term.data)
        return terms.make("spike", (_argument(term.args[0], how, cell),), term.data, term.shape)
    if term.op == "cut":
        return _prepared(term.args[0], how, cell)
    parts = tuple(_prepared(part, how, cell) for part in term.args)
    return terms.make(term.op, parts, term.data, term.shape, term.where) if parts else term


@cache
def _known(function: str) -> bool:
    """Return whether cells of one's own have a function and its derivative."""
    text = f"{function}(q)"
    try:
        for expression_ in (parse(text), derivative(text, "q")):
            evaluate_cell(expression_, {"q": np.ones(1)}, FLOAT64, ACTIVATIONS)
    except (GradcertError, KeyError):
        return False
    return True


def _argument(term: Term, how: Style, cell: CellWriter) -> Term:
    """Return a spike's argument with its threshold under that name."""
    terms = cell.reading.chosen.terms
    named = terms.make("named", (), "threshold", term.shape)
    if term.op == "sub":
        left, right = term.args
        if right.op == "number" and cell._threshold in (None, right.data):
            cell._threshold = right.data
            return terms.make("sub", (_prepared(left, how, cell), named), None, term.shape)
        if right.op == "add" and right.args[1].op == "number" and cell._threshold in (None, right.args[1].data):
            cell._threshold = right.args[1].data
            sum_of = terms.make("add", (_prepared(right.args[0], how, cell), named), None, term.shape)
            return terms.make("sub", (_prepared(left, how, cell), sum_of), None, term.shape)
        if cell._statics.get(id(right)) == "threshold":
            return terms.make("sub", (_prepared(left, how, cell), named), None, term.shape)
    cell._threshold = 1.0 if cell._threshold is None else cell._threshold
    return _prepared(term, how, cell)


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


__all__ = ["Source", "Written", "written"]
