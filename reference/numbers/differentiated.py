"""The derivative of a formula, as a formula: sums, products, quotients, whole powers, the functions of `grammar`.

Where a formula has a kink its derivative is that of PyTorch and JAX: 0 for ``abs`` at 0, halves for ``max`` and ``min``
of equal numbers, and that of the side which is chosen for ``where``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import grammar

ZERO, ONE = ast.Constant(0), ast.Constant(1)


def derivative(tree: ast.expr, name: str) -> ast.expr:
    """Return the derivative of a formula by one of its names.

    Raises
    ------
    GradcertError : for a ``floor`` of the name: its derivative is 0, which nobody means.

    Examples
    --------
    >>> from gradcert.reference.numbers.formula import parsed
    >>> ast.unparse(derivative(parsed("where(|o - y| < 1, (o - y)^2, 2 o)"), "o"))
    'where(abs(o - y) < 1, 2 * (o - y), 2)'
    """

    def of(node: ast.expr) -> ast.expr:
        return derivative(node, name)

    if isinstance(tree, ast.Constant):
        return ZERO
    if isinstance(tree, ast.Name):
        return ONE if tree.id == name else ZERO
    if isinstance(tree, ast.UnaryOp):
        inner = of(tree.operand)
        return inner if isinstance(tree.op, ast.UAdd) or _is(inner, 0) else ast.UnaryOp(ast.USub(), inner)
    if isinstance(tree, ast.Call):
        return _called(tree, of)
    assert isinstance(tree, ast.BinOp)
    left, right = tree.left, tree.right
    if isinstance(tree.op, ast.Pow):
        power = grammar.exponent(right)
        lower = ONE if power == 1 else left if power == 2 else ast.BinOp(left, ast.Pow(), _constant(power - 1))
        return ZERO if power == 0 else times(times(_constant(power), lower), of(left))
    if isinstance(tree.op, ast.Add):
        return plus(of(left), of(right))
    if isinstance(tree.op, ast.Sub):
        return minus(of(left), of(right))
    if isinstance(tree.op, ast.Mult):
        return plus(times(of(left), right), times(left, of(right)))
    below = minus(over(of(left), right), over(times(left, of(right)), ast.BinOp(right, ast.Pow(), _constant(2))))
    assert isinstance(tree.op, ast.Div), ast.unparse(tree)
    return below


def _called(tree: ast.Call, of: Callable[[ast.expr], ast.expr]) -> ast.expr:
    assert isinstance(tree.func, ast.Name)
    function, given = tree.func.id, tree.args
    if function == "where":
        yes, no = of(given[1]), of(given[2])
        return ZERO if _is(yes, 0) and _is(no, 0) else _where(given[0], yes, no)
    if function in ("max", "min"):
        a, b = given
        first, second = (_less(b, a), _less(a, b)) if function == "max" else (_less(a, b), _less(b, a))
        equal = over(plus(of(a), of(b)), _constant(2))
        return _where(first, of(a), _where(second, of(b), equal))
    (x,) = given
    inner = of(x)
    if _is(inner, 0):
        return ZERO
    if function == "floor":
        raise GradcertError("the derivative of floor, which is 0", allowed=", ".join(sorted({*SLOPES, "max", "min"})))
    return times(SLOPES[function](x, tree), inner)


def _call(function: str, x: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(function), [x], [])


def _where(choice: ast.expr, yes: ast.expr, no: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("where"), [choice, yes, no], [])


def _less(a: ast.expr, b: ast.expr) -> ast.expr:
    return ast.Compare(a, [ast.Lt()], [b])


def _constant(value: int) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _is(node: ast.expr, value: int) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def plus(a: ast.expr, b: ast.expr) -> ast.expr:
    """Return a + b."""
    return b if _is(a, 0) else a if _is(b, 0) else ast.BinOp(a, ast.Add(), b)


def minus(a: ast.expr, b: ast.expr) -> ast.expr:
    """Return a - b."""
    return a if _is(b, 0) else ast.UnaryOp(ast.USub(), b) if _is(a, 0) else ast.BinOp(a, ast.Sub(), b)


def times(a: ast.expr, b: ast.expr) -> ast.expr:
    """Return a b."""
    if _is(a, 0) or _is(b, 0):
        return ZERO
    return b if _is(a, 1) else a if _is(b, 1) else ast.BinOp(a, ast.Mult(), b)


def over(a: ast.expr, b: ast.expr) -> ast.expr:
    """Return a / b."""
    return ZERO if _is(a, 0) else a if _is(b, 1) else ast.BinOp(a, ast.Div(), b)


def _sign(x: ast.expr) -> ast.expr:
    return _where(_less(ZERO, x), ONE, _where(_less(x, ZERO), _constant(-1), ZERO))


# function -> its derivative at x, `f` being the call itself
SLOPES: dict[str, Callable[[ast.expr, ast.expr], ast.expr]] = {
    "abs": lambda x, f: _sign(x),
    "cos": lambda x, f: ast.UnaryOp(ast.USub(), _call("sin", x)),
    "exp": lambda x, f: f,
    "relu": lambda x, f: _where(ast.Compare(x, [ast.GtE()], [ZERO]), ONE, ZERO),
    "relu_off_at_zero": lambda x, f: _where(_less(ZERO, x), ONE, ZERO),
    "sigmoid": lambda x, f: times(f, minus(ONE, f)),
    "sin": lambda x, f: _call("cos", x),
    "sqrt": lambda x, f: over(ONE, times(_constant(2), f)),
    "tanh": lambda x, f: minus(ONE, ast.BinOp(f, ast.Pow(), _constant(2))),
}
