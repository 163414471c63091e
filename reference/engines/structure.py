"""What an eligibility trace has to carry: the nodes that a rule's kept edges start from, and which units they reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcert.reference.networks import Cell, Edge, Layer, Link
from gradcert.reference.numbers import Array


def kept_links(cell: Cell, kept: frozenset[Edge]) -> tuple[Link, ...]:
    """Return the links inside the layer that survive a cut: all of lag 0, and those of lag 1 with a kept label."""
    return tuple(k for k in cell.links if k.source != "x" and (k.lag == 0 or k.edge in kept))


def basis(cell: Cell, kept: frozenset[Edge]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split the nodes that kept lag-1 links start from into carried and derived ones.

    A derived node is an elementwise function, within its step, of carried nodes and of per-unit parameters (the spike
    of a membrane potential): its sensitivity follows from theirs and from the explicit path of those parameters
    (mathematics.md 0.3, collapsed form), so that no trace of its own is needed. The output is carried too where credit
    that arrives there would pass a link from the step before.

    Examples
    --------
    >>> from gradcert.reference.networks import Snu
    >>> from gradcert.reference.networks import TEMPORAL
    >>> basis(Snu(), TEMPORAL), basis(Snu(), frozenset({Edge.STATE})), basis(Snu(), frozenset())
    ((('v',), ('z',)), (('v',), ()), ((), ()))
    """
    links = kept_links(cell, kept)
    sources = {link.source for link in links if link.lag}
    carried: list[str] = []
    derived: list[str] = []
    for node in cell.nodes:
        if node not in sources:
            continue
        into = [link for link in cell.links if link.target == node]
        local = all(k.lag == 0 and k.weight is None and k.source in (*carried, *derived) for k in into)
        (derived if into and local else carried).append(node)
    if "z" not in sources and _credit_meets_the_past(cell, links, carried):
        carried.append("z")
    return tuple(carried), tuple(derived)


@dataclass(frozen=True)
class Ways:
    """The links of a layer that a rule keeps, and what its traces carry; `inner` lead from carried nodes to derived."""

    links: tuple[Link, ...]
    carried: tuple[str, ...]
    derived: tuple[str, ...]
    inner: tuple[Link, ...]


def ways(layer: Layer, kept: frozenset[Edge]) -> Ways:
    """Return which links of a layer a rule keeps, and what its traces carry: worked out once, asked at every step.

    Examples
    --------
    >>> from gradcert.reference.networks import TEMPORAL, Snu
    >>> layer = Layer(Snu(), inputs=1, units=1)
    >>> [link.target for link in ways(layer, TEMPORAL).inner]
    ['z']
    """
    if kept not in layer.ways:
        links = kept_links(layer.cell, kept)
        carried, derived = basis(layer.cell, kept)
        inner = tuple(k for k in links if k.lag == 0 and k.target in derived)
        layer.ways[kept] = Ways(links, carried, derived, inner)
    found: Ways = layer.ways[kept]
    return found


def _credit_meets_the_past(cell: Cell, links: tuple[Link, ...], carried: list[str]) -> bool:
    """Return whether credit at the output, on its way to carried nodes, meets a node that the step before acts on."""
    met = {"z"}
    for node in reversed(cell.nodes):
        if node in met and node not in carried:
            into = [link for link in links if link.target == node]
            if any(link.lag for link in into):
                return True
            met |= {link.source for link in into}
    return False


def pattern(layer: Layer, weight: str) -> Array:
    """Return which inputs of a synapse reach which units, boolean (units, inputs)."""
    synapse = layer.synapse(weight)
    ones = np.ones(synapse.shape, dtype=int)
    return synapse.apply(ones, np.eye(synapse.inputs, dtype=int)).T != 0


def fed_by(cell: Cell, parameter: str) -> tuple[str, ...]:
    """Return the nodes that a parameter acts on."""
    fed = {k.target for k in cell.links if k.weight == parameter}
    fed |= {u.target for u in cell.uses if u.parameter == parameter}
    return tuple(node for node in cell.nodes if node in fed)


