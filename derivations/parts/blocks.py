"""Matrices without entries: the code of the bounds runs on symbols that do not commute, and on the norms of such.

A block of the linear system of `reference/bounds` is one symbol A with A B != B A, standing for a matrix of any size;
the code multiplies and adds blocks and never looks inside. An identity of such expressions holds for every width. A
norm |A| is a non-negative symbol, and the triangle inequality and |A B| <= |A||B|, applied to every monomial, turn an
expression into its majorant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.proving.notation import PARTS, sym
from gradcert.reference.bounds import Port, Recursion, System
from gradcert.reference.networks import Edge
from gradcert.reference.numbers import Array

#: norm -> the expression that it is the norm of
INSIDE: dict[Any, Any] = {}


def block(base: str, low: str = "", t: int | None = None) -> Any:
    """Return a matrix of any size, with an index and a step (counted from 0, shown from 1).

    Examples
    --------
    >>> a, b = block("A", "1", 0), block("B")
    >>> a * b - b * a == 0, a
    (False, A₁⁽¹⁾)
    """
    return sympy.Symbol(str(sym(base, low, "" if t is None else f"({t + 1})")), commutative=False)


def step_of(matrix: Any) -> int:
    """Return the step of a block, from 0.

    Examples
    --------
    >>> step_of(block("A", "1", 2))
    2
    """
    return int(PARTS[str(matrix)][2].strip("()")) - 1


def norm(expression: Any) -> Any:
    """Return |expression|, a non-negative symbol of its own; |0| is 0.

    Examples
    --------
    >>> norm(block("A") * block("B"))
    |A B|
    """
    e = sympy.expand(expression)
    if e == 0:
        return sympy.S.Zero
    symbol = sympy.Symbol(f"|{str(e).replace('*', ' ')}|", nonnegative=True)
    INSIDE[symbol] = e
    return symbol


def majorant(expression: Any) -> Any:
    """Return the sum over monomials of the products of norms.

    Examples
    --------
    >>> a, b = block("A"), block("B")
    >>> majorant(a * b - 2 * b)
    |A|*|B| + 2*|B|
    """
    total = sympy.S.Zero
    for term in sympy.Add.make_args(sympy.expand(expression)):
        scalars, matrices = term.args_cnc()
        sizes = [norm(m.base) ** m.exp if m.is_Pow else norm(m) for m in matrices]
        total += sympy.Mul(*(abs(s) if s.is_number else s for s in scalars), *sizes)
    return total


def lifted(values: list[Any]) -> Array:
    """Return 1 x 1 blocks of S steps as the pairs that the code expects, (2, S, 1, 1, 1)."""
    out = np.empty((2, len(values), 1, 1, 1), dtype=object)
    for pair, t in np.ndindex(2, len(values)):
        out[pair, t, 0, 0, 0] = values[t]
    return out


def entry(pair: Array, t: int) -> Any:
    """Return what a pair says at a step."""
    return pair[0, t, 0, 0, 0]


class NormRecursion(Recursion):
    """The recursion of the bounds, its norm a symbol instead of a singular value."""

    def _norm(self, block: Array) -> Array:
        out = np.empty(block.shape[1], dtype=object)
        out[:] = [norm(value) for value in block[0, :, 0, 0]]
        return out


@dataclass(frozen=True)
class Abstract:
    """The pieces of a network of which nothing is known but its depth and its number of steps.

    At step t layer m has the kept and the dropped part of its Jacobian, Jk and Jd; its readout C; what the rule uses
    for its input weights, G into the state and G' past it, and how far the true ones are from that, D and D'. Its
    parameters act on the state by F and on the output by F', and by Ek and Ed through the output of the step before.

    Attributes
    ----------
    depth, steps : of the network.
    ages : the window, or 0.
    gap : whether the rule's weights on the way differ from the true ones.
    """

    depth: int
    steps: int
    ages: int = 0
    gap: bool = False

    def of(self, name: str, m: int, t: int) -> Any:
        """Return a block of layer m at step t."""
        return block(name, str(m), t)

    def _all(self, name: str, m: int) -> Array:
        return lifted([self.of(name, m, t) for t in range(self.steps)])

    def size(self, m: int) -> int:
        """Return 1: every layer has a state."""
        return 1

    def jacobians(self, m: int, kept: frozenset[Edge]) -> tuple[Array, Array, Array]:
        """Return Jk, Jd and their sum."""
        kept_part, dropped_part = self._all("Jk", m), self._all("Jd", m)
        return kept_part, dropped_part, kept_part + dropped_part

    def readout(self, m: int) -> Array:
        """Return C."""
        return self._all("C", m)

    def read(self, name: str, m: int, source: int, t: int) -> Any:
        """Return a block of layer m for what it reads from a source: by its own number alone from the layer below."""
        return block(name, str(m) if source == m - 1 else f"{m},{source}", t)

    def inputs(self, m: int, which: str, source: int) -> tuple[Array, Array | None]:
        """Return what carries the output of a source into the state, and past it."""
        names = ("G", "G'", "D", "D'")
        blocks = [lifted([self.read(name, m, source, t) for t in range(self.steps)]) for name in names]
        used, gap = (blocks[0], blocks[1]), (blocks[2], blocks[3])
        if which == "gap":
            return gap
        return (used[0] + gap[0], used[1] + gap[1]) if which == "true" and self.gap else used

    def broadcast(self, layer: int) -> tuple[Array, Array | None]:
        """Return what a direct feedback matrix puts in the place of everything above a layer."""
        return self._all(f"B{layer}to", self.depth - 1), self._all(f"B'{layer}to", self.depth - 1)

    def ports(self, m: int) -> tuple[Port, ...]:
        """Return one way to act now, and one through the output of the step before."""
        return (("v", "now"), ("z", "before"))

    def port(self, m: int, port: Port, kept: frozenset[Edge]) -> tuple[Array | None, Array | None, Array | None]:
        """Return F, F', Ek."""
        if port[1] == "now":
            return self._all("F", m), self._all("F'", m), None
        return None, None, self._all("Ek", m)

    def dropped_port(self, m: int, port: Port, kept: frozenset[Edge]) -> Array | None:
        """Return Ed."""
        return None if port[1] == "now" else self._all("Ed", m)

    def confine(self, m: int, state: Array) -> tuple[Array, Array] | None:
        """Return None: no reach."""
        return None


def push(port: Port, t: int) -> Any:
    """Return what is pushed into a port at a step: a small change of the parameter, times what it multiplies."""
    return block("u" if port[1] == "now" else "u'", "", t)


def run_system(system: System, steps: int) -> list[Any]:
    """Iterate X^t = A^t X^(t-1) + F^t u^t from zero; return e^t X^(t-1) + e'^t u^t of every step."""
    x: dict[Any, Any] = dict.fromkeys(system.components, sympy.S.Zero)
    out = []
    for t in range(steps):
        error = sum((entry(e, t) * x[c] for c, e in system.error.items()), sympy.S.Zero)
        error += sum((entry(e, t) * push(p, t) for p, e in system.error_drive.items()), sympy.S.Zero)
        out.append(sympy.expand(error))
        x = _moved(system, x, t)
    return out


def _moved(system: System, x: Mapping[Any, Any], t: int) -> dict[Any, Any]:
    new: dict[Any, Any] = dict.fromkeys(system.components, sympy.S.Zero)
    for (i, j), a in system.transition.items():
        new[i] += entry(a, t) * x[j]
    for port, drives in system.drive.items():
        for i, f in drives.items():
            new[i] += entry(f, t) * push(port, t)
    return {i: sympy.expand(value) for i, value in new.items()}
