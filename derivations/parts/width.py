"""Every width at once: a layer of n units, n a symbol, with indexed sums and Kronecker deltas.

A cell's code is elementwise: its ``step`` and ``factors``, run on one unit, are run on unit i. What is summed over
units are the drives alone. So one step of the layer is written with unit i's code and the sum over j of H_ij z_j; it is
differentiated in the direction of one weight; and the result is compared with the sum over the edges that the engine
forms from the local derivatives that the same code returns.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy.concrete.delta import deltasummation

from gradcert.derivations.proving.notation import code_step, sym
from gradcert.derivations.proving.record import Equation
from gradcert.reference.networks import Link

N, I_, J, P, Q = sympy.symbols("n i j p q", integer=True, positive=True)
_S = sympy.Symbol("s")


def _indexed(name: str, *at: Any) -> Any:
    return sympy.IndexedBase(name)[at]


def _delta(a: Any, b: Any) -> Any:
    return sympy.KroneckerDelta(a, b)


def _places(expression: Any, unit: Any, *, previous: bool = False) -> Any:
    """Give a one-unit expression of `code_step` the index of a unit; with `previous`, t becomes t - 1."""
    table = {}
    for s in expression.free_symbols:
        name = str(s)
        if previous and name.endswith("ᵗ"):
            name = name.removesuffix("ᵗ") + "ᵗ⁻¹"
        table[s] = _indexed(name, unit)
    return expression.xreplace(table)


def _summed(term: Any) -> Any:
    """Sum over j; Kronecker deltas of j are resolved, the rest stays a sum."""
    total = sympy.S.Zero
    for part in sympy.Add.make_args(sympy.expand(term)):
        if part.has(sympy.KroneckerDelta) and part.has(_delta(J, Q)):
            total += deltasummation(part, (J, 1, N), no_piecewise=True)
        else:
            total += sympy.Sum(part, (J, 1, N)) if part != 0 else 0
    return total


def step_for_every_width(cell: Any, weight: str) -> Equation:
    """Return d(state_i^t)/d(weight_pq) two ways: the derivative of the step, and the engine's sum over edges.

    Parameters
    ----------
    cell : a cell with the one drive a, carried state v (or z itself) and output z.
    weight : ``W`` or ``H``.

    Examples
    --------
    >>> from gradcert.derivations.algebra.ring import is_zero
    >>> from gradcert.reference import Rnn
    >>> e = step_for_every_width(Rnn(bias=False), "H")
    >>> is_zero(e.left - e.right)
    True
    """
    code = code_step(cell)
    carried = "v" if "v" in cell.nodes else "z"
    eps = {unit: _indexed("ε", unit, P, Q) for unit in (I_, J)}
    # what the output of the step before has as derivative: of the state, through the factor that the code returns
    slope = {u: _places(code.factors[Link("z", "v")], u, previous=True) if carried == "v" else 1 for u in (I_, J)}
    out = {unit: slope[unit] * eps[unit] for unit in (I_, J)}
    before, inputs = _indexed("zᵗ⁻¹", J), _indexed("xᵗ", J)

    # the derivative of one step of the code, in the direction of one weight
    move = _delta(I_, P) * _delta(J, Q) * _S
    h, w = _indexed("H", I_, J), _indexed("W", I_, J)
    moved_h, moved_w = (h + move, w) if weight == "H" else (h, w + move)
    drive = moved_w * inputs + (moved_h * (before + _S * out[J]) if _lateral(cell) else 0)
    d_drive = _summed(sympy.diff(drive, _S).subs(_S, 0))
    i_drive = sympy.Symbol("I_moving")
    state = _places(_composed(code.nodes, carried), I_)
    arguments = {
        _indexed("Iₐᵗ", I_): i_drive,
        _indexed("vᵗ⁻¹", I_): _indexed("vᵗ⁻¹", I_) + (_S * eps[I_] if carried == "v" else 0),
        _indexed("zᵗ⁻¹", I_): _indexed("zᵗ⁻¹", I_) + _S * out[I_],
    }
    moving = state.xreplace(arguments)
    whole = _indexed("Iₐᵗ", I_)  # the drive's value; its derivative is d_drive
    left = (sympy.diff(moving, i_drive) * d_drive + sympy.diff(moving, _S)).subs(_S, 0).subs(i_drive, whole)

    # what the engine sums: one term per edge, with the local derivatives that the code returns
    drive_at = {_indexed("Iₐᵗ", I_): whole}
    factor = {k: _places(_within(code.nodes, f), I_).xreplace(drive_at) for k, f in code.factors.items()}
    immediate = _delta(I_, P) * _indexed("zᵗ⁻¹" if weight == "H" else "xᵗ", Q)
    right = immediate + (_summed(h * out[J]) if _lateral(cell) else 0)
    right = _along(cell, factor, carried, right, eps[I_], out[I_])
    name = f"d{sym(carried, 'i')}/d{weight}_pq"
    return Equation(sympy.expand(left), sympy.expand(right), name)


def _lateral(cell: Any) -> bool:
    return any(k.weight is not None and k.source != "x" for k in cell.links)


def _composed(nodes: dict[str, Any], target: str) -> Any:
    """Return a node in terms of the drive and the step before."""
    return _within(nodes, nodes[target])


def _within(nodes: dict[str, Any], expression: Any) -> Any:
    """Replace nodes of the same step by what the code computes for them, until only the drive is left."""
    for node in reversed([k for k in nodes if not k.startswith("+")]):
        drive = sympy.Symbol("Iₐᵗ")
        value = nodes[node] if node != "a" else nodes["a"].xreplace({_drive_of(nodes): drive})
        expression = expression.xreplace({sympy.Symbol(f"{node}ᵗ"): value})
    return expression.xreplace({_drive_of(nodes): sympy.Symbol("Iₐᵗ")})


def _drive_of(nodes: dict[str, Any]) -> Any:
    found = [s for s in nodes["a"].free_symbols if str(s).startswith("I")]
    return found[0]


def _along(cell: Any, factor: dict[Any, Any], carried: str, drive: Any, state: Any, output: Any) -> Any:
    """Sum over the unweighted edges, within and into the step, up to the carried node."""
    reached: dict[str, Any] = {}
    for node in cell.nodes:
        total = drive if node == "a" else sympy.S.Zero
        for link in cell.links:
            if link.target != node or link.weight is not None:
                continue
            if link.lag:
                total += factor[link] * (state if link.source == "v" else output)
            else:
                total += factor[link] * reached[link.source]
        reached[node] = total
    return reached[carried]
