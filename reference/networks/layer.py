"""Layers: a cell and the synapses on its weighted links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any

from gradcert.reference.checks import check_flag, check_numbers, check_size
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.cells import cell_named
from gradcert.reference.networks.cells.normalisation import EXTRAS, Standardisation
from gradcert.reference.networks.cells.normalised import cell_with, option_names
from gradcert.reference.networks.cells.protocol import Cell
from gradcert.reference.networks.edges import Edge, Link, Use
from gradcert.reference.networks.shared import by_unit, over_runs, runs_of, shared_name
from gradcert.reference.networks.synapses import SYNAPSES, Dense, MaxPool
from gradcert.reference.networks.synapses.protocol import Synapse
from gradcert.reference.networks.synapses.standardised import pulled_back
from gradcert.reference.numbers import Array, Numbers, Surrogate, surrogate_from


@dataclass(frozen=True)
class Layer:
    """One layer: a cell and the synapses on its weighted links.

    Parameters
    ----------
    cell : the neuron model.
    inputs, units : sizes (flat): of what comes in, and of what leaves the layer. A cell whose nodes have sizes of their
        own says so (``sizes``, a mapping); those of all others have as many units as the layer.
    synapses : a synapse for each weight that is not plain dense, such as ``(("W", Conv2d(...)),)``.
    name : what the names of its parameters begin with; ``layers.`` and its number where it is None.
    shared : trained per-unit parameters of which there is one number for all units, of shape (1,), as ``"leak"``; or
        one for each run of consecutive units, such as the channels of a convolution, as ``"b[4]"``, of shape (4,).
    backwards : whether it runs from the last step to the first.
    """

    cell: Cell
    inputs: int
    units: int
    synapses: tuple[tuple[str, Synapse], ...] = ()
    name: str | None = None
    shared: tuple[str, ...] = ()
    backwards: bool = False

    def __post_init__(self) -> None:
        check_size("a layer with inputs", self.inputs)
        check_size("a layer with units", self.units)
        check_options(self.cell, self.units)
        if getattr(self.cell, "square", False) and self.inputs != self.units:
            raise GradcertError(
                f"a layer of {self.cell.name} with {self.inputs} inputs and {self.units} units",
                allowed="as many inputs as units: the cell reads its input without weights",
            )
        weights = {link.weight: link for link in self.cell.links if link.weight is not None}
        for name, synapse in self.synapses:
            if name not in weights:
                raise GradcertError(f"a synapse for the weight {name!r}", allowed=", ".join(map(str, weights)))
            if isinstance(synapse, MaxPool):
                raise GradcertError(
                    f"a max pooling for the weight {name!r}, which is linear",
                    do="give it to a connection of a graph: Connection(..., synapse=(..., MaxPool(...)))",
                )
            want = self.size(weights[name].source), self.size(weights[name].target)
            if (synapse.inputs, synapse.units) != want:
                raise GradcertError(
                    f"a synapse from {synapse.inputs} to {synapse.units} units for {name!r}",
                    allowed=f"from {want[0]} to {want[1]}",
                )
        for name, runs in self.runs.items():
            if name not in self.cell.trained:
                raise GradcertError(
                    f"the shared parameter {name!r}", allowed=", ".join(self.cell.trained) or "none: nothing is trained"
                )
            if self._users[name] % runs:
                raise GradcertError(
                    f"the shared parameter {shared_name(name, runs)!r} of {self._users[name]} units",
                    allowed=f"a divisor of {self._users[name]}: the runs of units are equally long",
                )
        for name in self.standardised:
            if len(self.synapse(name).shape) < 2 or bool(getattr(self.synapse(name), "absent", ())):
                raise GradcertError(
                    f"weight standardisation of {name!r}, a {type(self.synapse(name)).__name__.lower()} synapse",
                    allowed="a dense one without absent connections, or a convolution",
                )

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The links of the cell, which makes them anew whenever it is asked; engines ask at every step."""
        return self.cell.links

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """The uses of those per-unit parameters of the cell that are trained."""
        return tuple(use for use in self.cell.uses if use.parameter in self.cell.trained)

    @cached_property
    def ways(self) -> dict[frozenset[Edge], Any]:
        """What engines have worked out about the links that a rule keeps (`engines.structure.ways`), by the labels."""
        return {}

    def size(self, node: str) -> int:
        """Return how many units a node has, or the input ``x``."""
        return self.inputs if node == "x" else self.sizes[node]

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """How many units each node of the cell has."""
        own: Mapping[str, int] = getattr(self.cell, "sizes", {})
        return {node: own.get(node, self.units) for node in self.cell.nodes}

    def turned(self, values: Array) -> Array:
        """Return values (time, ...) of the network in the layer's own time, or back again."""
        return values[::-1] if self.backwards else values

    def synapse(self, weight: str) -> Synapse:
        """Return the synapse of a weight."""
        return self._by_weight[weight]

    @cached_property
    def _by_weight(self) -> dict[str, Synapse]:
        """The synapse of every weight; engines ask at every step."""
        sizes = {k.weight: (self.size(k.source), self.size(k.target)) for k in self.cell.links if k.weight}
        dense = {name: Dense(inputs=inputs, units=units) for name, (inputs, units) in sizes.items()}
        own = getattr(self.cell, "own_synapses", None)  # of a cell that says what some of its weights are
        return {**dense, **(own(self.units) if own is not None else {}), **dict(self.synapses)}

    def full_name(self, index: int, local: str) -> str:
        """Return the name of a parameter or node, given its own and the layer's number.

        Examples
        --------
        >>> from gradcert.reference.networks import Rnn
        >>> Layer(Rnn(), inputs=1, units=1).full_name(2, "W")
        'layers.2.W'
        """
        own = f"layers.{index}" if self.name is None else self.name
        return f"{own}.{local}" if own else local

    def owner(self, index: int) -> str:
        """Return whose the layer is: ``layers.0``, a population's name, or the names of several, ``a+b``."""
        if self.name == "":
            return str(self.cell.owner)  # type: ignore[attr-defined]
        return f"layers.{index}" if self.name is None else self.name

    def matrix_name(self, index: int) -> str:
        """Return the name of the feedback matrix that reaches the whole layer: of several populations ``a+b.B``."""
        return f"{self.owner(index)}.B"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the layer's parameters, weights first."""
        return dict(self._shapes)

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        out: dict[str, tuple[int, ...]] = {}
        for link in self.links:
            if link.weight is not None and (shape := self.synapse(link.weight).shape):
                out[link.weight] = shape
        return {**out, **{k: (self.runs.get(k, self._users[k]),) for k in self.cell.trained}}

    @cached_property
    def runs(self) -> dict[str, int]:
        """How many numbers there are of every shared parameter."""
        return runs_of(self.shared)

    @cached_property
    def _users(self) -> dict[str, int]:
        """How many units each trained per-unit parameter has."""
        sizes = {use.parameter: self.size(use.target) for use in self.cell.uses}
        return {name: sizes.get(name, self.units) for name in self.cell.trained}

    @cached_property
    def standardised(self) -> dict[str, Standardisation]:
        """The weights that are standardised before they act."""
        said = {m.name: m.cell for m in getattr(self.cell, "members", ())}
        out = {}
        for name in self._by_weight:
            owner, _, own = name.rpartition(".") if not said else name.partition(".")
            cell = said.get(owner, self.cell)
            if own.partition(".")[0] in getattr(cell, "standard_weights", ()):
                out[name] = cell.standardised
        return out

    @cached_property
    def parametrised(self) -> bool:
        """Whether what acts is not always the parameter itself."""
        return bool(self.shared or self.standardised)

    def acting(self, given: Mapping[str, Array], numbers: Numbers) -> dict[str, Any]:
        """Return the layer's parameters as they act: what is shared once per unit, weights standardised.

        Beside a standardised weight ``W`` stands ``W.scale``, one over its units' deviations.
        """
        out: dict[str, Any] = {}
        for name, value in given.items():
            out[name] = by_unit(value, self._users[name]) if name in self.runs else value
        for name, how in self.standardised.items():
            out[name], out[f"{name}.scale"] = how.acting(given[name], numbers)
        return out

    def collected(self, name: str, gradient: Array, p: Mapping[str, Array]) -> Array:
        """Return the gradient of a parameter, given that of what acts; `p` are the parameters as they act."""
        if name in self.standardised:
            return pulled_back(gradient, p[name], p[f"{name}.scale"])
        return over_runs(gradient, self.runs[name]) if name in self.runs else gradient

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        out = {"cell": self.cell.name, "inputs": self.inputs, "units": self.units, "options": options_of(self.cell)}
        synapses = {name: synapse_to_dict(s) for name, s in self.synapses}
        return {**out, "synapses": synapses} if synapses else out


