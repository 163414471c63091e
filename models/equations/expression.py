"""Elementwise expressions: SymPy differentiates them, and the number system of the engine evaluates them."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install
from gradcert.reference.numbers import Activation, Numbers, called, grammar
from gradcert.reference.numbers.grammar import FUNCTIONS

Program = Callable[[Mapping[str, Any], Numbers, Mapping[str, Activation]], Any]


@cache
def sympy() -> Any:
    """Return SymPy, or say in one sentence that it is missing."""
    try:
        import sympy
    except ModuleNotFoundError:
        absent = f"SymPy is not installed, and cells of one's own need it; to fix it: {install('derivations')}"
        raise ModuleNotFoundError(absent, name="sympy") from None
    return sympy


def weighted(weight: Any, source: Any) -> Any:
    """Return a weighted sum, of the names of a weight and of a node, as a SymPy symbol, to be added to in an equation.

    Examples
    --------
    >>> sp = sympy()
    >>> str(weighted("W", "x") + sp.Symbol("b"))
    'W @ x + b'
    """
    for name in (weight, source):
        if not isinstance(name, str) or not grammar.NAME.fullmatch(name):
            raise GradcertError(f"the weighted sum of {weight!r} and {source!r}", allowed="names, such as 'W' and 'x'")
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
        parts = [_built(part) for part in grammar.arguments(node)]
        if node.func.id == "where":
            return known_functions()[f"where_{WORDS[grammar.relation(node.args[0])]}"](*parts)
        return known_functions().get(node.func.id, sp.Function(node.func.id))(*parts)
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
    return program(expression)(values, n, activations)


@cache
def program(expression: Any) -> Program:
    """Return what computes an expression: it is taken apart once, not at every step of a sequence.

    Raises
    ------
    GradcertError : for what `evaluate` does not know.
    """
    if expression.is_Symbol:
        name = expression.name
        return lambda values, n, activations: values[name]
    if expression.is_Integer:
        whole = int(expression)
        return lambda values, n, activations: whole
    if expression.is_Rational:
        above, below = int(expression.p), int(expression.q)
        return lambda values, n, activations: n.array(above) / below
    if expression.is_Add:
        return _sum([program(term) for term in expression.as_ordered_terms()])
    if expression.is_Mul:
        return _product(expression)
    if expression.is_Pow:
        return _power(expression)
    if (slope := _slope(expression)) is not None:
        return _applied(*slope, slope=True)
    if expression.is_Function and (own := expression.func.__name__) in known_functions():
        parts = [program(argument) for argument in expression.args]
        return lambda values, n, activations: _known(own, [part(values, n, activations) for part in parts], n)
    if expression.is_Function:
        return _applied(expression.func.__name__, expression.args[0])
    raise GradcertError(f"{expression} in an equation", allowed=f"sums, products, whole powers, {', '.join(FUNCTIONS)}")


def _applied(name: str, argument: Any, *, slope: bool = False) -> Program:
    """Return a function of an expression, or its derivative there; exp is its own, and the number system's."""
    inner = program(argument)
    if name == "exp":
        return lambda values, n, activations: n.exp(inner(values, n, activations))
    if slope:
        return lambda values, n, activations: n.slope(activations[name], inner(values, n, activations))
    return lambda values, n, activations: n.apply(activations[name], inner(values, n, activations))


WORDS = {"<": "less", "<=": "at_most", ">": "more", ">=": "at_least"}
RELATIONS = {word: relation for relation, word in WORDS.items()}


@cache
def known_functions() -> dict[str, Any]:
    """Return the functions whose derivatives are written in others: name -> SymPy's class.

    At a tie ``max`` and ``min`` take the first, and ``abs`` has a derivative of 0; choices pass on what they chose.
    """
    sp = sympy()
    made: dict[str, Any] = {}

    def add(name: str, *by: Any) -> None:
        """Add a function, with its derivatives by each of its arguments."""

        def fdiff(self: Any, argindex: int = 1) -> Any:
            return by[argindex - 1](*self.args)

        made[name] = type(name, (sp.Function,), {"fdiff": fdiff, "nargs": (len(by),)})

    def nothing(*_: Any) -> Any:
        return sp.Integer(0)

    def chosen(word: str, then: int, otherwise: int) -> Any:
        return lambda a, b, *_: made[f"where_{word}"](a, b, sp.Integer(then), sp.Integer(otherwise))

    for word in RELATIONS:
        add(f"where_{word}", nothing, nothing, chosen(word, 1, 0), chosen(word, 0, 1))
    add("max", chosen("at_least", 1, 0), chosen("at_least", 0, 1))
    add("min", chosen("at_most", 1, 0), chosen("at_most", 0, 1))
    add("abs", lambda a: chosen("more", 1, 0)(a, sp.Integer(0)) - chosen("less", 1, 0)(a, sp.Integer(0)))
    add("sqrt", lambda a: 1 / (2 * made["sqrt"](a)))
    add("cos", lambda a: -made["sin"](a))
    add("sin", lambda a: made["cos"](a))
    return made


def _known(name: str, parts: list[Any], n: Numbers) -> Any:
    """Return the value of one of `known_functions`."""
    if name.startswith("where_"):
        return n.where(parts[0], RELATIONS[name.removeprefix("where_")], *parts[1:])
    if name in ("max", "min"):
        return n.where(parts[0], ">=" if name == "max" else "<=", parts[1], *parts)
    return n.absolute(parts[0]) if name == "abs" else called(n, name)(parts[0])


def _sum(terms: list[Program]) -> Program:
    first, *rest = terms

    def total(values: Mapping[str, Any], n: Numbers, activations: Mapping[str, Activation]) -> Any:
        out = first(values, n, activations)
        for term in rest:
            out = out + term(values, n, activations)
        return out

    return total


def _product(expression: Any) -> Program:
    """Multiply; a rational coefficient as a whole number over another, so that exact systems stay exact."""
    coefficient, factors = expression.as_coeff_mul()
    above = [program(f) for f in factors if not (f.is_Pow and f.exp.is_negative)]
    below = [program(1 / f) for f in factors if f.is_Pow and f.exp.is_negative]
    p, q = int(coefficient.p), int(coefficient.q)

    def total(values: Mapping[str, Any], n: Numbers, activations: Mapping[str, Activation]) -> Any:
        out: Any = None
        for factor in above:
            value = factor(values, n, activations)
            out = value if out is None else out * value
        out = 1 if out is None else out
        for factor in below:
            out = out / factor(values, n, activations)
        if (p, q) == (-1, 1):
            return -out
        out = out if p == 1 else out * p
        return out if q == 1 else out / q

    return total


def _power(expression: Any) -> Program:
    base, exponent = expression.args
    if not exponent.is_Integer:
        raise GradcertError(f"the power {expression}", allowed="whole exponents")
    inner, power = program(base), int(exponent)

    def total(values: Mapping[str, Any], n: Numbers, activations: Mapping[str, Activation]) -> Any:
        value = inner(values, n, activations)
        out = value
        for _ in range(abs(power) - 1):
            out = out * value
        return out if power > 0 else 1 / out

    return total


def _slope(expression: Any) -> tuple[str, Any] | None:
    """Return function and argument of a derivative: SymPy writes f'(u) as Derivative, or as Subs of one."""
    sp = sympy()
    if isinstance(expression, sp.Subs):
        inner = expression.args[0]
        return inner.expr.func.__name__, expression.point[0]
    if isinstance(expression, sp.Derivative):
        return expression.expr.func.__name__, expression.expr.args[0]
    return None
