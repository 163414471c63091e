"""Credit backwards through one layer over a set of kept edges, and what it becomes: weight gradients, credit below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from gradcert.reference.engines.factors import Factors, Rows
from gradcert.reference.engines.structure import kept_links
from gradcert.reference.engines.tape import LayerTape, Tape, cut, left_by, nothing, weight_of
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import PREFIX, Circuit, Edge, Layer, Link, Network
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Feedback, Rule, feedback_name

T = TypeVar("T")
Adjoints = dict[str, Array]
Credit = Array | Mapping[int, Array]  # at the last layer's output, or at several layers' by number


class Weighted(Protocol):
    """A layer and its parameters: a `LayerTape`, or one linearised step."""

    @property
    def layer(self) -> Layer:
        """The layer."""
        ...

    @property
    def p(self) -> Mapping[str, Array]:
        """Its parameters by name."""
        ...


def pull_link(tape: Weighted, link: Link, adjoint: Array, factor: Any) -> Array:
    """Pull an adjoint of the link's target back to its source."""
    if link.weight is not None:
        return tape.layer.synapse(link.weight).pull_input(weight_of(tape.p, link.weight), adjoint)
    return adjoint if isinstance(factor, int) and factor == 1 else adjoint * factor


def at(factor: Any, t: int) -> Any:
    """Return a factor at one step; scalars and per-unit constants are the same at every step."""
    return factor[t] if np.ndim(factor) > 2 else factor


def sweep(tape: LayerTape, delta: Array, kept: frozenset[Edge], *, chunk: int | None = None) -> Adjoints:
    """Return dE/d(node) over the kept edges, for every step and every node that a parameter or the input feeds.

    Parameters
    ----------
    tape : the layer's forward pass.
    delta : credit that arrives at the layer's output from outside, (time, batch, units).
    kept : labels of the lag-1 links that are followed.
    chunk : cut every lag-1 link that crosses a multiple of this many steps.
    """
    links = kept_links(tape.layer.cell, kept)
    order = tuple(reversed(tape.layer.cell.nodes))
    if not any(link.lag for link in links):
        out: Adjoints = {}
        for node in order:
            terms = [pull_link(tape, k, out[k.target], tape.factors.get(k)) for k in links if k.source == node]
            out[node] = _total(terms, delta if node == "z" else None, delta, tape.layer.size(node))
        return out
    return _sweep_in_time(tape, delta, links, order, chunk)


def _sweep_in_time(
    tape: LayerTape, delta: Array, links: tuple[Link, ...], order: tuple[str, ...], chunk: int | None
) -> Adjoints:
    steps = len(delta)
    layer, sizes = tape.layer, tape.layer.sizes
    fed = {k.target for k in layer.links if k.weight} | {u.target for u in layer.uses}
    fed |= {k.target for k in links if k.lag and tape.asked}
    out = {node: np.empty((*delta.shape[:-1], n), dtype=delta.dtype) for node, n in sizes.items() if node in fed}
    plan = [
        (
            node,
            [(k, *_pull(tape, link)) for k, link in enumerate(links) if link.source == node and not link.lag],
            [(k, *_pull(tape, link)) for k, link in enumerate(links) if link.source == node and link.lag],
        )
        for node in order
    ]
    rows = Rows(tape.factors, links, steps)
    after: Adjoints = {}
    factors_after: tuple[Any, ...] = ()
    for t in reversed(range(steps)):
        crossing = t + 1 < steps and not (chunk and (t + 1) % chunk == 0)
        here: Adjoints = {}
        factors = rows.at(t)
        for node, same, later in plan:
            total = delta[t] if node == "z" else None
            for k, target, pull in same:
                term = here[target] * factors[k] if pull is None else pull(here[target])
                total = term if total is None else total + term
            if crossing:
                for k, target, pull in later:
                    term = after[target] * factors_after[k] if pull is None else pull(after[target])
                    total = term if total is None else total + term
            here[node] = nothing(delta[t], sizes[node]) if total is None else total
            if node in out:
                out[node][t] = here[node]
        after, factors_after = here, factors
        if tape.begins is not None and tape.begins[t].any():
            after = {node: cut(g, tape.begins[t]) for node, g in here.items()}
    return out


