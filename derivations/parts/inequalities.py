"""The inequalities that the bounds rest on, as identities: what is claimed not to be negative is written as such."""

from __future__ import annotations

import sympy

from gradcert.derivations.proving.notation import sym
from gradcert.derivations.proving.record import Equation


def lagrange() -> list[Equation]:
    """Return Lagrange's identity, and the triangle inequality from it."""
    a, b = ([sym(letter, str(i)) for i in (1, 2, 3)] for letter in "ab")
    squares = sum((a[i] * b[j] - a[j] * b[i]) ** 2 for i in range(3) for j in range(i + 1, 3))
    product = sum(x * x for x in a) * sum(x * x for x in b) - sum(x * y for x, y in zip(a, b, strict=True)) ** 2
    na, nb, dot = sympy.symbols("|a| |b| a·b")
    return [
        Equation(product, squares, "|a|²|b|² − (a·b)²"),
        Equation((na + nb) ** 2 - (na**2 + 2 * dot + nb**2), 2 * (na * nb - dot), "(|a|+|b|)² − |a+b|²"),
    ]


def product_norm() -> list[Equation]:
    """Return the gap between |A||B| and |AB| in the Frobenius norm."""
    a, b = (sympy.Matrix(2, 2, [sym(letter, low) for low in ("11", "12", "21", "22")]) for letter in "ab")
    gap = sum(x * x for x in a) * sum(x * x for x in b) - sum(x * x for x in a * b)
    squares = sum((a[i, 0] * b[1, j] - a[i, 1] * b[0, j]) ** 2 for i in range(2) for j in range(2))
    return [Equation(gap, squares, "|A|²|B|² − |AB|²")]


def online() -> list[Equation]:
    """Return one step of the online bound."""
    A, x, X, F = sympy.symbols("|A| x |X| |F|")
    return [Equation((A * x + F) - (A * X + F), A * (x - X), "xᵗ minus the bound of |Xᵗ|")]


def a_priori() -> list[Equation]:
    """Return the geometric series, step by step and in the limit."""
    A, F = sympy.symbols("A F", positive=True)
    power = sym("A", "", "t")
    closed, following = F * (1 - power) / (1 - A), F * (1 - A * power) / (1 - A)
    return [
        Equation(A * closed + F, following, "xᵗ⁺¹ from xᵗ = F(1 − Aᵗ)/(1 − A)"),
        Equation(F / (1 - A) - closed, F * power / (1 - A), "the limit minus xᵗ"),
    ]


def windowed() -> list[Equation]:
    """Return what a block of two steps gains."""
    a, b, x, f, g, r = sympy.symbols("|A⁽²⁾| |A⁽¹⁾| x |F⁽¹⁾| |F⁽²⁾| |A⁽²⁾A⁽¹⁾|")
    online = a * (b * x + f) + g
    block = r * x + a * f + g
    return [Equation(online - block, (a * b - r) * x, "two steps of the online bound minus one block of two")]


def descent() -> list[Equation]:
    """Return the inner product of estimate and gradient."""
    h, b = sympy.symbols("|h| b")
    gh = sympy.Symbol("(g−h)·h")
    return [Equation((gh + h**2) - h * (h - b), gh + b * h, "g·h − |h|(|h| − b), with g·h = (g−h)·h + |h|²")]
