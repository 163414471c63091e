"""A function of one number, run on a symbol: what it computes becomes a formula.

So a pseudo-derivative can be taken from somebody's code as it is. NumPy's and PyTorch's functions are understood where
`grammar` has them, comparisons where they choose or are multiplied by; for the rest there is no formula.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import grammar

ARITHMETIC = {
    "add": ast.Add(), "subtract": ast.Sub(), "sub": ast.Sub(), "multiply": ast.Mult(), "mul": ast.Mult(),
    "divide": ast.Div(), "true_divide": ast.Div(), "div": ast.Div(), "power": ast.Pow(), "pow": ast.Pow(),
    "float_power": ast.Pow(),
}  # fmt: skip
RELATIONS = {
    "less": ast.Lt(), "lt": ast.Lt(), "less_equal": ast.LtE(), "le": ast.LtE(), "greater": ast.Gt(), "gt": ast.Gt(),
    "greater_equal": ast.GtE(), "ge": ast.GtE(),
}  # fmt: skip
SAME = {
    "absolute": "abs", "maximum": "max", "minimum": "min",
    **{name: name for name in grammar.FUNCTIONS if name not in ("identity", "spike")},
}  # fmt: skip
KEEP = ("float", "double", "to", "type_as", "astype", "clone", "detach", "copy", "contiguous", "asarray", "positive")


@dataclass(frozen=True, eq=False)
class Recorded:
    """What has been computed so far; ``choice`` where it is a comparison, which counts as 0 or 1.

    Examples
    --------
    >>> x = Recorded(ast.Name("x"))
    >>> str((abs(x) < 0.5) * (1 - x**2))
    'where(abs(x) < 0.5, 1, 0) * (1 - x ** 2)'
    """

    tree: ast.expr
    choice: bool = False

    def __str__(self) -> str:
        return ast.unparse(self.tree)

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **options: Any) -> Recorded:
        if method != "__call__" or options:
            raise _unknown(f"np.{ufunc.__name__}.{method}")
        return _called(ufunc.__name__, *given)

    def __array_function__(self, function: Any, _: Any, given: Any, options: Any) -> Recorded:
        return _called(function.__name__, *given, **options)

    @classmethod
    def __torch_function__(cls, function: Any, _: Any, given: Any = (), options: Any = None) -> Recorded:
        return _called(function.__name__.strip("_"), *given, **(options or {}))

    def __getattr__(self, name: str) -> Any:
        """Methods of arrays and tensors, such as ``x.abs()``."""
        if name in KEEP:
            return lambda *_, **__: Recorded(self.tree, self.choice)  # which may be written into
        if name in SAME or name in ARITHMETIC or name in RELATIONS or name in ("square", "clamp", "clip", "neg"):
            return lambda *given, **options: _called(name, self, *given, **options)
        raise AttributeError(name)

    dtype = None  # what `x.to(x.dtype)` asks for

    def __setitem__(self, mask: Any, value: Any) -> None:
        """Take ``x[mask] = value`` for a choice."""
        if not (isinstance(mask, Recorded) and mask.choice):
            raise _unknown("an item")
        object.__setattr__(self, "tree", _called("where", mask, value, Recorded(_number(self))).tree)
        object.__setattr__(self, "choice", False)

    def __and__(self, other: Any) -> Recorded:
        return _called("mul", self, other)

    def __bool__(self) -> bool:
        raise _unknown("a branch on a value")


def _operator(name: str, *, swapped: bool = False) -> Any:
    return lambda self, other: _called(name, other, self) if swapped else _called(name, self, other)


for _word in ("add", "sub", "mul", "truediv", "pow"):
    _name = {"truediv": "div"}.get(_word, _word)
    setattr(Recorded, f"__{_word}__", _operator(_name))
    setattr(Recorded, f"__r{_word}__", _operator(_name, swapped=True))
for _word in ("lt", "le", "gt", "ge"):
    setattr(Recorded, f"__{_word}__", _operator(_word))
for _word, _name in (("abs", "abs"), ("neg", "neg")):
    setattr(Recorded, f"__{_word}__", lambda self, name=_name: _called(name, self))


def _called(name: str, *given: Any, **options: Any) -> Recorded:
    """Return what a function of this name makes of its arguments."""
    if name in KEEP:
        return Recorded(_number(given[0]))
    if name in ("neg", "negative"):
        return Recorded(ast.UnaryOp(ast.USub(), _number(given[0])))
    if name == "square":
        return _called("pow", given[0], 2)
    if name == "reciprocal":
        return _called("div", 1, given[0])
    if name in ("clamp", "clip"):
        low, high = (*given[1:], options.get("min", options.get("a_min")), options.get("max", options.get("a_max")))[:2]
        out = given[0] if low is None else _called("max", given[0], low)
        return out if high is None else _called("min", out, high)
    if options:
        raise _unknown(f"{name} with {', '.join(options)}")
    if name in ARITHMETIC and len(given) == 2:
        return Recorded(ast.BinOp(_number(given[0]), ARITHMETIC[name], _number(given[1])))
    if name in RELATIONS and len(given) == 2:
        return Recorded(ast.Compare(_number(given[0]), [RELATIONS[name]], [_number(given[1])]), choice=True)
    if name in SAME and len(given) == grammar.ARGUMENTS[SAME[name]]:
        if name == "where" and not (isinstance(given[0], Recorded) and given[0].choice):
            raise _unknown("a where of what is no comparison")
        first = [given[0].tree] if name == "where" else []
        parts = [*first, *(_number(part) for part in given[len(first) :])]
        return Recorded(ast.Call(ast.Name(SAME[name]), parts, []))
    raise _unknown(name)


def _number(value: Any) -> ast.expr:
    """Return an operand; a comparison as 1 and 0."""
    if isinstance(value, Recorded):
        one = ast.Call(ast.Name("where"), [value.tree, ast.Constant(1), ast.Constant(0)], [])
        return one if value.choice else value.tree
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, Real):
        plain = float(value)
        number = ast.Constant(abs(int(plain) if plain.is_integer() else plain))
        return ast.Name("pi") if plain == math.pi else ast.UnaryOp(ast.USub(), number) if plain < 0 else number
    raise _unknown(f"a {type(value).__name__}")


def _unknown(what: str) -> GradcertError:
    return GradcertError(
        f"{what} in a function that is to be a formula",
        allowed=f"sums, products, quotients, whole powers, comparisons, {', '.join(sorted(set(SAME.values())))}",
        do="write it as a formula",
    )


def recorded(function: Callable[..., Any], names: Sequence[str] = ("x",), *, what: str = "a pseudo-derivative") -> str:
    """Return the formula of a function of one number, or of several of these names.

    Raises
    ------
    GradcertError : for what is no formula.

    Examples
    --------
    >>> import numpy as np
    >>> recorded(lambda x: 1 / (1 + (np.pi * x) ** 2))
    '1 / (1 + (pi * x) ** 2)'
    """
    try:
        found = function(*(Recorded(ast.Name(name)) for name in names))
    except GradcertError:
        raise
    except Exception as error:  # whatever somebody's function raises
        raise GradcertError(
            f"{what} that raises {type(error).__name__}: {error}", do="write it as a formula"
        ) from error
    return ast.unparse(_number(found))
