"""One layer at one step, linearised: the operators between its nodes, and the pull of credit within the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.engines.structure import ways
from gradcert.reference.engines.sweep import pull_link
from gradcert.reference.engines.tangent import ONE, Elementwise, Operator, Tangent, added, repeated, scaled, weighted
from gradcert.reference.engines.tape import weight_of
from gradcert.reference.networks import Edge, Layer, Link, Use
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Step:
    """A layer's values and local derivatives at one step; arrays are (batch, units), x is (batch, inputs)."""

    layer: Layer
    p: Mapping[str, Array]
    x: Array
    prev: Mapping[str, Array]
    now: Mapping[str, Array]
    factors: Mapping[Link | Use, Any]

    def source(self, link: Link) -> Array:
        """Return the values that a weighted link multiplies, (batch, features)."""
        return self.x if link.source == "x" else (self.prev if link.lag else self.now)[link.source]


def follow(step: Step, link: Link, operator: Operator) -> Operator:
    """Compose an operator with one link of a step."""
    if link.weight is not None:
        return weighted(operator, step.layer.synapse(link.weight), weight_of(step.p, link.weight), step.x)
    return scaled(operator, step.factors[link])


def within(step: Step, links: tuple[Link, ...], seeds: Mapping[str, Operator]) -> dict[str, Operator]:
    """Propagate operators from seed nodes along the links of lag 0; nodes that nothing reaches are absent."""
    reached: dict[str, Operator] = dict(seeds)
    for node in step.layer.cell.nodes:
        for link in links:
            if link.target == node and link.lag == 0 and link.source in reached:
                reached[node] = added(reached.get(node), follow(step, link, reached[link.source]))
    return reached


def across(before: Step, now: Step, kept: frozenset[Edge], start: str) -> dict[str, Operator]:
    """Return the operators from a node at t - 1 to every node at t, along one kept link of lag 1.

    A node first passes on, within t - 1, to the nodes derived from it; a derived one starts the explicit path of a
    parameter that acts on it directly.
    """
    way = ways(now.layer, kept)
    sources = within(before, way.inner, {start: ONE})
    seeds: dict[str, Operator] = {}
    for link in way.links:
        if link.lag and link.source in sources:
            seeds[link.target] = added(seeds.get(link.target), follow(now, link, sources[link.source]))
    return within(now, way.links, seeds)


def entering(now: Step, kept: frozenset[Edge], start: str) -> dict[str, Operator]:
    """Return the operators from an initial value of a node to every node at the first step, along kept links.

    Initial values are given one by one: that of a spike does not follow from that of its potential.
    """
    links = ways(now.layer, kept).links
    seeds: dict[str, Operator] = {}
    for link in links:
        if link.lag and link.source == start:
            seeds[link.target] = added(seeds.get(link.target), follow(now, link, ONE))
    return within(now, links, seeds)


def immediate(step: Step) -> list[tuple[str, str, Tangent]]:
    """Return (parameter, node, tangent) for every weighted link and trained per-unit parameter at this step."""
    out: list[tuple[str, str, Tangent]] = []
    for link in step.layer.links:
        if link.weight is not None and (synapse := step.layer.synapse(link.weight)).shape:
            out.append((link.weight, link.target, Tangent("outer", step.source(link), synapse)))
    batch = step.x.shape[0]
    for use in step.layer.uses:
        units = step.layer.size(use.target)
        factor, synapse_of_one = step.factors[use], Elementwise(units)
        if np.ndim(factor) == 0:
            column = np.ones((batch, 1), dtype=step.x.dtype) * factor
            out.append((use.parameter, use.target, Tangent("outer", column, synapse_of_one)))
        else:
            rows = repeated(factor, (batch, units))[:, :, None]
            out.append((use.parameter, use.target, Tangent("rows", rows, synapse_of_one)))
    return out


def absorb(step: Step, delta: Array, carried: tuple[str, ...]) -> dict[str, Array]:
    """Pull credit at the output back within the step; it stops at carried nodes, whose traces hold what lies before.

    Returns the credit at every node that is reached without passing through a carried one.
    """
    out: dict[str, Array] = {"z": delta}
    for node in reversed(step.layer.cell.nodes):
        for link in step.layer.links:
            if link.source == node and link.lag == 0 and link.target in out and link.target not in carried:
                g = pull_link(step, link, out[link.target], step.factors.get(link))
                out[node] = out[node] + g if node in out else g
    return out
