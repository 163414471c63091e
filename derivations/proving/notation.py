"""Symbols for readers: names with indices that the terminal and MathML both show well, and a cell's step in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.proving.proof import named, problem
from gradcert.reference.engines import record
from gradcert.reference.networks import Cell, Layer, Link, Network, Use

#: name of a symbol -> (base, lower index, upper index)
PARTS: dict[str, tuple[str, str, str]] = {}

_UP = dict(zip("0123456789+-=()tskTn", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵗˢᵏᵀⁿ", strict=True))
_DOWN = dict(zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
GREEK = {
    "leak": "λ",
    "threshold": "θ",
    "beta": "β",
    "rho": "ρ",
    "kappa": "κ",
    "rate": "α",
    "reset_value": "v_r",
}


def sym(base: str, low: str = "", up: str = "") -> Any:
    """Return a symbol with a lower and an upper index.

    Examples
    --------
    >>> sym("v", "i", "t-1")
    vᵢᵗ⁻¹
    """
    name = base + _script(low, _DOWN, "_") + _script(up, _UP, "^")
    PARTS[name] = (base, low, up)
    return sympy.Symbol(name)


def node(name: str, up: str) -> Any:
    """Return the symbol of a node at a step; one that counts, as r1, has its number below.

    Examples
    --------
    >>> node("r1", "t"), node("v", "t-1")
    (r₁ᵗ, vᵗ⁻¹)
    """
    base = name.rstrip("0123456789")
    return sym(base, name[len(base) :], up)


def _script(text: str, table: dict[str, str], mark: str) -> str:
    return "".join(table[c] for c in text) if all(c in table for c in text) else mark + text


@dataclass(frozen=True)
class CodeStep:
    """One step of one unit of a cell, as its code computes it, in symbols for readers.

    Attributes
    ----------
    nodes : node -> what ``step`` computes for it, from earlier nodes and from the step before.
    factors : link or use -> what ``factors`` returns for it.
    """

    nodes: dict[str, Any]
    factors: dict[Link | Use, Any]


@cache
def code_step(cell: Cell) -> CodeStep:
    """Run a cell's own ``step`` and ``factors`` on one unit with one input.

    Examples
    --------
    >>> from gradcert.reference import Lif
    >>> code_step(Lif(reset="none", bias=False, train=("leak",))).nodes["v"]
    aᵗ + vᵗ⁻¹*λ
    """
    p = problem(Network(layers=(Layer(cell, inputs=1, units=1),)), steps=1)
    ledger = Ledger(opaque=False)
    record(named(p.network, ledger), p.parameters, p.inputs, numbers=SYMBOLS, initial=p.initial)
    nodes = {d.node: readable(ledger.resolved(d.expression)) for d in ledger.definitions.values()}
    factors = {key: readable(code) for (_, key), (_, code) in ledger.factors.items()}
    return CodeStep(nodes, factors)


def readable(expression: Any) -> Any:
    """Rename the symbols of a one-unit problem: ``v0^0[0,0]`` is v^t, ``v0^init[0,0]`` is v^(t-1)."""
    e = sympy.sympify(expression)
    return e.xreplace({s: _renamed(str(s)) for s in e.free_symbols})


def _renamed(name: str) -> Any:
    if match := re.fullmatch(r"\+(\w+?)0\^0\[0,0\]", name):
        return sym("I", match[1], "t")
    if match := re.fullmatch(r"(\w+?)0\^(init|0)\[0,0\]", name):
        return node(match[1], "t" if match[2] == "0" else "t-1")
    if match := re.fullmatch(r"(\w+?)0\[[0,]*\]", name):
        return sym(GREEK.get(match[1], match[1]))
    if re.fullmatch(r"x\[0,0,0\]", name):
        return sym("x", "", "t")
    return sympy.Symbol(name)


def matrix(values: Any) -> Any:
    """Return an object array as a SymPy matrix."""
    return sympy.Matrix(np.asarray(values, dtype=object).tolist())
