"""Networks: layers and a loss; parameters are a flat dict ``layers.0.W -> array``.

A network is a stack of layers, or a graph of populations and connections (`Graph`), which is wired into layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.reference.checks import check_numbers, check_seed
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.arrays import check_array
from gradcert.reference.networks.cells.protocol import Cell
from gradcert.reference.networks.graph import Graph, graph_from, wired
from gradcert.reference.networks.layer import Layer, cell_from, synapse_from_dict
from gradcert.reference.networks.loss import Loss, loss_from
from gradcert.reference.notebook import grid
from gradcert.reference.numbers import FLOAT64, Array, Numbers

Parameters = Mapping[str, Array]


@dataclass(frozen=True)
class Network:
    """A stack of layers, the lowest first, or a graph of populations; and a loss on the output of the last.

    Parameters
    ----------
    layers : the stack, where no graph is given.
    loss : what the output is compared by.
    graph : populations and connections; `layers` are then what they are wired into.

    Examples
    --------
    >>> from gradcert.reference.networks import Snu
    >>> network = Network(layers=(Layer(Snu(), inputs=3, units=4), Layer(Snu(), inputs=4, units=2)))
    >>> {name: shape for name, shape in network.shapes().items() if name.startswith("layers.1")}
    {'layers.1.W': (2, 4), 'layers.1.H': (2, 2), 'layers.1.b': (2,)}
    """

    layers: tuple[Layer, ...] = ()
    loss: Loss = Loss()
    graph: Graph | None = None

    def __post_init__(self) -> None:
        if self.graph is not None and not self.layers:
            object.__setattr__(self, "layers", wired(self.graph).layers)
        if not self.layers:
            raise GradcertError("a network without layers", allowed="one layer or more")
        stack = zip(self.layers, self.layers[1:], strict=False) if self.graph is None else ()
        for i, (below, above) in enumerate(stack):
            if below.units != above.inputs:
                raise GradcertError(
                    f"layer {i} has {below.units} units and layer {i + 1} has {above.inputs} inputs",
                    allowed="the same number",
                )
        last = self.layers[-1].cell if self.graph is None else self.graph.by_name[str(self.graph.output)].cell
        nodes = last.nodes
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

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of the layers of a stack, or of the populations of a graph."""
        return tuple(x.cell for x in (self.layers if self.graph is None else self.graph.populations))

    @property
    def inputs(self) -> int:
        """Length of the network's input."""
        return self.layers[0].inputs if self.graph is None else self.graph.width

    def width(self, source: int) -> int:
        """Return how many units leave a layer; of -1 the length of the network's input."""
        return self.inputs if source < 0 else self.layers[source].units

    def below(self, index: int, weight: str) -> bool:
        """Return whether an input weight of a layer reads another layer, and not the network's input."""
        sources = self.sources(index)
        start = getattr(self.layers[index].synapse(weight), "start", 0)
        return max(sources) >= 0 and not (min(sources) < 0 and start < self.inputs)

    def sources(self, index: int) -> tuple[int, ...]:
        """Return whose outputs, one after the other, are the input of a layer; -1 is the network's input.

        Examples
        --------
        >>> from gradcert.reference.networks import Snu
        >>> Network(layers=(Layer(Snu(), inputs=3, units=4), Layer(Snu(), inputs=4, units=2))).sources(1)
        (0,)
        """
        return (index - 1,) if self.graph is None else wired(self.graph).sources[index]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter."""
        layers = enumerate(self.layers)
        return {layer.full_name(i, k): s for i, layer in layers for k, s in layer.shapes().items()}

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
                elif name in layer.cell.trained:
                    values = 0.1 * scale * rng.standard_normal(shape)
                else:
                    values = scale * rng.standard_normal(shape) / np.sqrt(layer.synapse(name).columns)
                out[layer.full_name(i, name)] = numbers.array(values)
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; `from_dict` reads it back."""
        if self.graph is not None:
            return {"graph": self.graph.to_dict(), "loss": self.loss.to_dict()}
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
        loss = loss_from(spec.get("loss", {}))
        if "graph" in spec:
            return Network(graph=graph_from(spec["graph"], run=run), loss=loss)
        return Network(layers=tuple(_layer(layer, run=run) for layer in spec["layers"]), loss=loss)
    except GradcertError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError) as error:
        raise GradcertError(
            f"the network description does not fit ({error})",
            allowed="{'layers': [{'cell', 'inputs', 'units', 'options'}], 'loss': {...}}, or a 'graph' for the layers",
        ) from None


def _layer(spec: Mapping[str, Any], *, run: bool) -> Layer:
    cell = cell_from(spec["cell"], spec.get("options", {}), run=run)
    synapses = tuple((name, synapse_from_dict(value)) for name, value in spec.get("synapses", {}).items())
    return Layer(cell, inputs=spec["inputs"], units=spec["units"], synapses=synapses)


def with_loss(network: Network, **options: Any) -> Network:
    """Return the network with another loss.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> with_loss(Network(layers=(Layer(Rnn(), inputs=1, units=1),)), when="last").loss.when
    'last'
    """
    return replace(network, loss=replace(network.loss, **options))


def with_cells(network: Network, change: Callable[[Any], Any]) -> Network:
    """Return the network with every cell changed: of every layer, or of every population.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> with_cells(Network(layers=(Layer(Rnn(), inputs=1, units=1),)), lambda cell: replace(cell, bias=False)).shapes()
    {'layers.0.W': (1, 1), 'layers.0.H': (1, 1)}
    """
    if network.graph is None:
        return replace(network, layers=tuple(replace(layer, cell=change(layer.cell)) for layer in network.layers))
    populations = tuple(replace(p, cell=change(p.cell)) for p in network.graph.populations)
    return replace(network, layers=(), graph=replace(network.graph, populations=populations))


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
    if inputs.ndim != 3 or inputs.shape[2] != network.inputs or 0 in inputs.shape:
        want = f"(time, batch, {network.inputs}), no axis empty"
        raise GradcertError(f"inputs have shape {inputs.shape}", allowed=want)
    check_array("targets", targets, (*inputs.shape[:2], network.layers[-1].units), numbers)


def check_no_graph(network: Network, who: str) -> None:
    """Raise where a network is a graph of populations, for those who know stacks of layers alone; and their cells."""
    if network.graph is not None:
        raise GradcertError(f"{who} for a network that is a graph", allowed="a stack: Network(layers=...)")
    check_no_mixing(network, who)


def check_no_mixing(network: Network, who: str) -> None:
    """Raise where drives are normalised or weights standardised, for those who know neither."""
    if any(layer.standardised or getattr(layer.cell, "mixed", ()) for layer in network.layers):
        raise GradcertError(
            f"{who} with drives that are normalised, or weights that are standardised", allowed="neither"
        )


def check_forwards(network: Network, who: str) -> None:
    """Raise where a population runs backwards in time, for those who walk with the sequence."""
    if any(layer.backwards for layer in network.layers):
        raise GradcertError(
            f"{who} of a population that runs backwards",
            allowed="populations that run forwards",
            do="the reverse engine: gradcert.reference.engines.reverse.gradients",
        )