def options_of(cell: Cell) -> dict[str, Any]:
    """Return the JSON form of a cell's options."""
    options = {f.name: getattr(cell, f.name) for f in fields(cell)}  # type: ignore[arg-type]
    return {
        k: v.to_dict() if hasattr(v, "to_dict") else list(v) if isinstance(v, tuple) else v
        for k, v in options.items()
        if v is not None or k not in EXTRAS
    }


def synapse_to_dict(synapse: Synapse | MaxPool) -> dict[str, Any]:
    """Return the JSON form of a synapse: its kind, and what is not at its default; the kernel always."""
    record: Any = synapse
    said = {f.name: getattr(record, f.name) for f in fields(record)}
    left_out = {f.name for f in fields(record) if f.name != "kernel" and said[f.name] == f.default}
    return {
        "kind": type(synapse).__name__.lower(),
        **{name: _listed(value) for name, value in said.items() if name not in left_out},
    }


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, tuple) else value


def synapse_from_dict(spec: Mapping[str, Any]) -> Synapse:
    """Read a synapse back."""
    kind = spec["kind"]
    if kind not in SYNAPSES:
        raise GradcertError(f"the synapse {kind!r} is unknown", allowed=", ".join(sorted(SYNAPSES)))
    given = {k: option(v) for k, v in spec.items() if k != "kind"}
    known = {f.name: f.default is MISSING and f.default_factory is MISSING for f in fields(SYNAPSES[kind])}
    if wrong := sorted(set(given) - set(known)):
        raise GradcertError(f"a synapse of kind {kind} with {wrong[0]!r}", allowed=", ".join(known))
    if missing := [name for name, needed in known.items() if needed and name not in given]:
        raise GradcertError(f"a synapse of kind {kind} without {' and '.join(missing)}", do=f"give it {missing[0]}")
    synapse: Synapse = SYNAPSES[kind](**given)
    return synapse


