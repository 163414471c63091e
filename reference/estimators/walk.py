"""One step of a recorded network as a linear map, for the rules that estimate the influence matrix of RTRL.

The state is every node with an outgoing link of lag 1. Tangents are pushed from the state at t - 1 to the nodes at t;
adjoints are pulled from the nodes at t back to all nodes that they depend on within the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.reference.engines import LayerTape, Step, Tape, absorb, at, nothing, spread, weight_of
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Layer, Network
from gradcert.reference.numbers import Array

Nodes = dict[str, Array]


def state_nodes(layer: Layer) -> tuple[str, ...]:
    """Return the nodes of a layer that make up its state.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> state_nodes(Layer(Lif(), inputs=2, units=3)), state_nodes(Layer(Lif(reset="none"), inputs=2, units=3))
    (('v', 'z'), ('v',))
    """
    sources = {link.source for link in layer.cell.links if link.lag}
    if "x" in sources:
        raise GradcertError(f"the delayed input of {layer.cell.name!r} cells", allowed="inputs of the same step")
    return tuple(node for node in layer.cell.nodes if node in sources)


def state_size(network: Network) -> int:
    """Return the number of entries of the state of a network, per sample."""
    return sum(layer.size(node) for layer in network.layers for node in state_nodes(layer))


def step_at(tape: LayerTape, t: int) -> Step:
    """Return one step of a recorded layer."""
    factors = {key: at(factor, t) for key, factor in tape.factors.items()}
    prev, now = ({k: v[t] for k, v in values.items()} for values in (tape.prev, tape.now))
    return Step(tape.layer, tape.p, tape.x[t], prev, now, factors)


def push_layer(step: Step, before: Mapping[str, Array], below: Array | None, seeds: Mapping[str, Array]) -> Nodes:
    """Return the tangents of a layer's nodes at t; a node that nothing reaches is absent.

    Parameters
    ----------
    step : the layer at t.
    before : tangents of its nodes at t - 1, (..., batch, units).
    below : tangent of its input at t, or None.
    seeds : tangents that enter at nodes directly.
    """
    now: Nodes = {}
    for node in step.layer.cell.nodes:
        terms = [seeds[node]] if node in seeds else []
        for link in step.layer.cell.links:
            if link.target != node:
                continue
            source = below if link.source == "x" else (before if link.lag else now).get(link.source)
            if source is None:
                continue
            if link.weight is not None:
                terms.append(step.layer.synapse(link.weight).apply(weight_of(step.p, link.weight), source))
            else:
                terms.append(source * step.factors[link])
        if terms:
            now[node] = sum(terms[1:], terms[0])
    return now


def push(network: Network, steps: list[Step], before: list[Nodes]) -> list[Nodes]:
    """Return the tangents of all nodes of a network at t, from those at t - 1."""
    out: list[Nodes] = []
    for m, (step, tangents) in enumerate(zip(steps, before, strict=True)):
        out.append(push_layer(step, tangents, _into(network, m, step, out), {}))
    return out


def _into(network: Network, m: int, step: Step, below: list[Nodes]) -> Array | None:
    """Return the tangent of a layer's input, given those of the layers below; None where nothing reaches it."""
    sources = network.sources(m)
    reached = [below[s].get("z") if s >= 0 else None for s in sources]
    some = next((tangent for tangent in reached if tangent is not None), None)
    if some is None or len(sources) == 1:
        return some
    widths = map(network.width, sources)
    parts = [nothing(some, n) if part is None else part for part, n in zip(reached, widths, strict=True)]
    return np.concatenate(parts, axis=-1)


def pull(network: Network, steps: list[Step], credit: list[Nodes]) -> list[Nodes]:
    """Return the adjoints of all nodes within the step, given direct credit at some of them."""
    out: list[Nodes] = []
    arrived: dict[int, Array] = {}
    for m in reversed(range(len(steps))):
        step, adjoints = steps[m], dict(credit[m])
        if m in arrived:
            _add(adjoints, "z", arrived[m])
        for node in reversed(step.layer.cell.nodes):
            for link in step.layer.cell.links:
                if link.source == node and not link.lag and link.target in adjoints:
                    _add(adjoints, node, _pulled(step, link.weight, adjoints[link.target], step.factors.get(link)))
        _pass_down(network, m, step, adjoints, arrived)
        out.insert(0, adjoints)
    return out


def pull_stopped(network: Network, steps: list[Step], delta: Array) -> list[Nodes]:
    """Return the adjoints within the step of dE/do, (batch, n_out), credit stopping at the state."""
    out: list[Nodes] = []
    arrived = {len(steps) - 1: delta}
    for m in reversed(range(len(steps))):
        step, carried = steps[m], state_nodes(steps[m].layer)
        adjoints = absorb(step, arrived[m], carried) if m in arrived else {}
        out.insert(0, adjoints)
        _pass_down(network, m, step, {k: v for k, v in adjoints.items() if k not in carried}, arrived)
    return out


def pull_before(steps: list[Step], credit: list[Nodes]) -> list[Nodes]:
    """Return the credit at the state of the step before that arrives past the state of this one."""
    out: list[Nodes] = []
    for step, adjoints in zip(steps, credit, strict=True):
        carried = state_nodes(step.layer)
        found: Nodes = {}
        for link in step.layer.cell.links:
            if link.lag and link.target in adjoints and link.target not in carried:
                _add(found, link.source, _pulled(step, link.weight, adjoints[link.target], step.factors.get(link)))
        out.append(found)
    return out


def _pass_down(network: Network, m: int, step: Step, adjoints: Nodes, arrived: dict[int, Array]) -> None:
    """Add the credit at a layer's input to that of the layers whose outputs it reads."""
    credit = _to_input(step, adjoints)
    if credit is not None:
        spread(credit, network, m, arrived)


def _to_input(step: Step, adjoints: Mapping[str, Array]) -> Array | None:
    total: Array | None = None
    for link in step.layer.cell.links:
        if link.source == "x" and link.weight is not None and link.target in adjoints:
            weight = weight_of(step.p, link.weight)
            g = step.layer.synapse(link.weight).pull_input(weight, adjoints[link.target])
            total = g if total is None else total + g
    return total


def _pulled(step: Step, weight: str | None, adjoint: Array, factor: Any) -> Array:
    if weight is not None:
        return step.layer.synapse(weight).pull_input(weight_of(step.p, weight), adjoint)
    return adjoint * factor


def _add(adjoints: Nodes, node: str, g: Array) -> None:
    adjoints[node] = adjoints[node] + g if node in adjoints else g


def steps_at(tape: Tape, t: int) -> list[Step]:
    """Return all layers of a recorded network at one step."""
    return [step_at(layer, t) for layer in tape.layers]
