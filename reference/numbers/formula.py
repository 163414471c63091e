"""Formulas as text, evaluated on any number system: pseudo-derivatives that are in no table.

They are of the grammar of equations (`grammar`), and may be written as `gradcert surrogates` prints them: ``^`` for a
power, products side by side, ``|x|``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import grammar
from gradcert.reference.numbers.protocol import Numbers

WORDS = re.compile(r"\s+|\*\*|[<>]=?|[A-Za-z_]\w*|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|.", re.DOTALL)
VALUE = re.compile(r"[\w.]+|\)")  # what a factor ends with
OPENS = re.compile(r"[\w.]+|\(")  # and begins with


@cache
def parsed(text: str, what: str = "the formula") -> ast.expr:
    """Return the syntax tree of a formula.

    Raises
    ------
    GradcertError : for what is none: see `grammar.tree`.

    Examples
    --------
    >>> ast.unparse(parsed("height / (1 + (pi x)^2) + |x|"))
    'height / (1 + (pi * x) ** 2) + abs(x)'
    """
    if not isinstance(text, str):
        raise GradcertError(f"{what} in a {type(text).__name__}", allowed="text, such as '1 / (1 + (pi x)^2)'")
    try:
        return grammar.tree(_plain(text), what)
    except GradcertError as error:  # weights and spikes are of equations
        allowed = None if error.allowed is None else error.allowed.replace(grammar.ALLOWED, ALLOWED)
        raise GradcertError(error.given, allowed=allowed, do=error.do) from None


def _plain(text: str) -> str:
    """Return a formula with every operation written out."""
    bars = iter("(" if k % 2 == 0 else ")" for k in range(text.count("|")))
    written = re.sub(r"\|", lambda _: "abs(" if (bar := next(bars)) == "(" else bar, text.replace("^", "**"))
    out, before = "", ""
    for word in WORDS.findall(written):
        if word.isspace():
            continue
        call = before in grammar.FUNCTIONS and word == "("
        out += (" * " if VALUE.fullmatch(before) and OPENS.fullmatch(word) and not call else "") + word
        before = word
    return out


def check_named(what: str, text: str, missing: list[str], allowed: str, do: str) -> None:
    """Raise for names of a formula that have no value, one that was meant as a function included."""
    if not missing:
        return
    if called := [name for name in missing if re.search(rf"\b{name}\(", text)]:
        raise GradcertError(
            f"the function {called[0]!r} in {what}",
            allowed=", ".join(sorted((*CALLED, "where"))),
            do=f"for a product with a number {called[0]}: {called[0]} * (...), and {called[0]} = 1.0",
        )
    raise GradcertError(f"{', '.join(missing)} in {what}", allowed=allowed, do=do)


def names(tree: ast.expr) -> frozenset[str]:
    """Return the names that a formula has beside functions.

    Examples
    --------
    >>> sorted(names(parsed("exp(-slope |x|)")))
    ['slope', 'x']
    """
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called)


def evaluated(tree: ast.expr, values: Mapping[str, Any], n: Numbers) -> Any:
    """Return the value of a formula.

    Parameters
    ----------
    tree : as `parsed` returns it.
    values : by name; ``pi`` is the number system's own.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference.numbers.floats import FLOAT64
    >>> evaluated(parsed("where(x < 0, scale x, min(x, 1))"), {"x": np.array([-1.0, 3.0]), "scale": 0.5}, FLOAT64)
    array([-0.5,  1. ])
    """

    def of(node: ast.expr) -> Any:
        return evaluated(node, values, n)

    if isinstance(node := tree, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return n.pi if node.id == "pi" and "pi" not in values else values[node.id]
    if isinstance(node, ast.UnaryOp):
        return -of(node.operand) if isinstance(node.op, ast.USub) else of(node.operand)
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        parts = [of(part) for part in grammar.arguments(node)]
        if node.func.id == "where":
            return n.where(parts[0], grammar.relation(node.args[0]), *parts[1:])
        if node.func.id not in CALLED:
            raise GradcertError(f"{node.func.id} in a formula", allowed=", ".join(sorted(CALLED)))
        return CALLED[node.func.id](n, *(_array(part, n) for part in parts))
    assert isinstance(node, ast.BinOp)
    if isinstance(node.op, ast.Pow):
        return _power(of(node.left), grammar.exponent(node.right))
    if type(node.op) not in OPERATIONS:
        raise GradcertError(f"{ast.unparse(node)!r} in a formula", allowed="products of numbers: *")
    return OPERATIONS[type(node.op)](of(node.left), of(node.right))


def _array(value: Any, n: Numbers) -> Any:
    """Return a plain number as one of the number system, in which a function of it is taken."""
    return n.array(value) if isinstance(value, (int, float)) and hasattr(n, "array") else value


def _power(base: Any, exponent: int) -> Any:
    total = base
    for _ in range(abs(exponent) - 1):
        total = total * base
    return base * 0 + 1 if exponent == 0 else total if exponent > 0 else 1 / total


def called(n: Numbers, name: str) -> Callable[[Any], Any]:
    """Return an elementary function that not every number system has: ``sqrt``, ``cos``, ``sin``, ``floor``.

    Raises
    ------
    GradcertError : where the number system has none.
    """
    function: Callable[[Any], Any] | None = getattr(n, name, None)
    if function is None:
        raise GradcertError(f"{name} in {n.name}", allowed="floats, balls, and what differentiates them")
    return function


OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
CALLED: dict[str, Callable[..., Any]] = {
    "abs": lambda n, x: n.absolute(x),
    "exp": lambda n, x: n.exp(x),
    "tanh": lambda n, x: n.tanh(x),
    "sigmoid": lambda n, x: (n.tanh(x / 2) + 1) / 2,
    "relu": lambda n, x: n.where(x, ">=", 0, x, 0),
    "relu_off_at_zero": lambda n, x: n.where(x, ">", 0, x, 0),
    "max": lambda n, a, b: n.where(a, ">=", b, a, b),
    "min": lambda n, a, b: n.where(a, "<=", b, a, b),
    **{name: lambda n, x, name=name: called(n, name)(x) for name in ("sqrt", "cos", "sin", "floor")},
}
ALLOWED = f"sums, products, quotients, whole powers up to {grammar.DEGREE}, {', '.join(sorted((*CALLED, 'where')))}"
