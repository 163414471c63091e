"""NIR, the Neuromorphic Intermediate Representation: networks from its graphs, and graphs from networks.

NIR describes a neuron by its differential equation, and leaves the rest to the backend. Read with the forward Euler
step that its backends use,

    tau dv/dt = (v_leak - v) + r I      is      v = (1 - dt/tau) v' + (dt/tau) v_leak + r (dt/tau) I,

so leak = 1 - dt/tau, and r = 1 or tau/dt is our gain ``one_minus_leak`` or ``one``. What NIR cannot say, and what
therefore comes back as a note or has to be given, are the pseudo-derivative, the loss, what a tie at the threshold
does, how late a cycle without a Delay is, where v starts, and which current drives v in a CubaLIF. What it says
differently is refused: a reset that subtracts. Convolutions and poolings are synapses (`nir_images`), CubaLIF is a cell
of its own (`cuba`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.models.nir import images
from gradcert.models.nir.graphs import is_chain, read_graph
from gradcert.models.nir.neurons import (
    CUBA,
    CURRENT,
    START,
    SURROGATE,
    TIE,
    TRAINED,
    cell_of,
    cuba_of,
    neurons,
    real,
    refuse,
)
from gradcert.models.nir.pieces import CYCLE, LOSS, Linear, Read
from gradcert.models.nir.written import write_graph
from gradcert.reference.checks import check_number
from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install
from gradcert.reference.networks import AvgPool, Conv2d, Dense, Layer, Lif, Loss, Network, Rnn, check_no_mixing
from gradcert.reference.numbers import Array

try:
    import nir
except ModuleNotFoundError:
    absent = f"nir is not installed; to fix it: {install('nir')}"
    raise ModuleNotFoundError(absent, name="nir") from None

__all__ = ["CUBA", "CURRENT", "CYCLE", "LOSS", "START", "SURROGATE", "TIE", "Read", "Written", "read", "write"]
KINDS = ("Linear", "Affine", "Conv2d", "AvgPool2d", "Flatten", "LIF", "CubaLIF", "LI", "Threshold")


@dataclass(frozen=True)
class Written:
    """A graph, and what it does not say of the network."""

    graph: Any
    notes: tuple[str, ...]


def write(network: Network, parameters: Mapping[str, Array], *, dt: float = 1.0) -> Written:
    """Write a network as a NIR graph; one that is a graph of populations by `gradcert.models.nir.written`.

    Parameters
    ----------
    network, parameters : LIF layers with a hard reset or none, integrators, and linear layers; dense synapses.
    dt : the time step, in the units of tau.

    Raises
    ------
    GradcertError : for what NIR cannot say.

    Examples
    --------
    >>> network = Network(layers=(Layer(Lif(reset="hard", leak=0.5), inputs=2, units=3),))
    >>> written = write(network, network.parameters())
    >>> [type(node).__name__ for node in written.graph.nodes.values()]
    ['Input', 'Affine', 'LIF', 'Output']
    """
    if any(layer.backwards for layer in network.layers):
        raise GradcertError("a population that runs backwards, in NIR", allowed="populations that run forwards")
    if network.graph is not None:
        return Written(*write_graph(network, parameters, dt))
    check_no_mixing(network, "NIR")
    first = network.layers[0].synapse("W")
    shape: tuple[int, ...] = (
        (network.layers[0].inputs,) if isinstance(first, Dense) else images.in_shape(_image(first, 0))
    )
    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array(shape)})}
    edges, last, notes = [], "input", [LOSS]

    def then(name: str, node: Any) -> None:
        nonlocal last
        nodes[name] = node
        edges.append((last, name))
        last = name

    for i, layer in enumerate(network.layers):
        own = {k.removeprefix(f"layers.{i}."): v for k, v in parameters.items() if k.startswith(f"layers.{i}.")}
        if set(own) - {*"WHb", *TRAINED}:
            raise GradcertError(f"layer {i}, {layer.cell.name} with {', '.join(own)}", allowed="W, H and b")
        synapse = layer.synapse("W")
        if isinstance(synapse, Dense):
            if len(shape) > 1:
                then(f"flatten{i}", nir.Flatten({"input": np.array(shape)}, start_dim=0))
            then(f"linear{i}", nir.Affine(own["W"], own["b"]) if "b" in own else nir.Linear(own["W"]))
            shape = (layer.units,)
        else:
            if "H" in own:
                raise GradcertError(f"lateral weights in layer {i}, a convolution", allowed="dense layers with H")
            then(*_written_image(_image(synapse, i), own, i, notes))
            shape = images.out_shape(_image(synapse, i))
        for name, node in neurons(layer, own, dt, notes, shape).items():
            then(f"{name}{i}", node)
        if "H" in own:
            nodes[f"lateral{i}"] = nir.Linear(own["H"])
            edges += [(last, f"lateral{i}"), (f"lateral{i}", last)]
            notes.append(CYCLE)
    then("output", nir.Output({"output": np.array(shape)}))
    return Written(nir.NIRGraph(nodes, edges), tuple(dict.fromkeys(notes)))


def _image(synapse: Any, number: int) -> Conv2d | AvgPool:
    if not isinstance(synapse, (Conv2d, AvgPool)):
        raise GradcertError(f"a {type(synapse).__name__} in layer {number}", allowed="dense, conv2d, avgpool")
    return synapse


def _written_image(
    synapse: Conv2d | AvgPool, own: Mapping[str, Array], number: int, notes: list[str]
) -> tuple[str, Any]:
    """Return the name and node of a convolution or a pooling."""
    if isinstance(synapse, AvgPool):
        kernel, stride = np.array(synapse.kernel), np.array(synapse.stride or synapse.kernel)
        return f"pool{number}", nir.AvgPool2d(kernel, stride, np.array(synapse.padding))
    if synapse.groups != 1:  # nir counts the channels of its weight as those of what comes in
        raise GradcertError(f"a convolution of {synapse.groups} groups in layer {number}", allowed="one group in NIR")
    bias = np.zeros(synapse.out_channels)
    if "b" in own:
        bias = images.channel_bias(np.asarray(own["b"]), synapse)
        notes.append(images.CONV_BIAS)
    size = (synapse.height, synapse.width)
    geometry = (synapse.stride, synapse.padding, synapse.dilation)
    return f"conv{number}", nir.Conv2d(size, own["W"], *geometry, 1, bias)


def read(
    graph: Any,
    *,
    dt: float = 1.0,
    options: Mapping[str, Any] | None = None,
    current: str = "new",
    loss: Loss = Loss(),
) -> Read:
    """Read a network from a NIR graph.

    Parameters
    ----------
    graph : Linear, Affine, Conv2d or AvgPool2d maps (and Flatten) and LIF, CubaLIF, LI or LI + Threshold neurons, as
        `nir.read` returns it. A chain from input to output, each neuron with at most one linear map back to itself, is
        a stack of layers; with several inputs, skip connections, cycles or Delay nodes it is a graph of populations.
    dt : the time step, in the units of tau.
    options : what NIR does not say, for every LIF cell: ``surrogate``, ``strict``, ``train``.
    current : what drives v in a CubaLIF: the current after the step's input, ``new``, or before it, ``old``.
    loss : the loss.

    Raises
    ------
    GradcertError : for nodes and edges that neither can say.

    Examples
    --------
    >>> network = Network(layers=(Layer(Lif(reset="hard", leak=0.5), inputs=2, units=3),))
    >>> again = read(write(network, network.parameters()).graph)
    >>> again.network.layers[0].cell.reset, again.network.layers[0].cell.leak
    ('hard', 0.5)
    """
    if current not in ("new", "old"):
        raise GradcertError(f"current={current!r}", allowed="'new', 'old'")
    check_number("dt", dt, above=0.0)
    try:
        how = _read if is_chain(graph) else read_graph
        return how(graph, dt, options or {}, current, loss)
    except GradcertError:
        raise
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        # a file of NIR holds what it likes where arrays, names and sizes should be
        raise GradcertError(
            f"the graph does not fit together ({type(error).__name__}: {error})", do="check its nodes"
        ) from (None)


def _read(graph: Any, dt: float, options: Mapping[str, Any], current: str, loss: Loss) -> Read:
    chain, lateral = _chain(graph)
    entry = next(node for node in graph.nodes.values() if type(node).__name__ == "Input").input_type["input"]
    shape: tuple[int, ...] = tuple(int(n) for n in np.atleast_1d(entry))
    layers: list[Layer] = []
    parameters: dict[str, Array] = {}
    notes = [LOSS]
    weights: list[Any] = []
    k = 0
    while k < len(chain):
        name, node = chain[k]
        kind = type(node).__name__
        k += 1
        if kind == "Flatten":  # arrays are flat already, in the same order
            continue
        if kind in ("Linear", "Affine", "Conv2d", "AvgPool2d"):
            if weights:
                _linear(layers, parameters, weights.pop())
            if kind == "Conv2d":
                synapse: Any = images.convolution(node, name, shape if len(shape) == 3 else None)
                notes += [images.CONV_BIAS] if np.any(node.bias) else []
            else:
                synapse = images.pooling(node, name, shape) if kind == "AvgPool2d" else None
            shape = images.out_shape(synapse) if synapse is not None else (int(node.weight.shape[0]),)
            weights.append(Linear.of(node, synapse))
            if kind == "AvgPool2d":
                _linear(layers, parameters, weights.pop())
            continue
        below = weights.pop() if weights else _identity(node, name, notes)
        fires = None
        if kind == "LI" and k < len(chain) and type(chain[k][1]).__name__ == "Threshold":
            fires, k = chain[k][1], k + 1
        back = name in lateral or (fires is not None and chain[k - 1][0] in lateral)
        if kind == "CubaLIF":
            cell, scale = cuba_of(node, dt, options, current, notes, lateral=back)
        else:
            cell, scale = cell_of(node, fires, dt, options, notes, name)
        if back:
            notes.append(CYCLE)
            if kind != "CubaLIF":
                cell = replace(cell, recurrent=True) if isinstance(cell, Lif) else refuse(name, "lateral weights")
        _add(layers, parameters, cell, below, scale, lateral.get(name))
    for node in weights:
        _linear(layers, parameters, node)
    network = Network(layers=tuple(layers), loss=loss)
    for i, layer in enumerate(layers):  # trained constants start from what the graph says
        for constant, value in layer.cell.constants().items():
            if constant in layer.shapes():
                parameters[f"layers.{i}.{constant}"] = np.broadcast_to(np.asarray(value, float), (layer.units,)).copy()
    return Read(network, {name: parameters[name] for name in network.shapes()}, tuple(dict.fromkeys(notes)))


def _chain(graph: Any) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """Return the nodes between input and output in order, and the linear map from a neuron back to itself."""
    kinds = [type(node).__name__ for node in graph.nodes.values()]
    if kinds.count("Input") != 1 or kinds.count("Output") != 1 or not graph.edges:
        given = f"{kinds.count('Input')} inputs, {kinds.count('Output')} outputs and {len(graph.edges)} edges"
        raise GradcertError(f"a graph with {given}", allowed="one input, one output and the edges of a chain")
    after: dict[str, list[str]] = {}
    for source, target in graph.edges:
        after.setdefault(source, []).append(target)
    lateral = {}
    for source, targets in after.items():
        for target in list(targets):
            if after.get(target) == [source] and type(graph.nodes[target]).__name__ == "Linear":
                lateral[source] = graph.nodes[target]
                targets.remove(target)
    name = next(n for n, node in graph.nodes.items() if type(node).__name__ == "Input")
    out: list[tuple[str, Any]] = []
    while True:
        ahead = after.get(name, [])
        if len(ahead) != 1:
            refuse(name, f"{len(ahead)} ways on")
        [name] = ahead
        node = graph.nodes[name]
        kind = type(node).__name__
        if kind == "Output":
            return out, lateral
        if kind not in KINDS or len(out) > len(graph.nodes):
            refuse(name, f"a {kind}")
        out.append((name, node))


def _identity(node: Any, name: str, notes: list[str]) -> Any:
    notes.append(f"{name!r} has no linear map in front: W is the identity")
    return Linear(np.eye(np.size(node.tau_mem if hasattr(node, "tau_mem") else node.tau)))


def _linear(layers: list[Layer], parameters: dict[str, Array], node: Any) -> None:
    _add(layers, parameters, Rnn(activation="identity", recurrent=False), node, None, None)


def _add(
    layers: list[Layer], parameters: dict[str, Array], cell: Any, below: Any, scale: Array | None, lateral: Any
) -> None:
    """Append a layer with its weights."""
    prefix, synapse, bias = f"layers.{len(layers)}.", below.synapse, below.bias
    units = below.weight.shape[0] if synapse is None else synapse.units
    inputs = below.weight.shape[1] if synapse is None else synapse.inputs
    if scale is not None and np.size(scale) not in (1, units):
        raise GradcertError(f"{np.size(scale)} neurons after a map to {units} units", allowed="as many")
    factor = None if scale is None else np.broadcast_to(np.ravel(scale), (units,))
    if factor is not None and synapse is not None:
        if (factor != factor[0]).any():
            raise GradcertError("a resistance that differs between units of a convolution", allowed="one for all units")
        parameters[prefix + "W"] = below.weight * factor[0]
    elif below.weight is not None:
        parameters[prefix + "W"] = below.weight if factor is None else below.weight * factor[:, None]
    always = cell.name in CUBA  # cells of one's own have the parameters that their equations name
    if bias is None and always:
        bias = np.zeros(units)
    if bias is not None:
        parameters[prefix + "b"] = bias if factor is None else bias * factor
    if lateral is not None:
        weight = real(lateral, "weight")
        if weight.shape != (units, units):
            raise GradcertError(f"lateral weights of shape {weight.shape}", allowed=f"({units}, {units})")
        parameters[prefix + "H"] = weight if factor is None else weight * factor[:, None]
    made = cell if always else replace(cell, bias=bias is not None)
    layers.append(Layer(made, inputs=inputs, units=units, synapses=() if synapse is None else (("W", synapse),)))
