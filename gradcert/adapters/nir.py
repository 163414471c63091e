"""NIR, the Neuromorphic Intermediate Representation: networks from its graphs, and graphs from networks.

NIR describes a neuron by its differential equation, and leaves the rest to the backend. Read with the forward Euler
step that its backends use,

    tau dv/dt = (v_leak - v) + r I      is      v = (1 - dt/tau) v' + (dt/tau) v_leak + r (dt/tau) I,

so leak = 1 - dt/tau, and r = 1 or tau/dt is our gain ``one_minus_leak`` or ``one``. What NIR cannot say, and what
therefore comes back as a note or has to be given, are the pseudo-derivative, the loss, what a tie at the threshold
does, how late a cycle is, and where v starts. What it says differently is refused: a reset that subtracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.reference.cells import Integrator, Lif, Rnn
from gradcert.reference.errors import GradcertError
from gradcert.reference.loss import Loss
from gradcert.reference.network import Layer, Network
from gradcert.reference.numbers import Array
from gradcert.reference.synapses import Dense

try:
    import nir
except ModuleNotFoundError:
    absent = "nir is not installed; to fix it: pip install 'gradcert[nir]'"
    raise ModuleNotFoundError(absent, name="nir") from None

CYCLE = "a cycle in the graph has no delay of its own: lateral spikes are those of the step before"
SURROGATE = "the graph has no pseudo-derivative"
TIE = "the graph fires at v > threshold; whether a tie fires is strict={}"
LOSS = "the graph has no loss"
START = "the graph does not say where v starts: here at 0, although it leaks towards v_leak"


@dataclass(frozen=True)
class Read:
    """What a graph says.

    Attributes
    ----------
    network, parameters : as everywhere.
    notes : what the graph does not say and was assumed.
    """

    network: Network
    parameters: Mapping[str, Array]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """A graph, and what it does not say of the network."""

    graph: Any
    notes: tuple[str, ...]


def write(network: Network, parameters: Mapping[str, Array], *, dt: float = 1.0) -> Written:
    """Write a network as a NIR graph.

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
    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array([network.layers[0].inputs])})}
    edges, last, notes = [], "input", [LOSS]
    for i, layer in enumerate(network.layers):
        own = {k.removeprefix(f"layers.{i}."): v for k, v in parameters.items() if k.startswith(f"layers.{i}.")}
        if any(not isinstance(layer.synapse(w), Dense) for w in own if w in ("W", "H")) or set(own) - {
            *"WHb",
            *TRAINED,
        }:
            raise GradcertError(f"layer {i}, {layer.cell.name} with {', '.join(own)}", allowed="dense W, H and b")
        nodes[f"linear{i}"] = nir.Affine(own["W"], own["b"]) if "b" in own else nir.Linear(own["W"])
        edges.append((last, f"linear{i}"))
        last = f"linear{i}"
        for name, node in _neurons(layer, own, dt, notes).items():
            nodes[f"{name}{i}"] = node
            edges.append((last, f"{name}{i}"))
            last = f"{name}{i}"
        if "H" in own:
            nodes[f"lateral{i}"] = nir.Linear(own["H"])
            edges += [(last, f"lateral{i}"), (f"lateral{i}", last)]
            notes.append(CYCLE)
    nodes["output"] = nir.Output({"output": np.array([network.layers[-1].units])})
    edges.append((last, "output"))
    return Written(nir.NIRGraph(nodes, edges), tuple(dict.fromkeys(notes)))


TRAINED = ("leak", "threshold", "kappa")


