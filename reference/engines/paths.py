"""Gradients as sums over paths, for the rows that restrict paths by more than their edges.

`windowed_gradients` sums paths by their length in steps (truncated BPTT); with a window of T or more it is BPTT, by an
order of summation that shares nothing with the sweep. `masked_gradients` restricts a path to the units that a
parameter can reach within n steps (SnAp-n), with one adjoint per row of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gradcert.reference.engines.structure import basis, fed_by, gate, kept_links, reached
from gradcert.reference.engines.sweep import (
    Credit,
    at,
    by_layer,
    credit_below,
    earlier,
    initial_gradients,
    layer_gradients,
    named,
    ordered,
    parameter_gradient,
    pull_link,
    spread,
    weights_down,
)
from gradcert.reference.engines.tape import LayerTape, Tape, cut, nothing
from gradcert.reference.networks import Edge, Link
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Feedback, Rule


def windowed_gradients(tape: Tape, delta: Credit, rule: Rule, feedback: Feedback) -> dict[str, Array]:
    """Return the sum over all paths that span at most ``rule.window`` steps, counting the first.

    A path follows the upper edges in the layers that it passes through and the own edges in the layer it ends in.
    """
    out: dict[str, Array] = {}
    for sums in truncated_sums(tape, delta, rule, feedback):
        out = sums
    return out


def truncated_sums(tape: Tape, delta: Credit, rule: Rule, feedback: Feedback) -> Iterator[dict[str, Array]]:
    """Yield the sums over paths of at most 1, 2, ... steps, up to the rule's window: every truncation in one pass.

    `delta` is the gradient at the last layer's output, or at several layers' by number.
    """
    out: dict[str, Array] = {}
    depth, steps = tape.network.depth, tape.outputs.shape[0]
    credit = by_layer(delta, depth)
    above = [rule.kept_above(layer.layer.cell.name) for layer in tape.layers]
    ending: list[dict[str, Array]] = [{} for _ in range(depth)]
    passing: list[dict[str, Array]] = [{} for _ in range(depth)]
    # in time, and back in it, a path may have the steps of a sequence in every layer
    most = steps * depth if any(layer.layer.backwards for layer in tape.layers) else steps
    for lag in range(min(rule.window or most, most)):
        arrived = {depth - 1: credit[depth - 1] if lag == 0 else 0 * credit[depth - 1]}
        for i in reversed(range(depth)):
            layer, down = tape.layers[i], arrived.pop(i)
            if lag == 0 and i in credit and i < depth - 1:
                down = down + credit[i]
            down = layer.layer.turned(down)
            adjoints = _same_step(layer, down, ending[i])
            # an initial value is what the step before the first one left: a step further away
            further = layer.asked and (rule.window is None or lag + 2 <= rule.window)
            starts = initial_gradients(layer, adjoints, rule.own) if further else {}
            for key, g in named(layer.layer, i, layer_gradients(layer, adjoints), starts).items():
                out[key] = out[key] + g if key in out else g
            ending[i] = _one_step_back(layer, adjoints, rule.own)
            if max(tape.network.sources(i)) >= 0:
                if above[i] != rule.own:
                    adjoints = _same_step(layer, down, passing[i])
                passing[i] = _one_step_back(layer, adjoints, above[i])
                below = credit_below(layer, adjoints, weights_down(layer.layer, i, layer.p, rule, feedback))
                spread(layer.layer.turned(below), tape.network, i, arrived)
        yield ordered(tape, out)


def _same_step(tape: LayerTape, delta: Array, arriving: dict[str, Array]) -> dict[str, Array]:
    """Propagate adjoints within each step, all steps at once."""
    out: dict[str, Array] = {}
    links = [k for k in tape.layer.cell.links if k.lag == 0 and k.source != "x"]
    for node in reversed(tape.layer.cell.nodes):
        total = delta if node == "z" else nothing(delta, tape.layer.size(node))
        if node in arriving:
            total = total + arriving[node]
        for link in links:
            if link.source == node:
                total = total + pull_link(tape, link, out[link.target], tape.factors.get(link))
        out[node] = total
    return out


def _one_step_back(tape: LayerTape, adjoints: dict[str, Array], kept: frozenset[Edge]) -> dict[str, Array]:
    """Pull the adjoints of step t + 1 back to the nodes of step t, all steps at once."""
    out: dict[str, Array] = {}
    for link in kept_links(tape.layer.cell, kept):
        if link.lag:
            g = pull_link(tape, link, adjoints[link.target], tape.factors.get(link))
            g = earlier(g, tape.begins)
            out[link.source] = out[link.source] + g if link.source in out else g
    return out


def masked_gradients(tape: LayerTape, delta: Array, rule: Rule) -> dict[str, Array]:
    """Return the SnAp-n gradient of a layer: one adjoint per row of the weights, confined to the units it may reach."""
    cell = tape.layer.cell
    links = kept_links(cell, rule.own)
    carried = basis(cell, rule.own)[0]
    out: dict[str, Array] = {}
    for name in tape.layer.shapes():
        masks = reached(tape.layer, rule.own, name, rule.reach or 1)
        gates = {node: gate(mask[:, None, :], delta) for node, mask in masks.items() if node in carried}
        adjoints = _confined(tape, delta, links, gates, rule.chunk, len(next(iter(masks.values()))))
        rows = {node: adjoints[node] for node in fed_by(cell, name)}
        diagonal = {k: np.stack([a[:, r, :, r] for r in range(a.shape[1])], axis=-1) for k, a in rows.items()}
        out[name] = parameter_gradient(tape, name, diagonal)
    return out


def _confined(
    tape: LayerTape, delta: Array, links: tuple[Link, ...], masks: Mapping[str, Array], chunk: int | None, rows: int
) -> dict[str, Array]:
    """Return the adjoints, (time, rows, batch, units), every node that has a mask being masked at every step."""
    steps, batch, _ = delta.shape
    size = tape.layer.size
    out = {node: np.empty((steps, rows, batch, size(node)), dtype=delta.dtype) for node in tape.layer.cell.nodes}
    after: dict[str, Array] = {}
    for t in reversed(range(steps)):
        here: dict[str, Array] = {}
        arrived: dict[str, Array] = {}  # what has met no carried node of the step yet
        passed: dict[str, Array] = {}  # what has been masked at one, and is not again: the next mask is a step away
        for node in reversed(tape.layer.cell.nodes):
            new, through = (np.zeros(out[node].shape[1:], dtype=delta.dtype) for _ in range(2))
            if node == "z":
                new = new + delta[t]
            for link in links:
                if link.source == node and not link.lag:
                    factor = at(tape.factors.get(link), t)
                    if link.target not in masks:
                        new = new + pull_link(tape, link, arrived[link.target], factor)
                    through = through + pull_link(tape, link, passed[link.target], factor)
                elif link.source == node and after:
                    new = new + pull_link(tape, link, after[link.target], at(tape.factors.get(link), t + 1))
            if node in masks:
                here[node] = passed[node] = through + new * masks[node]
            else:
                here[node], arrived[node], passed[node] = through + new, new, through
            out[node][t] = here[node]
        after = {} if chunk and t % chunk == 0 else here
        if tape.begins is not None:
            after = {node: cut(g, tape.begins[t]) for node, g in after.items()}
    return out