def reachable(layer: Layer, kept: frozenset[Edge], parameter: str, within: int) -> Array:
    """Return which units each row of a parameter reaches within n steps, in a plain layer: boolean (rows, units)."""
    return next(iter(reached(layer, kept, parameter, within).values()))


def reached(layer: Layer, kept: frozenset[Edge], parameter: str, within: int) -> dict[str, Array]:
    """Return which units of every carried node each row of a parameter reaches within n steps: boolean (rows, units).

    Step 1 is the pattern of the immediate derivative (mathematics.md 3: mask_1), in which the explicit path
    of a threshold through the previous output counts; each further step adds what the kept edges connect. The pattern
    is that of the structure, never of the values. A row is one unit's copy of its weights: where copies are shared
    (a convolution), a weight reaches what any of its copies reaches; at a padded border every tap counts as read. What
    reaches one carried node of a unit reaches all of them; a register is a unit of its own. Where no node is carried,
    the masks are those of the nodes that the parameter feeds.
    """
    cell = layer.cell
    fed = fed_by(cell, parameter)
    eye = np.eye(layer.size(fed[0]), dtype=bool)
    carried, derived = basis(cell, kept)
    links = kept_links(cell, kept)
    groups = getattr(cell, "groups", {})
    kept_nodes = carried or fed

    def spread(seeds: dict[str, Array], along: tuple[Link, ...]) -> dict[str, Array]:
        found = {name: seeds.get(name, np.zeros((layer.size(name), len(eye)), dtype=bool)) for name in cell.nodes}
        for name in cell.nodes:
            for link in along:
                if link.target == name and link.lag == 0:
                    found[name] = found[name] | _through(layer, link, found[link.source])
        return found

    def cross(before: dict[str, Array]) -> dict[str, Array]:
        seeds: dict[str, Array] = {}
        for link in links:
            if link.lag:
                through = _through(layer, link, before[link.source])
                seeds[link.target] = seeds.get(link.target, 0 * through) | through
        return units(spread(seeds, links))

    def units(found: dict[str, Array]) -> dict[str, Array]:
        if not carried:
            return {node: eye for node in fed}
        of = {c: [found[o] for o in carried if groups.get(o) == groups.get(c)] for c in carried}
        return {c: np.logical_or.reduce(same) for c, same in of.items()}

    def either(a: dict[str, Array], b: dict[str, Array]) -> dict[str, Array]:
        return {node: a[node] | b[node] for node in kept_nodes}

    inner = tuple(k for k in links if k.target in derived)
    now = units(spread(dict.fromkeys(fed, eye), links))
    now = either(now, cross(spread({node: eye for node in fed if node in derived}, inner)))
    for _ in range(within - 1):
        now = either(now, cross(spread({c: now[c] for c in carried}, inner)))
    rows = copies(layer, parameter, len(eye))
    return {node: rows @ mask.T for node, mask in now.items()}


def copies(layer: Layer, parameter: str, count: int) -> Array:
    """Return which rows of a parameter are copies of the same weights, boolean (rows, rows)."""
    eye = np.eye(count, dtype=bool)
    if parameter in layer.runs:
        run = np.arange(count) // (count // layer.runs[parameter])
        return np.asarray(run[:, None] == run)
    synapse = layer.synapse(parameter) if any(k.weight == parameter for k in layer.cell.links) else None
    if synapse is None or not synapse.shape or synapse.units * synapse.columns == np.prod(synapse.shape):
        return eye
    rows = np.broadcast_to(eye[:, :, None], (*eye.shape, synapse.columns)).astype(int)
    owned = np.stack([synapse.fold(row).ravel() for row in rows])
    return np.asarray(owned @ owned.T > 0)


def gate(mask: Array, like: Array) -> Array:
    """Return a boolean mask as numbers that do not widen the dtype of `like`."""
    return mask.astype(int if like.dtype == object else like.dtype)


def _through(layer: Layer, link: Link, reached: Array) -> Array:
    return reached if link.weight is None else (pattern(layer, link.weight).astype(int) @ reached.astype(int)) > 0