def _neurons(layer: Layer, own: Mapping[str, Array], dt: float, notes: list[str]) -> dict[str, Any]:
    """Return the nodes after a layer's linear map, in order."""
    cell: Any = layer.cell

    def unit(name: str) -> Array:
        return np.broadcast_to(np.asarray(own.get(name, getattr(cell, name, 0.0)), dtype=float), (layer.units,)).copy()

    if cell.name == "rnn" and cell.activation == "identity" and not cell.recurrent:
        return {}
    if cell.name == "integrator":
        tau, r = _euler(unit("kappa"), cell.gain == "one", dt)
        return {"li": nir.LI(tau, r, 0 * tau)}
    if cell.name != "lif":
        raise GradcertError(f"the cell {cell.name!r} in NIR", allowed="lif, integrator, and rnn as a linear readout")
    if cell.reset not in ("hard", "none"):
        raise GradcertError(f"reset={cell.reset!r} in NIR, which sets v to v_reset", allowed="'hard', 'none'")
    notes += [SURROGATE, TIE.format(cell.strict)]
    tau, r = _euler(unit("leak"), cell.gain == "one", dt)
    rest, threshold = unit("rest"), unit("threshold")
    if rest.any():
        notes.append(START)
    if cell.reset == "hard":
        return {"lif": nir.LIF(tau, r, rest, threshold, unit("reset_value"))}
    if "H" in own:
        raise GradcertError("lateral weights without a reset in NIR", allowed="reset='hard'")
    return {"li": nir.LI(tau, r, rest), "threshold": nir.Threshold(threshold)}


def _euler(leak: Array, one: bool, dt: float) -> tuple[Array, Array]:
    """Return tau and r for a leak; a leak of 1 has no tau."""
    if (leak >= 1).any():
        raise GradcertError("a leak of 1, whose tau is infinite", allowed="leaks below 1")
    tau = dt / (1 - leak)
    return tau, tau / dt if one else np.ones_like(tau)


def read(graph: Any, *, dt: float = 1.0, options: Mapping[str, Any] | None = None, loss: Loss = Loss()) -> Read:
    """Read a network from a NIR graph.

    Parameters
    ----------
    graph : a chain from input to output of Linear or Affine maps and LIF, LI or LI + Threshold neurons, each with at
        most one linear map back to itself; as `nir.read` returns it.
    dt : the time step, in the units of tau.
    options : what NIR does not say, for every LIF cell: ``surrogate``, ``strict``, ``train``.
    loss : the loss.

    Raises
    ------
    GradcertError : for nodes and edges that a stack of layers cannot say.

    Examples
    --------
    >>> network = Network(layers=(Layer(Lif(reset="hard", leak=0.5), inputs=2, units=3),))
    >>> again = read(write(network, network.parameters()).graph)
    >>> again.network.layers[0].cell.reset, again.network.layers[0].cell.leak
    ('hard', 0.5)
    """
    chain, lateral = _chain(graph)
    layers: list[Layer] = []
    parameters: dict[str, Array] = {}
    notes = [LOSS]
    weights: list[Any] = []
    k = 0
    while k < len(chain):
        name, node = chain[k]
        kind = type(node).__name__
        k += 1
        if kind in ("Linear", "Affine"):
            if weights:
                _linear(layers, parameters, weights.pop())
            weights.append(node)
            continue
        below = weights.pop() if weights else _identity(node, name, notes)
        fires = None
        if kind == "LI" and k < len(chain) and type(chain[k][1]).__name__ == "Threshold":
            fires, k = chain[k][1], k + 1
        cell, scale = _cell(node, fires, dt, options or {}, notes, name)
        if name in lateral or (fires is not None and chain[k - 1][0] in lateral):
            cell = replace(cell, recurrent=True) if isinstance(cell, Lif) else _refuse(name, "lateral weights")
            notes.append(CYCLE)
        _add(layers, parameters, cell, below, scale, lateral.get(name))
    for node in weights:
        _linear(layers, parameters, node)
    network = Network(layers=tuple(layers), loss=loss)
    for i, layer in enumerate(layers):  # trained constants start from what the graph says
        for constant, value in layer.cell.constants().items():
            if constant in layer.shapes():
                parameters[f"layers.{i}.{constant}"] = np.broadcast_to(np.asarray(value, float), (layer.units,)).copy()
    return Read(network, {name: parameters[name] for name in network.shapes()}, tuple(dict.fromkeys(notes)))


def _refuse(name: str, what: str) -> Any:
    raise GradcertError(f"{what} at the node {name!r}", allowed="a chain of linear maps and LIF, LI or LI + Threshold")