def _pull(tape: LayerTape, link: Link) -> tuple[str, Callable[[Array], Array] | None]:
    """Return a link's target, and what pulls an adjoint of the target back; None is the product with its factor."""
    if link.weight is not None:
        synapse, weight = tape.layer.synapse(link.weight), weight_of(tape.p, link.weight)
        return link.target, lambda g: synapse.pull_input(weight, g)
    factor = tape.factors.first[link] if isinstance(tape.factors, Factors) else tape.factors[link]
    if isinstance(factor, int) and factor == 1:
        return link.target, lambda g: g
    return link.target, None


def _total(terms: list[Array], start: Array | None, like: Array, units: int) -> Array:
    total = start
    for term in terms:
        total = term if total is None else total + term
    return nothing(like, units) if total is None else total


def layer_gradients(tape: LayerTape, adjoints: Mapping[str, Array]) -> dict[str, Array]:
    """Return the gradient of every parameter of a layer, from the adjoints of the nodes that it feeds."""
    out: dict[str, Array] = {}
    for link in tape.layer.links:
        if link.weight is not None and (synapse := tape.layer.synapse(link.weight)).shape:
            g = synapse.pull_weight(adjoints[link.target], tape.source(link))
            out[link.weight] = out[link.weight] + g if link.weight in out else g
    for use in tape.layer.uses:
        g = pull_use(adjoints[use.target], tape.factors[use])
        out[use.parameter] = out[use.parameter] + g if use.parameter in out else g
    return {k: tape.layer.collected(k, g, tape.p) for k, g in out.items()} if tape.layer.parametrised else out


def parameter_gradient(tape: LayerTape, name: str, adjoints: Mapping[str, Array]) -> Array:
    """Return the gradient of one parameter of a layer, from the adjoints of the nodes that it feeds."""
    links = [link for link in tape.layer.cell.links if link.weight == name]
    terms = [tape.layer.synapse(name).pull_weight(adjoints[link.target], tape.source(link)) for link in links]
    terms += [
        pull_use(adjoints[use.target], tape.factors[use]) for use in tape.layer.cell.uses if use.parameter == name
    ]
    return tape.layer.collected(name, sum(terms[1:], start=terms[0]), tape.p)


def initial_gradients(tape: LayerTape, adjoints: Mapping[str, Array], kept: frozenset[Edge]) -> dict[str, Array]:
    """Return the gradient of every initial value of a layer that is asked for, over the kept edges, by its node.

    An initial value acts on the first step of every sequence, through the links that cross into it.
    """
    out: dict[str, Array] = {}
    for node, shape in tape.asked.items():
        total = nothing(adjoints["z" if "z" in adjoints else next(iter(adjoints))][0], tape.layer.size(node))
        for link in kept_links(tape.layer.cell, kept):
            if link.lag and link.source == left_by(tape.layer, node):
                total = total + arrived(tape, pull_link(tape, link, adjoints[link.target], tape.factors.get(link)))
        out[node] = total if len(shape) == 2 else total.sum(axis=0)
    return out


def by_layer(credit: Credit, depth: int) -> Mapping[int, Array]:
    """Return credit by the number of the layer at whose output it arrives."""
    return credit if isinstance(credit, Mapping) else {depth - 1: credit}


def named(layer: Layer, index: int, gradients: Mapping[str, T], starts: Mapping[str, T]) -> dict[str, T]:
    """Return what belongs to a layer's parameters and to its initial values by their full names."""
    own = {layer.full_name(index, k): g for k, g in gradients.items()}
    return {**own, **{PREFIX + layer.full_name(index, k): g for k, g in starts.items()}}


