"""Networks: a stack of layers and a loss; parameters are a flat dict ``layers.0.W -> array``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from gradcert.reference.checks import check_flag, check_numbers, check_seed, check_size
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.arrays import check_array
from gradcert.reference.networks.cells import cell_named
from gradcert.reference.networks.cells.protocol import Cell
from gradcert.reference.networks.loss import Loss, loss_from
from gradcert.reference.networks.synapses import SYNAPSES, Dense
from gradcert.reference.networks.synapses.protocol import Synapse
from gradcert.reference.notebook import grid
from gradcert.reference.numbers import FLOAT64, Array, Numbers, Surrogate

Parameters = Mapping[str, Array]


@dataclass(frozen=True)
class Layer:
    """One layer: a cell and the synapses on its weighted links.

    Parameters
    ----------
    cell : the neuron model.
    inputs, units : sizes (flat).
    synapses : a synapse for each weight that is not plain dense, such as ``(("W", Conv2d(...)),)``.
    """

    cell: Cell
    inputs: int
    units: int
    synapses: tuple[tuple[str, Synapse], ...] = ()

    def __post_init__(self) -> None:
        check_size("a layer with inputs", self.inputs)
        check_size("a layer with units", self.units)
        check_options(self.cell, self.units)
        weights = {link.weight: link for link in self.cell.links if link.weight is not None}
        for name, synapse in self.synapses:
            if name not in weights:
                raise GradcertError(f"a synapse for the weight {name!r}", allowed=", ".join(map(str, weights)))
            want = (self.inputs if weights[name].source == "x" else self.units, self.units)
            if (synapse.inputs, synapse.units) != want:
                raise GradcertError(
                    f"a synapse from {synapse.inputs} to {synapse.units} units for {name!r}",
                    allowed=f"from {want[0]} to {want[1]}",
                )

    def synapse(self, weight: str) -> Synapse:
        """Return the synapse of a weight."""
        return self._by_weight[weight]

    @cached_property
    def _by_weight(self) -> dict[str, Synapse]:
        """The synapse of every weight; engines ask at every step."""
        sizes = {k.weight: self.inputs if k.source == "x" else self.units for k in self.cell.links if k.weight}
        dense = {name: Dense(inputs=inputs, units=self.units) for name, inputs in sizes.items()}
        return {**dense, **dict(self.synapses)}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the layer's parameters, weights first."""
        out: dict[str, tuple[int, ...]] = {}
        for link in self.cell.links:
            if link.weight is not None and (shape := self.synapse(link.weight).shape):
                out[link.weight] = shape
        return {**out, **{name: (self.units,) for name in self.cell.trained}}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        options = {f.name: getattr(self.cell, f.name) for f in fields(self.cell)}  # type: ignore[arg-type]
        plain = {
            k: v.to_dict() if isinstance(v, Surrogate) else list(v) if isinstance(v, tuple) else v
            for k, v in options.items()
        }
        synapses = {name: {"kind": type(s).__name__.lower(), **_plain(s)} for name, s in self.synapses}
        out = {"cell": self.cell.name, "inputs": self.inputs, "units": self.units, "options": plain}
        return {**out, "synapses": synapses} if synapses else out


@dataclass(frozen=True)
class Network:
    """A stack of layers, the lowest first, and a loss on the output of the last.

    Examples
    --------
    >>> from gradcert.reference.networks import Snu
    >>> network = Network(layers=(Layer(Snu(), inputs=3, units=4), Layer(Snu(), inputs=4, units=2)))
    >>> {name: shape for name, shape in network.shapes().items() if name.startswith("layers.1")}
    {'layers.1.W': (2, 4), 'layers.1.H': (2, 2), 'layers.1.b': (2,)}
    """

    layers: tuple[Layer, ...]
    loss: Loss = Loss()

    def __post_init__(self) -> None:
        if not self.layers:
            raise GradcertError("a network without layers", allowed="one layer or more")
        for i, (below, above) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if below.units != above.inputs:
                raise GradcertError(
                    f"layer {i} has {below.units} units and layer {i + 1} has {above.inputs} inputs",
                    allowed="the same number",
                )
        nodes = self.layers[-1].cell.nodes
        if self.loss.node not in nodes:
            raise GradcertError(f"a loss of the node {self.loss.node!r}", allowed=", ".join(nodes))
        for term in self.loss.activity:
            if not term.numbers_of(self.depth) or not set(term.numbers_of(self.depth)) <= set(range(self.depth)):
                raise GradcertError(
                    f"a term about the activity of layers {term.layers}",
                    allowed=f"layers from 0 to {self.depth - 1}, named where there is one alone",
                )

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.layers)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter."""
        return {f"layers.{i}.{k}": s for i, layer in enumerate(self.layers) for k, s in layer.shapes().items()}

    def parameters(self, *, seed: int = 0, scale: float = 1.0, numbers: Numbers = FLOAT64) -> dict[str, Array]:
        """Draw parameters: weights normal with standard deviation scale / sqrt(columns); trained constants as set."""
        rng = np.random.default_rng(check_seed(seed))
        check_numbers("scale", scale)
        out: dict[str, Array] = {}
        for i, layer in enumerate(self.layers):
            constants = layer.cell.constants()
            for name, shape in layer.shapes().items():
                if name in constants:
                    values = np.broadcast_to(np.asarray(constants[name], dtype=float), shape).copy()
                elif len(shape) == 1:
                    values = 0.1 * scale * rng.standard_normal(shape)
                else:
                    values = scale * rng.standard_normal(shape) / np.sqrt(layer.synapse(name).columns)
                out[f"layers.{i}.{name}"] = numbers.array(values)
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; `from_dict` reads it back."""
        return {"layers": [layer.to_dict() for layer in self.layers], "loss": self.loss.to_dict()}

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        rows = []
        for i, layer in enumerate(self.layers):
            shapes = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in layer.shapes().items())
            edges = sorted({link.edge.name for link in layer.cell.links if link.lag})
            sizes = f"{layer.inputs} -> {layer.units}"
            rows.append((str(i), layer.cell.name, sizes, shapes, ", ".join(edges)))
        count = f"{self.depth} layer{'s' if self.depth > 1 else ''}, {self.loss.kind} of {self.loss.when}"
        return grid(f"network: {count}", ("layer", "cell", "sizes", "parameters", "edges through time"), rows)