def _chain(graph: Any) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """Return the nodes between input and output in order, and the linear map from a neuron back to itself."""
    after: dict[str, list[str]] = {}
    for source, target in graph.edges:
        after.setdefault(source, []).append(target)
    lateral = {}
    for source, targets in after.items():
        for target in list(targets):
            if after.get(target) == [source] and type(graph.nodes[target]).__name__ == "Linear":
                lateral[source] = graph.nodes[target]
                targets.remove(target)
    [name] = [n for n, node in graph.nodes.items() if type(node).__name__ == "Input"]
    out: list[tuple[str, Any]] = []
    while True:
        ahead = after.get(name, [])
        if len(ahead) != 1:
            _refuse(name, f"{len(ahead)} ways on")
        [name] = ahead
        node = graph.nodes[name]
        kind = type(node).__name__
        if kind == "Output":
            return out, lateral
        if kind not in ("Linear", "Affine", "LIF", "LI", "Threshold") or len(out) > len(graph.nodes):
            _refuse(name, f"a {kind}")
        out.append((name, node))


def _cell(
    node: Any, fires: Any, dt: float, options: Mapping[str, Any], notes: list[str], name: str
) -> tuple[Any, Array | None]:
    """Return a cell, and what its weights have to be multiplied by, if r is neither of our gains."""
    if type(node).__name__ == "Threshold":
        _refuse(name, "a Threshold without an LI")
    step = dt / np.asarray(node.tau, dtype=float)
    leak, drive = 1 - step, np.asarray(node.r, dtype=float) * step
    gain, scale = "one", None
    if (drive == step).all():
        gain = "one_minus_leak"
    elif (drive != 1).any():
        scale = drive
        notes.append(f"r of {name!r} is multiplied into the weights")
    rest = np.asarray(node.v_leak, dtype=float)
    if type(node).__name__ == "LI" and fires is None:
        if rest.any():
            _refuse(name, "an LI with v_leak")
        return Integrator(kappa=_plain(leak), gain=gain.replace("leak", "kappa")), scale
    notes += [SURROGATE, TIE.format(options.get("strict", True))]
    if rest.any():
        notes.append(START)
    given = {"strict": True, **options}
    common = {"leak": _plain(leak), "gain": gain, "rest": _plain(rest), **given}
    if fires is not None:
        return Lif(threshold=_plain(fires.threshold), reset="none", **common), scale
    value = 0.0 if node.v_reset is None else _plain(node.v_reset)
    return Lif(threshold=_plain(node.v_threshold), reset="hard", reset_value=value, **common), scale


def _plain(values: Any) -> Any:
    """Return one number where all units have the same, else a tuple."""
    flat = np.atleast_1d(np.asarray(values, dtype=float)).ravel()
    return float(flat[0]) if (flat == flat[0]).all() else tuple(float(v) for v in flat)


def _identity(node: Any, name: str, notes: list[str]) -> Any:
    notes.append(f"{name!r} has no linear map in front: W is the identity")
    return nir.Linear(np.eye(np.size(node.tau)))


def _linear(layers: list[Layer], parameters: dict[str, Array], node: Any) -> None:
    _add(layers, parameters, Rnn(activation="identity", recurrent=False), node, None, None)


def _add(
    layers: list[Layer], parameters: dict[str, Array], cell: Any, below: Any, scale: Array | None, lateral: Any
) -> None:
    """Append a layer with its weights."""
    weight = np.asarray(below.weight, dtype=float)
    bias = np.asarray(below.bias, dtype=float) if hasattr(below, "bias") else None
    prefix = f"layers.{len(layers)}."
    column = 1.0 if scale is None else np.broadcast_to(scale, weight.shape[:1])[:, None]
    parameters[prefix + "W"] = weight * column
    if bias is not None:
        parameters[prefix + "b"] = bias if scale is None else bias * scale
    if lateral is not None:
        parameters[prefix + "H"] = np.asarray(lateral.weight, dtype=float) * column
    layers.append(Layer(replace(cell, bias=bias is not None), inputs=weight.shape[1], units=weight.shape[0]))
