"""The one-step Jacobian of the bounds, which is float code, against the forward engine's: a proof by interpolation.

Every path of one step meets a local derivative or a weight at most once, so each entry of the Jacobian is a polynomial
of degree at most one in each of them. Such a polynomial is known once it is known where every variable is 0 or 1.
There float arithmetic is exact. The forward engine's operators, on symbols, are proved by the rows of the rule table.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.proving.cases import variants
from gradcert.derivations.proving.common import combined
from gradcert.derivations.proving.proof import Problem, Result, named, problem
from gradcert.reference import TEMPORAL, Layer, Network, rule_named
from gradcert.reference.bounds import LayerPieces
from gradcert.reference.engines import LayerTape, Learner, Step, across, basis
from gradcert.reference.numbers import Array


def two_steps(p: Problem, *, opaque: bool = True) -> tuple[Step, Step, Learner]:
    """Return two successive linearised steps of one layer and their learner; opaque: local derivatives are symbols."""
    learner = Learner(
        named(p.network, Ledger(opaque=opaque)),
        p.parameters,
        rule=rule_named("ostl"),
        steps=2,
        batch=1,
        numbers=SYMBOLS,
        initial=p.initial,
    )
    learner.step(p.inputs[0], p.targets[0])
    before = learner.before[0]
    learner.step(p.inputs[1], p.targets[1])
    return before, learner.before[0], learner


def _entries(before: Step, now: Step, units: int) -> Array:
    """Return the forward engine's Jacobian from the carried nodes at t - 1 to those at t, (size, size)."""
    carried = basis(now.layer.cell, TEMPORAL)[0]
    out = np.full((len(carried) * units, len(carried) * units), sympy.S.Zero, dtype=object)
    for j, source in enumerate(carried):
        for i, operator in enumerate(across(before, now, TEMPORAL, source).get(c) for c in carried):
            if operator is None:
                continue
            for row, column in np.ndindex(units, units):
                if operator.kind == "matrix":
                    value = operator.value[0, row, column]
                elif row == column:
                    value = operator.value[0, row] if operator.kind == "diagonal" else operator.value
                else:
                    continue
                out[i * units + row, j * units + column] = sympy.sympify(value)
    return out


def _numbers(values: Any, table: Mapping[Any, Array], units: int) -> Array:
    """Return a factor with its symbols replaced by columns of 0 and 1, (1, points, units)."""
    flat = np.broadcast_to(np.asarray(values, dtype=object), (1, units))
    columns = [_column(sympy.sympify(value), table) for value in flat[0]]
    return np.stack(columns, axis=-1)[None]


def _column(value: Any, table: Mapping[Any, Array]) -> Array:
    if value in table:
        return table[value]
    names = sorted(value.free_symbols, key=str)
    size = len(next(iter(table.values())))
    return np.broadcast_to(sympy.lambdify(names, value, "numpy", dummify=True)(*(table[s] for s in names)), (size,))


def jacobian_proof(cell: Any, *, units: int = 1) -> Result:
    """Compare both Jacobians of a layer wherever every local derivative and weight is 0 or 1.

    Examples
    --------
    >>> from gradcert.reference import Rnn
    >>> jacobian_proof(Rnn(), units=2).identities
    4
    """
    p = problem(Network(layers=(Layer(cell, inputs=1, units=units),)), steps=2)
    before, now, _ = two_steps(p)
    expected = _entries(before, now, units)
    lateral = [k.weight for k in cell.links if k.weight is not None and k.source != "x"]
    weights = [s for name in lateral for s in p.parameters[f"layers.0.{name}"].flat]
    free = sorted(set().union(*(e.free_symbols for e in expected.flat)) - set(weights), key=str)
    symbols_ = [s for step in (before, now) for f in step.factors.values() for s in np.asarray(f, dtype=object).flat]
    known = sorted(set().union(*(sympy.sympify(s).free_symbols for s in symbols_)), key=str)
    points = np.array(list(product((0.0, 1.0), repeat=len(free)))).reshape(-1, len(free))
    table = {s: points[:, i] for i, s in enumerate(free)}
    table |= {s: np.zeros(len(points)) for s in known if s not in table}
    failed: set[str] = set()
    compiled = sympy.lambdify([*free, *weights], [list(row) for row in expected], "numpy", dummify=True)
    for chosen in product((0.0, 1.0), repeat=len(weights)):
        at = dict(zip(weights, chosen, strict=True))
        matrices = {
            name: np.array([at[s] for s in p.parameters[f"layers.0.{name}"].flat]).reshape(units, units)
            for name in lateral
        }
        tape = LayerTape(
            now.layer,
            matrices,
            np.zeros((1, len(points), 1)),
            {},
            {},
            {k: _numbers(f, table, units) for k, f in now.factors.items()},
        )
        pieces = LayerPieces(tape, {k: _numbers(f, table, units) for k, f in before.factors.items()})
        found = np.broadcast_to(pieces.jacobian(TEMPORAL)[0, 0], (len(points), *expected.shape))
        rows = compiled(*points.T, *chosen)
        for i, j in np.ndindex(expected.shape):
            if not (found[:, i, j] == rows[i][j]).all():
                failed.add(f"{cell.name}: entry ({i + 1}, {j + 1}) of the Jacobian of the bounds")
    return Result(f"{cell.name}, {units} units", expected.size, tuple(sorted(failed)), 0.0)


def every_jacobian() -> Result:
    """Run all cells with one unit, and those with few local derivatives with two, where a transposed H shows."""
    results = [jacobian_proof(cell) for cell in variants().values()]
    two = ("rnn", "leaky_rnn", "snu", "ssnu", "lif")
    results += [jacobian_proof(cell, units=2) for cell in variants().values() if cell.name in two]
    return combined("the Jacobian of every cell", results)