def cell_from(name: str, options: Mapping[str, Any], *, run: bool) -> Any:
    """Read a cell back from its name and options."""
    cell: Any = cell_named(name, run=run)
    given = {k: v if k in EXTRAS else option(v) for k, v in options.items()}
    wrong = sorted(set(given) - {*option_names(cell)})
    if wrong:
        raise GradcertError(
            f"the cell {name!r} has no option {', '.join(wrong)}",
            allowed=", ".join(option_names(cell)),
        )
    return cell_with(cell, given)


def option(value: Any) -> Any:
    """Read the value of an option back: surrogates are mappings, tuples are lists."""
    if isinstance(value, Mapping):
        return surrogate_from(value)
    return tuple(option(v) for v in value) if isinstance(value, (list, tuple)) else value


def check_options(cell: Any, units: int | None = None) -> None:
    """Raise unless switches are switches, and constants are finite numbers, one or one per unit."""
    for field in fields(cell) if is_dataclass(cell) else ():  # one that wraps another has its options looked at
        if field.type in ("bool", bool):
            check_flag(field.name, getattr(cell, field.name))
        elif field.type in ("Surrogate", Surrogate) and not isinstance(getattr(cell, field.name), Surrogate):
            raise GradcertError(f"{field.name}={getattr(cell, field.name)!r}", allowed="a Surrogate")
    for name, value in cell.constants().items():
        if any(isinstance(one, Surrogate) for one in (value if isinstance(value, tuple) else (value,))):
            raise GradcertError(f"{name}={value!r}", allowed="a number")  # of a file, which says one by its name
        check_numbers(name, value, units if not hasattr(cell, "sizes") else None)
