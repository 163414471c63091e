"""Every length for the reverse engine: one turn of its loop, from arbitrary adjoints one step later.

Going backwards, the hypothesis is about the step after: its adjoints are whatever they are. Here they are made
arbitrary without touching the code. The tape is made up of free symbols, one for every local derivative of every link,
step and unit, in the place of what the cell computes; every node reaches the output of its own step along a link of its
own, so that the adjoints of the last step take every value. From there the code takes one turn, and what it returns
must be the sum over the links that leave a node: those within the step, and those kept that cross it. A node that only
links over time leave (a current that drives the next step) has an arbitrary adjoint one step earlier, if it has one at
all: there the code takes two turns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ring import Ring
from gradcert.derivations.algebra.symbols import symbols
from gradcert.derivations.proving.cases import rules, variants
from gradcert.derivations.proving.common import combined
from gradcert.derivations.proving.proof import Result
from gradcert.reference.engines import LayerTape, sweep
from gradcert.reference.networks import Edge, Layer


def late(cell: Any) -> bool:
    """Return whether a node reaches the output of later steps alone."""
    within = {link.source for link in cell.links if not link.lag}
    return any(node not in within | {"z"} for node in cell.nodes)


def free_tape(cell: Any, *, units: int = 2) -> LayerTape:
    """Return a tape of two steps, or three, of which nothing is known but the cell's links."""
    steps = 3 if late(cell) else 2
    layer = Layer(cell, inputs=1, units=units)
    p = {name: symbols(name, shape) for name, shape in layer.shapes().items()}
    shape = (steps, 1, units)
    now = {node: symbols(node, shape) for node in cell.nodes}
    factors = {
        link: symbols(f"f{i}", shape) for i, link in enumerate(cell.links) if link.weight is None and link.source != "x"
    }
    return LayerTape(layer, p, symbols("x", (steps, 1, 1)), now, now, factors)


def _pulled(tape: LayerTape, link: Any, t: int, adjoint: Any) -> list[Any]:
    """Return what a link hands back to each unit of its source, written out."""
    units = tape.layer.units
    if link.weight is None:
        return [adjoint[i] * tape.factors[link][t, 0, i] for i in range(units)]
    weight = tape.p[link.weight]
    return [sum(weight[i, j] * adjoint[i] for i in range(units)) for j in range(units)]


def written(tape: LayerTape, delta: Any, kept: frozenset[Edge], chunk: int | None) -> dict[str, list[list[Any]]]:
    """Return node -> step -> adjoint of every unit: the last step first, then the one before."""
    cell, units, steps = tape.layer.cell, tape.layer.units, len(delta)
    out: dict[str, list[list[Any]]] = {node: [[sympy.S.Zero] * units] * steps for node in cell.nodes}
    for t in reversed(range(steps)):
        for node in reversed(cell.nodes):
            total = [delta[t, 0, i] if node == "z" else sympy.S.Zero for i in range(units)]
            for link in cell.links:
                inside = t + 1 < steps and (chunk is None or (t + 1) % chunk)
                crosses = link.lag and link.edge in kept and inside
                if link.source == node and (crosses or not link.lag):
                    s = t + link.lag
                    pulled = _pulled(tape, link, s, out[link.target][s])
                    total = [a + b for a, b in zip(total, pulled, strict=True)]
            out[node] = [total if s == t else before for s, before in enumerate(out[node])]
    return out


def one_turn(label: str, cell: Any) -> Result:
    """Compare the code with what is written out, for every set of kept edges that a row of the table has.

    Examples
    --------
    >>> from gradcert.reference import Rnn
    >>> one_turn("rnn", Rnn()).failed
    ()
    """
    tape = free_tape(cell)
    delta = symbols("δ", (len(tape.now["z"]), 1, tape.layer.units))
    failed, count = [], 0
    sets = {rule.own for rule in rules().values()} | {rule.upper for rule in rules().values()}
    for kept in sorted(sets, key=sorted):
        for chunk in (None, 1, 2):
            found = sweep(tape, delta, kept, chunk=chunk)
            expected = written(tape, delta, kept, chunk)
            ring = Ring([sympy.sympify(e) for v in expected.values() for step in v for e in step] + [*delta.flat])
            for node, values in found.items():
                for t, _, i in np.ndindex(values.shape):
                    count += 1
                    if not ring.vanishes(ring(sympy.sympify(values[t, 0, i])) - ring(expected[node][t][i])):
                        names = ", ".join(sorted(kept)) or "nothing"
                        failed.append(f"{label}: adjoint of {node}, {names} kept, chunks of {chunk}")
    return Result(label, count, tuple(sorted(set(failed))), 0.0)


def every_cell() -> Result:
    """Run all cells."""
    return combined("one turn of the sweep", [one_turn(label, cell) for label, cell in variants().items()])
