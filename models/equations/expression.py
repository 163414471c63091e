"""Elementwise expressions: SymPy differentiates them, and the number system of the engine evaluates them."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Mapping
from functools import cache
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install
from gradcert.reference.numbers import Activation, Numbers, grammar
from gradcert.reference.numbers.grammar import FUNCTIONS


@cache
def sympy() -> Any:
    """Return SymPy, or say in one sentence that it is missing."""
    try:
        import sympy
    except ModuleNotFoundError:
        absent = f"SymPy is not installed, and cells of one's own need it; to fix it: {install('derivations')}"
        raise ModuleNotFoundError(absent, name="sympy") from None
    return sympy


def weighted(weight: str, source: str) -> Any:
    """Return a weighted sum as a SymPy symbol, to be added to in an equation.

    Examples
    --------
    >>> sp = sympy()
    >>> str(weighted("W", "x") + sp.Symbol("b"))
    'W @ x + b'
    """
    return sympy().Symbol(f"{weight} @ {source}")


def available() -> bool:
    """Return whether SymPy is installed."""
    return importlib.util.find_spec("sympy") is not None


@cache
def parse(text: str) -> Any:
    """Return the SymPy expression of a text; decimals are exact fractions, and functions stay undefined.

    The text is taken apart by `grammar` and put together from SymPy's constructors: none of it is evaluated.

    Raises
    ------
    GradcertError : for what is no equation, a weighted sum included.

    Examples
    --------
    >>> parse("leak*v_prev*(1 - z_prev)").free_symbols == set(sympy().symbols("leak v_prev z_prev"))
    True
    """
    found = _built(grammar.tree(text))
    sp = sympy()
    if found.has(sp.zoo, sp.nan, sp.oo):
        raise GradcertError(f"a division by zero in {text!r}", allowed="expressions that have a value")
    if any(max(abs(number.p), number.q) > grammar.WIDE for number in found.atoms(sp.Rational)):
        raise GradcertError(
            f"a number in {text!r} that is too large or too small", allowed="fractions of at most 36 digits"
        )
    return found


def _built(node: ast.expr) -> Any:
    """Return SymPy's form of a syntax tree of known kinds."""
    sp = sympy()
    if isinstance(node, ast.Constant):
        value = grammar.number(node)
        return sp.Rational(value.numerator, value.denominator)
    if isinstance(node, ast.Name):
        return sp.Symbol(node.id)
    if isinstance(node, ast.UnaryOp):
        return -_built(node.operand) if isinstance(node.op, ast.USub) else _built(node.operand)
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        return sp.Function(node.func.id)(_built(node.args[0]))
    assert isinstance(node, ast.BinOp)
    left = _built(node.left)
    if isinstance(node.op, ast.Pow):
        return left ** grammar.exponent(node.right)
    right = _built(node.right)
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    if isinstance(node.op, ast.Div):
        return left / right
    raise GradcertError(f"a weighted sum in {ast.unparse(node)!r}", do="give it a node of its own")


@cache
def derivative(text: str, name: str) -> Any:
    """Return the derivative with respect to a symbol, or None where it is identically zero."""
    found = parse(text).diff(sympy().Symbol(name))
    return None if found == 0 else found


def symbols(text: str) -> tuple[str, ...]:
    """Return the names that an expression depends on, sorted."""
    return tuple(sorted(symbol.name for symbol in parse(text).free_symbols))


def evaluate(expression: Any, values: Mapping[str, Any], n: Numbers, activations: Mapping[str, Activation]) -> Any:
    """Return the value in a number system.

    Parameters
    ----------
    expression : as `parse` and `derivative` return it: sums, products, whole powers and the known functions.
    values : by name.
    activations : what ``tanh``, ``spike``... are; ``exp`` is the number system's own.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference.numbers import FLOAT64
    >>> float(evaluate(parse("leak*v - 1/2"), {"leak": np.array(0.5), "v": np.array(3.0)}, FLOAT64, {}))
    1.0
    """

    def of(e: Any) -> Any:
        return evaluate(e, values, n, activations)

    if expression.is_Symbol:
        return values[expression.name]
    if expression.is_Integer:
        return int(expression)
    if expression.is_Rational:
        return n.array(int(expression.p)) / int(expression.q)
    if expression.is_Add:
        return _sum([of(term) for term in expression.as_ordered_terms()])
    if expression.is_Mul:
        return _product(expression, of)
    if expression.is_Pow:
        return _power(expression, of)
    if (slope := _slope(expression)) is not None:
        name, argument = slope
        return n.exp(of(argument)) if name == "exp" else n.slope(activations[name], of(argument))
    if expression.is_Function:
        name, argument = expression.func.__name__, of(expression.args[0])
        return n.exp(argument) if name == "exp" else n.apply(activations[name], argument)
    raise GradcertError(f"{expression} in an equation", allowed=f"sums, products, whole powers, {', '.join(FUNCTIONS)}")


def _sum(terms: list[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _product(expression: Any, of: Any) -> Any:
    """Multiply; a rational coefficient as a whole number over another, so that exact systems stay exact."""
    coefficient, factors = expression.as_coeff_mul()
    above = [f for f in factors if not (f.is_Pow and f.exp.is_negative)]
    below = [1 / f for f in factors if f.is_Pow and f.exp.is_negative]
    total: Any = None
    for factor in above:
        value = of(factor)
        total = value if total is None else total * value
    total = 1 if total is None else total
    for factor in below:
        total = total / of(factor)
    if coefficient == -1:
        return -total
    total = total if coefficient.p == 1 else total * int(coefficient.p)
    return total if coefficient.q == 1 else total / int(coefficient.q)


def _power(expression: Any, of: Any) -> Any:
    base, exponent = expression.args
    if not exponent.is_Integer:
        raise GradcertError(f"the power {expression}", allowed="whole exponents")
    value = of(base)
    total = value
    for _ in range(abs(int(exponent)) - 1):
        total = total * value
    return total if exponent > 0 else 1 / total


def _slope(expression: Any) -> tuple[str, Any] | None:
    """Return function and argument of a derivative: SymPy writes f'(u) as Derivative, or as Subs of one."""
    sp = sympy()
    if isinstance(expression, sp.Subs):
        inner = expression.args[0]
        return inner.expr.func.__name__, expression.point[0]
    if isinstance(expression, sp.Derivative):
        return expression.expr.func.__name__, expression.expr.args[0]
    return None