def spread(credit: Array, network: Network, index: int, into: dict[int, Array]) -> None:
    """Add the credit at a layer's input, (..., inputs), to that of the layers whose outputs the input is."""
    start = 0
    for source in network.sources(index):
        units = network.width(source)
        if source >= 0:
            part = credit if units == credit.shape[-1] else credit[..., start : start + units]
            into[source] = into[source] + part if source in into else part
        start += units


def ordered(tape: Tape, gradients: Mapping[str, Array]) -> dict[str, Array]:
    """Return gradients in the order of the parameters, followed by those of the initial values that are asked for."""
    out = {name: gradients[name] for name in tape.network.shapes()}
    for i, layer in enumerate(tape.layers):
        zeros = {k: tape.numbers.zeros(shape) for k, shape in layer.asked.items()}
        for name, zero in named(layer.layer, i, {}, zeros).items():
            out[name] = gradients.get(name, zero)
    return out


def arrived(tape: LayerTape, pulled: Array) -> Array:
    """Return what arrives at the states before the first steps, (batch, units), of (time, batch, units)."""
    if tape.begins is None:
        return np.asarray(pulled[0])
    later = np.where(tape.begins[1:, :, None], pulled[1:], 0 * pulled[1:])
    return np.asarray(pulled[0] + later.sum(axis=0))


def pull_use(adjoint: Array, factor: Any) -> Array:
    """Pull an adjoint (..., units) back to a per-unit parameter."""
    product = adjoint if isinstance(factor, int) and factor == 1 else adjoint * factor
    return product.reshape(-1, adjoint.shape[-1]).sum(axis=0)


def credit_below(tape: LayerTape, adjoints: Mapping[str, Array], weights: Mapping[str, Array]) -> Array:
    """Return the credit at the layer's input, (time, batch, inputs); `weights` are the ones used on the way down."""
    total = None
    for link in tape.layer.links:
        if link.source == "x" and link.weight is not None:
            g = tape.layer.synapse(link.weight).pull_input(weight_of(weights, link.weight), adjoints[link.target])
            if link.lag:
                g = earlier(g, tape.begins)
            total = g if total is None else total + g
    if total is None:
        raise GradcertError(f"the cell {tape.layer.cell.name!r} has no input link", allowed="a link from x")
    return total


def earlier(g: Array, begins: Array | None = None) -> Array:
    """Return at each step what the step after has, (time, ..., batch, n); nothing of what the start of one cuts."""
    if begins is not None:
        g = cut(g, begins if g.ndim == 3 else begins.reshape(len(g), *(1,) * (g.ndim - 3), -1))
    return np.concatenate([g[1:], 0 * g[:1]])


def weights_down(layer: Layer, index: int, p: Mapping[str, Array], rule: Rule, feedback: Feedback) -> dict[str, Array]:
    """Return the matrices that carry credit down through a layer's input links."""
    names = [link.weight for link in layer.cell.links if link.source == "x" and link.weight is not None]
    if rule.feedback == "random" and index > 0:
        replaced = {name: feedback_name(layer, index, name) for name in names}
        return {name: feedback[b] if b in feedback else weight_of(p, name) for name, b in replaced.items()}
    return {name: weight_of(p, name) for name in names}


def error_node(layer: Layer) -> str:
    """Return the one node of the last layer whose adjoint is broadcast by direct feedback: the output's drive."""
    cell = layer.cell
    if isinstance(cell, Circuit):
        targets = {cell.output.full(link.target) for link in cell.output.cell.links if link.source == "x"}
    else:
        targets = {link.target for link in cell.links if link.source == "x"}
    if len(targets) != 1:
        raise GradcertError(
            f"direct feedback from a last layer of {layer.cell.name!r} cells",
            allowed="a last layer with one weighted input",
            do="add a readout layer",
        )
    return targets.pop()