def from_dict(spec: Mapping[str, Any], *, run: bool = False) -> Network:
    """Read a network from its JSON form.

    Parameters
    ----------
    run : whether the files of cells of somebody else's may be run (`gradcert.reference.networks.cell_named`).

    Raises
    ------
    GradcertError : for an unknown cell, option or synapse, or what does not fit.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=3, units=4),))
    >>> from_dict(network.to_dict()) == network
    True
    """
    try:
        layers = tuple(_layer(layer, run=run) for layer in spec["layers"])
        return Network(layers=layers, loss=loss_from(spec.get("loss", {})))
    except GradcertError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError) as error:
        raise GradcertError(
            f"the network description does not fit ({error})",
            allowed="{'layers': [{'cell', 'inputs', 'units', 'options'}], 'loss': {...}}",
        ) from None


def _layer(spec: Mapping[str, Any], *, run: bool) -> Layer:
    cell: Any = cell_named(spec["cell"], run=run)
    options = {k: _option(v) for k, v in spec.get("options", {}).items()}
    wrong = sorted(set(options) - {f.name for f in fields(cell)})
    if wrong:
        raise GradcertError(
            f"the cell {spec['cell']!r} has no option {', '.join(wrong)}",
            allowed=", ".join(f.name for f in fields(cell)),
        )
    synapses = []
    for name, value in spec.get("synapses", {}).items():
        kind = value["kind"]
        if kind not in SYNAPSES:
            raise GradcertError(f"the synapse {kind!r} is unknown", allowed=", ".join(sorted(SYNAPSES)))
        synapses.append((name, SYNAPSES[kind](**{k: _option(v) for k, v in value.items() if k != "kind"})))
    return Layer(cell(**options), inputs=spec["inputs"], units=spec["units"], synapses=tuple(synapses))


def _option(value: Any) -> Any:
    if isinstance(value, Mapping):
        scales = dict(value)
        return Surrogate(scales.pop("name"), **scales)
    return tuple(_option(v) for v in value) if isinstance(value, (list, tuple)) else value


def _plain(record: Any) -> dict[str, Any]:
    return {f.name: _listed(getattr(record, f.name)) for f in fields(record)}


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, tuple) else value


def with_loss(network: Network, **options: Any) -> Network:
    """Return the network with another loss.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> with_loss(Network(layers=(Layer(Rnn(), inputs=1, units=1),)), when="last").loss.when
    'last'
    """
    return replace(network, loss=replace(network.loss, **options))


def check_options(cell: Any, units: int | None = None) -> None:
    """Raise unless switches are switches, and constants are finite numbers, one or one per unit."""
    for option in fields(cell) if is_dataclass(cell) else ():  # one that wraps another has its options looked at
        if option.type in ("bool", bool):
            check_flag(option.name, getattr(cell, option.name))
        elif option.type in ("Surrogate", Surrogate) and not isinstance(getattr(cell, option.name), Surrogate):
            raise GradcertError(f"{option.name}={getattr(cell, option.name)!r}", allowed="a Surrogate")
    for name, value in cell.constants().items():
        check_numbers(name, value, units)


def check_parameters(network: Network, parameters: Parameters, numbers: Numbers = FLOAT64) -> None:
    """Raise a `GradcertError` unless the parameters are those of the network, arrays of its shapes, and finite."""
    if not isinstance(network, Network):
        raise GradcertError(f"a {type(network).__name__} for a network", allowed="a Network")
    if not hasattr(numbers, "apply"):
        raise GradcertError(f"numbers={numbers!r}", allowed="a number system, such as FLOAT64")
    if not isinstance(parameters, Mapping):
        raise GradcertError(f"parameters in a {type(parameters).__name__}", allowed="a mapping of names to arrays")
    shapes = network.shapes()
    missing, extra = sorted(set(shapes) - set(parameters)), sorted(set(parameters) - set(shapes))
    if missing or extra:
        raise GradcertError(
            f"parameters do not fit the network: missing {missing}, unknown {extra}", allowed=", ".join(shapes)
        )
    for name, shape in shapes.items():
        check_array(name, parameters[name], shape, numbers)


def check_problem(
    network: Network, parameters: Parameters, inputs: Array, targets: Array, numbers: Numbers = FLOAT64
) -> None:
    """Raise a `GradcertError` unless parameters, inputs (T, B, n_in) and targets (T, B, n_out) fit the network."""
    check_parameters(network, parameters, numbers)
    check_array("inputs", inputs, None, numbers)
    if inputs.ndim != 3 or inputs.shape[2] != network.layers[0].inputs or 0 in inputs.shape:
        want = f"(time, batch, {network.layers[0].inputs}), no axis empty"
        raise GradcertError(f"inputs have shape {inputs.shape}", allowed=want)
    check_array("targets", targets, (*inputs.shape[:2], network.layers[-1].units), numbers)
