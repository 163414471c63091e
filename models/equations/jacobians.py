"""Are the local Jacobians of a cell those of its step? By dual numbers, over a prime field: no rounding, no tolerance.

Every node's own dependence on each of its sources is differentiated twice, by the cell's `factors` and by running the
node's equation on dual numbers whose derivative sits on that source alone. In a prime field an activation and its
derivative are random functions, so two different formulas agree at a random point with probability below 1e-15.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.models.equations.cell import differentiate, values
from gradcert.models.equations.equations import PREVIOUS
from gradcert.models.equations.expression import evaluate, parse
from gradcert.models.equations.values import compare
from gradcert.properties.numbers import Duals, PrimeField
from gradcert.properties.numbers.dual import make, tangent
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Link, Use
from gradcert.reference.numbers import ACTIVATIONS, Surrogate, spike

POINTS = 3
ONE = (1, 1)


def check(cell: Any, *, factors: Any = None) -> tuple[str, ...]:
    """Check the local derivatives of a cell made by `define`, at random points of a prime field.

    Of a cell that was traced from a function, the function itself is run too, on balls: its values have to be those of
    the equations.

    Parameters
    ----------
    cell : the class that `define` returned.
    factors : instead of the cell's own, a function of the same arguments as `differentiate`.

    Returns
    -------
    The dependences that were checked, ``v <- z_prev``, sorted.

    Raises
    ------
    GradcertError : if one disagrees, or the function's values are others than the equations'.

    Examples
    --------
    >>> from gradcert.models.equations import define
    >>> Leaky = define(
    ...     "leaky", {"a": "W @ x + b", "z": "leak*z_prev + tanh(a)"}, edges={"z -> z": "state"},
    ...     constants={"leak": 0.9})
    >>> check(Leaky)
    ('z <- a', 'z <- leak', 'z <- z_prev')
    """
    if not isinstance(cell, type) or not hasattr(cell, "recipe"):
        what = f"an instance of the cell {cell.name}" if hasattr(cell, "recipe") else repr(cell)
        raise GradcertError(f"check of {what}", allowed="the class that define returned", do="check(define(...))")
    recipe, made = cell.recipe, cell()
    own = {"spike": spike(Surrogate("triangle"), strict=True)} if recipe.spikes else {}
    activations = {**ACTIVATIONS, **own}
    trained = (*recipe.parameters, *recipe.constants)
    checked: set[str] = set()
    for seed in range(POINTS):
        field, rng = Choosing(seed=seed), np.random.default_rng(seed)
        p = {name: field.draw(rng, (1,)) for name in trained}
        prev, now = ({node: field.draw(rng, ONE) for node in recipe.nodes} for _ in range(2))
        found = (factors or differentiate)(recipe, made.links, trained, field, p, prev, now, activations)
        for equation in recipe.equations:
            for name, key in _dependences(recipe, made.links, equation.node):
                other = _by_duals(equation.rest, name, values(p, prev, now), field, activations)
                mine = field.zeros(ONE) + (found[key] if key in found else 0)
                if (mine != other).any():
                    where = f"{equation.node} <- {name}"
                    raise GradcertError(f"the local derivative {where} is not that of the equation {equation.rest!r}")
                checked.add(f"{equation.node} <- {name}")
    if recipe.function is not None:
        compare(cell)
    return tuple(sorted(checked))


class Choosing(PrimeField):
    """A prime field in which a comparison is a random choice, the same one for the same difference.

    A field has no order; but a formula and its derivative make the same choices whatever decides them.
    """

    def where(self, a: Any, relation: str, b: Any, then: Any, otherwise: Any) -> Any:
        """Return a choice: what is not less is more."""
        a, b, yes, no = np.broadcast_arrays(*(self.array(v) for v in (a, b, then, otherwise)))
        more = [bool(int(self._random("choice", x - y)) & 1) for x, y in zip(a.flat, b.flat, strict=True)]
        chosen = [y if m == (relation in (">", ">=")) else z for m, y, z in zip(more, yes.flat, no.flat, strict=True)]
        out = np.empty(a.shape, dtype=object)
        out.reshape(-1)[:] = chosen
        return out

    def absolute(self, x: Any) -> Any:
        """Return x, or -x, by the same choice."""
        return self.where(x, "<", 0, -x, x)


def _dependences(recipe: Any, links: tuple[Link, ...], node: str) -> list[tuple[str, Link | Use]]:
    """Return every name in a node's elementwise part, also those whose derivative is said to be zero."""
    out: list[tuple[str, Link | Use]] = []
    rest = next(equation.rest for equation in recipe.equations if equation.node == node)
    for symbol in sorted(parse(rest).free_symbols, key=str):
        name = symbol.name
        source, lag = (name.removesuffix(PREVIOUS), 1) if name.endswith(PREVIOUS) else (name, 0)
        if source not in recipe.nodes:
            out.append((name, Use(node, name)))
            continue
        same = (k for k in links if (k.target, k.source, k.lag, k.weight) == (node, source, lag, None))
        out.append((name, next(same, Link(node, source, lag=lag))))
    return out


def _by_duals(rest: str, name: str, given: Mapping[str, Any], field: PrimeField, activations: Any) -> Any:
    duals = Duals(field)
    own = {k: make(v, field.array(np.full(v.shape, int(k == name)))) for k, v in given.items()}
    return tangent(evaluate(parse(rest), own, duals, activations), field.zeros((1,))[0]).reshape(ONE)
