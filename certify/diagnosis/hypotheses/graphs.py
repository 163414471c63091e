"""Mistakes with a graph of populations: a connection at another lag, no credit through it, one number for all units.

Where a network is a stack they have nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis, of_edit, of_run
from gradcert.certify.diagnosis.unrolled import Bench, Feed, Graph, earlier
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Connection, Layer, Link, Population, by_unit, runs_of, shared_name
from gradcert.reference.networks import Graph as Wiring
from gradcert.reference.numbers import Array


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield mistakes with connections, then with shared parameters, kernels and the order of inputs."""
    graph = bench.network.graph
    if graph is None:
        return
    for k, c in enumerate(graph.connections):
        yield from _of_connection(graph, k, c)
    for p in graph.populations:
        for name, runs in runs_of(p.shared).items():
            yield from _of_shared(p, name, runs)
        if p.backwards:
            yield from _of_direction(graph, p)
    for name, value in bench.parameters.items():
        if np.ndim(value) == 4:
            label = f"the kernel {name} turned by 180 degrees"
            yield Hypothesis("graph", f"{name} turned", f"{label} in its gradient", partial(_turned, name))
            again = partial(_turned_forward, name)
            yield Hypothesis("graph", f"{name} convolved", f"{label} (a convolution, not a correlation)", again)
    if len(graph.inputs) > 1:
        names = [name for name, _ in graph.inputs][::-1]
        yield of_run("graph", "order of inputs", f"its inputs in the order {', '.join(names)}", _other_order)


def _of_connection(graph: Wiring, k: int, c: Connection) -> Iterator[Hypothesis]:
    name = f"{c}" if c.name is None else f"{c} named {c.name}"
    trained = [k for k, synapse in enumerate(c.chain) if synapse.shape] if c.chain else [0]
    names = frozenset(w[trained[-1]] for w in graph.weights(c) if trained)  # a pool has none
    for lag in (c.lag - 1, c.lag + 1):
        if lag < 0:
            continue
        instead = f"at lag {lag} in the place of {c.lag}"
        yield of_run("graph", f"{name} at lag {lag}", f"{name} {instead}", partial(_at_lag, k, lag))
        if not names:
            continue
        label = f"the weight of {name} fed with its source {instead}"
        yield of_edit("graph", f"{name} fed at lag {lag}", label, own=partial(_fed, names, lag - c.lag))
    if not names:
        return
    cut = partial(_cut, names)
    label = f"no credit through {name}"
    yield of_edit("graph", label, label, own=cut, down=cut, weights=partial(_without, names))
    yield Hypothesis("graph", f"{name} not read", f"{name} not there", partial(_absent, names))


def _of_direction(graph: Wiring, p: Population) -> Iterator[Hypothesis]:
    """Yield a pass backwards in time that runs forwards, or whose outputs or credit are not turned round."""
    yield of_run("graph", f"{p.name} forwards", f"{p.name} run forwards in time", partial(_forwards, p.name))
    if {c.source for c in graph.into(p.name)} <= {name for name, _ in graph.inputs}:
        label = f"the outputs of {p.name} left in the order in which it runs"
        yield of_run("graph", f"{p.name} not turned back", label, partial(_left, p.name))
    label = f"the credit of {p.name} not turned round in time"
    signal, below = partial(_unturned, p.name), partial(_unturned_below, p.name)
    yield of_edit("graph", f"credit of {p.name} not turned", label, signal=signal, below=below)


def _forwards(name: str, bench: Bench) -> Bench | None:
    graph = bench.network.graph
    assert graph is not None, name
    return _rewired(
        bench, populations=tuple(replace(p, backwards=False) if p.name == name else p for p in graph.populations)
    )


def _left(name: str, bench: Bench) -> Bench | None:
    """Run a population forwards on its inputs turned round: what leaves it is as if it were not turned back."""
    graph = bench.network.graph
    assert graph is not None, name
    turned = tuple((f"{source}_turned", size) for source, size in graph.inputs)
    alone = len(graph.into(name)) == 1
    links = (
        replace(c, source=f"{c.source}_turned", name=c.name if alone else c.label) if c.target == name else c
        for c in graph.connections
    )
    populations = tuple(replace(p, backwards=False) if p.name == name else p for p in graph.populations)
    other = replace(bench, inputs=np.concatenate([bench.inputs, bench.inputs[::-1]], axis=-1))
    return _rewired(other, inputs=(*graph.inputs, *turned), connections=tuple(links), populations=populations)


def _unturned(name: str, delta: Array, i: int, bench: Bench) -> Array:
    layer = bench.network.layers[i]
    return delta[::-1] if layer.backwards and _owns(layer, name) else delta


