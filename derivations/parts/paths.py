"""The gradient as an explicit list of paths through the unrolled graph: the third way, next to reverse and forward.

Nothing is factored here: every path is walked on its own, from the loss back to a parameter, and its local derivatives
are multiplied. That is exponential, and meant to be: it is the definition that both engines have to meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.derivative import Local, differentiate
from gradcert.derivations.algebra.ring import Ring
from gradcert.derivations.proving.proof import Problem, Result, loss_slopes, run
from gradcert.reference.networks import Edge
from gradcert.reference.rules import Rule


@dataclass(frozen=True)
class Path:
    """One path: the names that it passes, from the output to the node that the parameter feeds, and its product."""

    parameter: Any
    names: tuple[Any, ...]
    product: Any
    steps: int


def paths(p: Problem, rule: Rule) -> Iterator[Path]:
    """Walk every path whose edges the rule keeps: its own in the layer of the parameter, its upper ones above it.

    Examples
    --------
    >>> from gradcert.derivations.proving.proof import problem
    >>> from gradcert.reference import Layer, Network, Rnn, rule_named
    >>> p = problem(Network(layers=(Layer(Rnn(bias=False), inputs=1, units=1),)), steps=3)
    >>> count = lambda name: sum(str(path.parameter).startswith("W") for path in paths(p, rule_named(name)))
    >>> count("bptt"), count("sltt")
    (6, 3)
    """
    ledger, _ = run("reverse", p, rule)
    locals_, _ = differentiate(ledger, p.free)
    by_name = {item.symbol: item for item in locals_}
    for number in range(p.network.depth):
        kept = [rule.kept_above(above.cell.name) for above in p.network.layers]
        kept[number] = rule.own
        for z, slope in loss_slopes(p).items():
            yield from _back(by_name, z, (z,), (slope,), 0, (number, kept))


def _back(
    by_name: dict[Any, Local],
    name: Any,
    names: tuple[Any, ...],
    factors: tuple[Any, ...],
    steps: int,
    to: tuple[int, list[frozenset[Edge]]],
) -> Iterator[Path]:
    item, (number, kept) = by_name.get(name), to
    if item is None or item.layer < number:
        return
    for parameter, c in item.free if item.layer == number else ():
        yield Path(parameter, names, sympy.Mul(*factors, c), steps)
    for term in item.terms:
        if term.edge is None or term.edge in kept[item.layer]:
            source, longer = (*names, term.source), steps + (term.edge is not None)
            yield from _back(by_name, term.source, source, (*factors, term.coefficient), longer, to)


def prove_path_sum(p: Problem, rule: Rule, engine: str) -> Result:
    """Prove that an engine's gradient is the sum over the kept paths, one by one."""
    _, grads = run(engine, p, rule)
    walked = list(paths(p, rule))
    ring = Ring([*(path.product for path in walked), *(sympy.sympify(e) for g in grads.values() for e in g.flat)])
    total: dict[Any, Any] = {}
    for path in walked:
        total[path.parameter] = total.get(path.parameter, ring.zero) + ring(path.product)
    failed, count = [], 0
    for name, values in p.parameters.items():
        for index, symbol in np.ndenumerate(values):
            count += 1
            if not ring.vanishes(ring(grads[name][index]) - total.get(symbol, ring.zero)):
                failed.append(f"{name}{list(index)}")
    return Result(f"{engine} engine, {rule.name}, {len(walked)} paths", count, tuple(failed), 0.0)
