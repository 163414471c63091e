"""Are the values of a traced cell those of the function it was traced from? Both are run, on numbers with enclosures.

The function runs on NumPy arrays of balls, as it would on floats; the cell runs on the budget's number system. Two
enclosures of one number overlap; those of two numbers that differ at all do not, at a precision of 192 bits, unless
they agree to 1e-50, which no two formulas do at random points.

A decimal of the function, such as 0.3, is the float that Python makes of it, and the cell's equations read the same
digits as 3/10. So each is a name here, and its value that float: then the two are compared to the last digit.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from flint import arb

from gradcert.models.equations.cell import Recipe, run
from gradcert.properties.numbers import Balls, Precision, working_precision
from gradcert.reference.engines.tape import drive_at, drives
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Layer

POINTS, INPUTS, UNITS = 3, 2, 3


class Given:
    """``p.W`` and ``p["W"]`` of a mapping."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> Any:
        return self._values[name]


def compare(cell: Any) -> None:
    """Run function and cell at random points.

    Raises
    ------
    GradcertError : if a node has another value.
    """
    recipe, made = cell.recipe, cell()
    layer = Layer(made, inputs=INPUTS, units=UNITS)
    balls = Balls(Precision(2000))  # so many digits that the cell's own rounding is nothing
    with working_precision():
        for seed in range(POINTS):
            rng = np.random.default_rng(seed)
            p = {name: rng.standard_normal(shape) for name, shape in layer.shapes().items()}
            p |= {name: np.full(UNITS, float(v)) for name, v in recipe.constants.items() if name not in p}
            prev = {node: rng.standard_normal(UNITS) for node in recipe.nodes}
            x = rng.standard_normal(INPUTS)
            mine = _cell(layer, balls, p, prev, x)
            theirs = recipe.function(*_arguments(recipe, p, prev, x))
            for node, value in theirs.items():
                for unit in range(UNITS):
                    if not mine[node][unit].overlaps(value[unit]):
                        raise GradcertError(
                            f"the traced value of {node} is not the function's",
                            do="the function may depend on more than its arguments, or keep state",
                        )


def _balls(values: Any) -> Any:
    return np.frompyfunc(lambda v: arb(float(v)), 1, 1)(np.asarray(values))


def _arguments(recipe: Any, p: Mapping[str, Any], prev: Mapping[str, Any], x: Any) -> tuple[Any, ...]:
    spike = np.frompyfunc(lambda v: arb(1) if v >= 0 else arb(0), 1, 1)
    given = (
        Given({k: _balls(v) for k, v in prev.items()}),
        _balls(x),
        Given({k: _balls(v) for k, v in p.items()}),
        spike,
    )
    return given[: len(inspect.signature(recipe.function).parameters)]


def _cell(layer: Layer, balls: Balls, p: Mapping[str, Any], prev: Mapping[str, Any], x: Any) -> dict[str, list[Any]]:
    """Return the enclosure of every node of the cell."""
    cell: Any = layer.cell
    recipe, decimals = named_decimals(cell.recipe)
    exact = {name: balls.exactly(value) for name, value in p.items()}
    before = {name: balls.exactly(value).reshape(1, UNITS) for name, value in prev.items()}
    known, rest = drives(layer, exact, balls.exactly(x).reshape(1, 1, INPUTS))  # as the engine adds them up
    drive = drive_at(known, rest, 0)
    given = {k: v for k, v in exact.items() if v.ndim == 1}
    given |= {name: balls.exactly(np.full(UNITS, value)) for name, value in decimals.items()}
    found = run(recipe, balls, given, drive, before, cell.activations())
    return {node: [element.inflated() for element in value.ravel()] for node, value in found.items()}


def named_decimals(recipe: Recipe) -> tuple[Recipe, dict[str, float]]:
    """Return a recipe whose decimals are names, and their values.

    Examples
    --------
    >>> from gradcert.models.equations import define
    >>> own = define("own", {"z": "W @ x + 0.3*tanh(z_prev/3)"}, edges={"z -> z": "state"})
    >>> named, values = named_decimals(own.recipe)
    >>> named.equations[0].rest, values
    ('+ decimal_0 * tanh(z_prev / 3)', {'decimal_0': 0.3})
    """
    values: dict[str, float] = {}
    taken = {*recipe.nodes, *recipe.parameters, *recipe.constants}

    class Named(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.expr:
            if not isinstance(node.value, float):
                return node
            name = f"decimal_{len(values)}"
            while name in taken:
                name += "_"
            taken.add(name)
            values[name] = node.value
            return ast.Name(name)

    def one(rest: str) -> str:
        first, plus = (rest.removeprefix("+ "), "+ ") if rest.startswith("+ ") else (rest, "")
        return plus + ast.unparse(Named().visit(ast.parse(first, mode="eval")))

    equations = tuple(replace(equation, rest=one(equation.rest)) for equation in recipe.equations)
    return replace(recipe, equations=equations), values
