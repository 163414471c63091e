"""What a formula may be: a grammar of our own choosing, so that a text is never evaluated.

Equations of cells and pseudo-derivatives come from a file or a stranger as often as from the keyboard. Python's parser
takes them apart, and what is left has to be of the few kinds below, in bounds that every neuron model stays far inside
of: names, numbers, sums, products, quotients, whole powers, weighted sums and calls of the known functions; a
comparison is the first part of a ``where``, and nothing else. Nothing is looked up, called or computed; how large a
number can become is bounded before SymPy sees it.
"""

from __future__ import annotations

import ast
import re
import warnings
from fractions import Fraction
from math import isfinite
from typing import Any

from gradcert.reference.errors import GradcertError

# with their numbers of arguments; where(a < b, c, d) is c where the comparison holds, and d elsewhere
ARGUMENTS = {
    **dict.fromkeys(("abs", "cos", "exp", "floor", "identity", "relu", "sigmoid", "sin", "spike", "sqrt", "tanh"), 1),
    **dict.fromkeys(("max", "min"), 2),
    "where": 3,
}
FUNCTIONS = tuple(sorted(ARGUMENTS))
NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
LENGTH = 4000  # characters
DEPTH = 200  # operations inside each other
PARTS = 800  # names, numbers and operations
DEGREE = 32  # of a product or power, numbers counted as factors
LARGEST = 10**15  # of a number, and one over it the smallest
WIDE = 10**36  # numerator and denominator of what numbers come to, as fractions; float32 holds both
ALLOWED = f"sums, products, quotients, whole powers up to {DEGREE}, weight @ node and {', '.join(FUNCTIONS)}"
CHOICES = ("where", "max", "min", "abs")
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
OPERATIONS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.MatMult)


def tree(text: Any, what: str = "the equation") -> ast.expr:
    """Return the syntax tree of an equation, of which every part is of a known kind.

    Raises
    ------
    GradcertError : for anything else, and for what is too long, too deep or too large.

    Examples
    --------
    >>> ast.unparse(tree("leak*v_prev + W @ x"))
    'leak * v_prev + W @ x'
    >>> tree("().__class__")
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: '().__class__' in the equation; allowed: sums, products, ...
    """
    if not isinstance(text, str) or len(text) > LENGTH:
        raise GradcertError(f"{what}, which is no text of at most {LENGTH} characters", allowed=ALLOWED)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "is" with a number, an escape: refused below
            found = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else f"{type(error).__name__}: {error}"
        raise GradcertError(f"{what} {text[:200]!r} ({reason})", allowed=f"one expression: {ALLOWED}") from None
    parts = _depth(found, what)
    if parts > PARTS:
        raise GradcertError(f"{what} of {parts} parts", allowed=f"at most {PARTS}", do="give parts a node of their own")
    if _degree(found, what) > DEGREE:
        raise GradcertError(f"{what} of a degree above {DEGREE}", allowed=ALLOWED)
    return found


def _depth(top: ast.expr, what: str) -> int:
    """Return the number of parts, after a look at how deep they lie: before anything else walks the tree."""
    count, level = 0, [top]
    for depth in range(DEPTH + 1):
        if not level:
            return count
        count += len(level)
        if depth == DEPTH or count > 10 * PARTS:
            break
        level = [child for node in level for child in _children(node, what)]
    raise GradcertError(
        f"{what} with more than {DEPTH} operations inside each other", do="give parts a node of their own"
    )


def _children(node: ast.expr, what: str) -> list[ast.expr]:
    """Return what a part is made of, if it is of a known kind."""
    if isinstance(node, ast.Name) and NAME.fullmatch(node.id):
        return []
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return []
    if isinstance(node, ast.BinOp) and isinstance(node.op, OPERATIONS):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        return [node.operand]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        if len(node.args) == ARGUMENTS[node.func.id] and not node.keywords:
            return arguments(node, what)
    raise GradcertError(f"{_short(node)} in {what}", allowed=ALLOWED)


def arguments(node: ast.Call, what: str = "the equation") -> list[ast.expr]:
    """Return the arguments of a call, the comparison of a ``where`` as its two sides.

    Examples
    --------
    >>> [ast.unparse(part) for part in arguments(ast.parse("where(v > 1, a, b)", mode="eval").body)]
    ['v', '1', 'a', 'b']
    """
    if isinstance(node.func, ast.Name) and node.func.id == "where":
        compared, *rest = node.args
        relation(compared, what)
        assert isinstance(compared, ast.Compare)
        return [compared.left, *compared.comparators, *rest]
    return node.args


def relation(node: ast.expr, what: str = "the equation") -> str:
    """Return the relation of a comparison of two things."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
        return COMPARISONS[type(node.ops[0])]
    raise GradcertError(f"{_short(node)} in {what}, for the first part of a where", allowed="a < b, <=, > or >=")


def _short(node: ast.expr) -> str:
    try:
        return repr(ast.unparse(node)[:80])
    except (RecursionError, ValueError):
        return f"a {type(node).__name__}"


def _degree(node: ast.expr, what: str) -> int:
    """Return how many factors a part has at most when it is multiplied out; a whole power is looked at here."""
    if isinstance(node, ast.Constant):
        number(node, what)
        return 1
    if isinstance(node, ast.UnaryOp):
        return _degree(node.operand, what)
    if isinstance(node, ast.Call):
        inner = [_degree(part, what) for part in arguments(node, what)]
        # a choice is one of its parts, the rest is one factor of its own
        return max(inner) if node.func.id in CHOICES else min(1, max(inner))  # type: ignore[attr-defined]
    if not isinstance(node, ast.BinOp):
        return 1
    left = _degree(node.left, what)
    if isinstance(node.op, ast.Pow):
        return left * max(1, abs(exponent(node.right, what)))
    right = _degree(node.right, what)
    return max(left, right) if isinstance(node.op, (ast.Add, ast.Sub)) else left + right


def exponent(node: ast.expr, what: str = "the equation") -> int:
    """Return the exponent of a power, a small whole number with or without a sign."""
    sign, inner = 1, node
    if isinstance(node, ast.UnaryOp):
        sign, inner = (-1 if isinstance(node.op, ast.USub) else 1), node.operand
    if not isinstance(inner, ast.Constant) or type(inner.value) is not int or not 0 <= inner.value <= DEGREE:
        raise GradcertError(f"the power {_short(node)} in {what}", allowed=f"whole exponents up to {DEGREE}")
    return sign * inner.value


def number(node: ast.Constant, what: str = "the equation") -> Fraction:
    """Return a number as an exact fraction: a decimal stands for what it says.

    Examples
    --------
    >>> number(ast.Constant(0.1))
    Fraction(1, 10)
    """
    value = node.value
    assert isinstance(value, (int, float))
    if not isfinite(value) or abs(value) > LARGEST or (value and abs(value) * LARGEST < 1):
        raise GradcertError(f"the number {str(value)[:40]} in {what}", allowed=f"0, or 1/{LARGEST:g} to {LARGEST:g}")
    return Fraction(repr(value))