def _unturned_below(name: str, credit: Array, delta: Array, i: int, bench: Bench) -> Array:
    return _unturned(name, credit, i, bench)


def _owns(layer: Layer, name: str) -> bool:
    return layer.name == name or name in {m.name for m in getattr(layer.cell, "members", ())}


def _of_shared(p: Population, name: str, runs: int) -> Iterator[Hypothesis]:
    full = f"{p.name}.{name}"
    its = "its" if runs == 1 else "each channel's"
    ways = {
        f"{its} first unit alone": lambda g: g[:, 0],
        f"{its} last unit alone": lambda g: g[:, -1],
        f"the mean over {its} units": lambda g: g.sum(axis=-1) / g.shape[1],
    }
    for label, take in ways.items():
        compute = partial(_unit_by_unit, p.name, name, take)
        yield Hypothesis("graph", f"{full} of {label}", f"the gradient of {full} of {label}", compute)


def _rewired(bench: Bench, **changes: object) -> Bench | None:
    """Run the problem forward with another graph; None where it is none, or the problem's arrays do not fit it."""
    graph = bench.network.graph
    assert graph is not None, bench.network
    try:
        other = replace(graph, **changes)  # type: ignore[arg-type]
        return bench.again(network=replace(bench.network, layers=(), graph=other))
    except GradcertError:
        return None


def _at_lag(k: int, lag: int, bench: Bench) -> Bench | None:
    graph = bench.network.graph
    if graph is None:
        return None
    edge = graph.connections[k].edge if lag else None
    links = (replace(c, lag=lag, edge=edge) if i == k else c for i, c in enumerate(graph.connections))
    return _rewired(bench, connections=tuple(links))


def _other_order(bench: Bench) -> Bench | None:
    graph = bench.network.graph
    return None if graph is None else _rewired(bench, inputs=graph.inputs[::-1])


def _mine(names: frozenset[str], tape: LayerTape, local: str | None) -> bool:
    return local is not None and tape.layer.full_name(0, local) in names


def _fed(names: frozenset[str], later: int, graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    """Feed weights with what their source was a step before, or is a step after."""

    def feed(f: Feed) -> Feed:
        if not isinstance(f.origin, Link) or not _mine(names, tape, f.parameter):
            return f
        if later > 0:
            return replace(f, source=earlier(f.source))
        return replace(f, source=tape.now[f.origin.source]) if f.origin.lag else f

    return graph.feeds_as(feed)


def _cut(names: frozenset[str], graph: Graph, tape: LayerTape, _: Tape) -> Graph:
    return graph.arcs_as(lambda a: None if _mine(names, tape, a.origin.weight) else a)


def _without(names: frozenset[str], matrices: dict[str, Array], i: int, bench: Bench) -> dict[str, Array]:
    tape = bench.tape.layers[i]
    return {k: 0 * v if _mine(names, tape, k) else v for k, v in matrices.items()}


def _absent(names: frozenset[str], bench: Bench) -> Gradient | None:
    zero = {name: 0 * value if name in names else value for name, value in bench.parameters.items()}
    found = bench.again(parameters=zero).gradients()
    return {name: 0 * g if name in names else g for name, g in found.items()}


def _unit_by_unit(population: str, name: str, take: object, bench: Bench) -> Gradient | None:
    """Return the gradient with that of a shared parameter made in another way than by the sum over its units.

    `take` is given the gradients of all units, (runs, units of a run).
    """
    graph, full = bench.network.graph, f"{population}.{name}"
    if graph is None or full not in bench.parameters:
        return None
    own = graph.by_name[population]
    runs = runs_of(own.shared)
    apart = replace(own, shared=tuple(shared_name(other, n) for other, n in runs.items() if other != name))
    populations = tuple(apart if p is own else p for p in graph.populations)
    parameters = {**bench.parameters, full: by_unit(bench.parameters[full], own.units)}
    network = replace(bench.network, layers=(), graph=replace(graph, populations=populations))
    found = bench.again(network=network, parameters=parameters).gradients()
    return {**found, full: take(found[full].reshape(runs[name], -1))}  # type: ignore[operator]


def _turned(name: str, bench: Bench) -> Gradient | None:
    found = bench.gradients()
    return {**found, name: found[name][..., ::-1, ::-1]}


def _turned_forward(name: str, bench: Bench) -> Gradient | None:
    other = {**bench.parameters, name: np.ascontiguousarray(bench.parameters[name][..., ::-1, ::-1])}
    found = bench.again(parameters=other).gradients()
    return {**found, name: found[name][..., ::-1, ::-1]}
