"""Every path of a tiny network, one by one, from the cells' links alone: an oracle for the split of the residual.

A path is walked from the loss back to a use of a parameter. Each step has the factor that the gradient has there and
the one that the rule has (they differ where feedback is random). The path's product is the gradient's; the rule's is
the product of its own factors, or 0 from the first dropped step on. The difference is booked, step by step, as
(rule's factors before) * (gradient's - rule's factor here) * (gradient's factors after).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.engines.structure import basis, reachable


@dataclass(frozen=True)
class Move:
    layer: int
    edge: str  # an edge's value, or "cross" for the step into the layer below
    time: int  # the later end
    units: tuple[int, int]  # (from, to), walking back
    nodes: tuple[str, str]
    factor: Any
    used: Any


def one(layer, value, t, b, unit):
    """Return one number of a factor, whatever its shape."""
    return np.broadcast_to(np.asarray(value, dtype=object), layer.now["z"].shape)[t, b, unit]


def moves(tape, down, m, node, unit, t, b):
    layer = tape.layers[m]
    for link in layer.layer.cell.links:
        if link.target != node or t - link.lag < 0:
            continue
        if link.source == "x":
            if m:
                for j in range(layer.layer.inputs):
                    weight, used = (
                        layer.p[link.weight][unit, j],
                        down[m].get(link.weight, layer.p[link.weight])[unit, j],
                    )
                    yield (m - 1, "z", j, t), Move(m, "cross", t, (unit, j), (node, "z"), weight, used)
        else:
            sources = range(layer.layer.units) if link.weight else (unit,)
            for j in sources:
                f = layer.p[link.weight][unit, j] if link.weight else one(layer, layer.factors[link], t, b, unit)
                move = Move(m, link.edge.value, t, (unit, j), (node, link.source), f, f)
                yield (m, link.source, j, t - link.lag), move


def immediate(tape, m, node, unit, t, b):
    layer = tape.layers[m]
    for link in layer.layer.cell.links:
        if link.target == node and link.weight is not None:
            for j, value in enumerate(layer.source(link)[t, b]):
                yield f"layers.{m}.{link.weight}", (unit, j), value
    for use in layer.layer.cell.uses:
        if use.target == node and use.parameter in layer.layer.cell.trained:
            yield f"layers.{m}.{use.parameter}", (unit,), one(layer, layer.factors[use], t, b, unit)


def paths(tape, delta, down):
    """Yield (moves from the loss back, parameter, index, product of loss gradient and immediate derivative)."""

    def walk(place, trail, product, b):
        m, node, unit, t = place
        for name, index, value in immediate(tape, m, node, unit, t, b):
            if value != 0:
                yield trail, name, index, value, product
        for further, move in moves(tape, down, m, node, unit, t, b):
            if move.factor != 0 or move.used != 0:
                yield from walk(further, (*trail, move), product, b)

    for t, b, unit in np.ndindex(delta.shape):
        if delta[t, b, unit] != 0:
            yield from walk((len(tape.layers) - 1, "z", unit, t), (), delta[t, b, unit], b)


def dropped_at(trail, layer, cells, rule, allowed):
    """Return the index of the move that drops a path, or None; `allowed`: the units that a rule with a reach keeps."""
    length, doomed = 0, None
    for k, move in enumerate(trail):
        own = move.layer == layer
        if rule.reach is not None and own and doomed is None:
            carried = basis(cells[move.layer], rule.own)[0]
            if move.nodes[0] in carried and not allowed[move.units[0]]:
                doomed = k
        if move.edge in ("space", "cross"):
            continue
        length += 1
        kept = rule.own if own else rule.kept_above(cells[move.layer].name)
        crossing = rule.chunk is not None and move.time % rule.chunk == 0
        if doomed is not None or move.edge not in kept or crossing or (rule.window and length >= rule.window):
            return k
    return None


def split(tape, delta, rule, down):
    """Return {(layer, kind): {parameter: array}} by the sum over all paths, one by one, and the number of paths."""
    cells = [layer.layer.cell for layer in tape.layers]
    out, count, masks = {}, 0, {}
    shapes = tape.network.shapes()
    for trail, name, index, value, start in paths(tape, delta, down):
        count += 1
        layer = int(name.split(".")[1])
        if (name, rule.reach) not in masks and rule.reach is not None:
            masks[name, rule.reach] = reachable(tape.layers[layer].layer, rule.own, name.split(".")[2], rule.reach)
        stop = dropped_at(trail, layer, cells, rule, masks[name, rule.reach][index[0]] if rule.reach else None)
        suffix = [value]
        for move in reversed(trail):
            suffix.append(suffix[-1] * move.factor)
        suffix.reverse()  # suffix[k] is the product of the gradient's factors from move k on
        prefix = start
        for k, move in enumerate(trail):
            label = (move.layer, move.edge if k == stop else "feedback")
            gap = move.factor - (0 if k == stop else move.used)
            if gap != 0:
                part = out.setdefault(label, {n: tape.numbers.zeros(s) for n, s in shapes.items()})[name]
                part[index] = part[index] + prefix * gap * suffix[k + 1]
            if k == stop:
                break
            prefix = prefix * move.used
    return out, count
