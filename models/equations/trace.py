"""A forward step written as a function: run once on symbols, it becomes the equations that `define` takes.

The function is the user's own NumPy-like code, ``step(prev, x, p, h)``: ``prev.v`` is node v of the step before,
``p.W`` a weight or parameter, ``h`` the spike. It returns its nodes in the order of evaluation, the output ``z`` last.
Sums, products, quotients, whole powers, ``p.W @ x`` (or ``x @ p.W.T``) and NumPy's exp, tanh, square, reciprocal and
``np.maximum(v, 0)`` are understood; for the rest, such as a comparison, there is no equation, and that is said.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcert.models.equations.equations import PREVIOUS
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers.grammar import FUNCTIONS, NAME

ALLOWED = "sums, products, quotients, whole powers, weight @ node, np.where of a comparison, " + ", ".join(FUNCTIONS)
BINARY = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.matmul: "@"}
UNARY = {
    np.exp: "exp", np.tanh: "tanh", np.absolute: "abs", np.sqrt: "sqrt", np.cos: "cos", np.sin: "sin", np.floor: "floor"
}  # fmt: skip
EXTREME = {np.maximum: "max", np.minimum: "min"}
COMPARED = {np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">="}
WHERE = "where "  # with its relation: a choice, of two sides and two parts


@dataclass(frozen=True, eq=False)
class Symbol:
    """An expression: an operation and its operands, or a name.

    Attributes
    ----------
    op : ``name``, an operator, or a function.
    parts : operands; for a name, the name itself.
    transposed : whether it is a weight's transpose.
    """

    op: str
    parts: tuple[Any, ...] = field(default=())
    transposed: bool = False

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise _unknown(f"np.{ufunc.__name__}.{method} with {', '.join(options) or 'no options'}")
        if ufunc in BINARY:
            return _binary(BINARY[ufunc], *given)
        if ufunc in UNARY:
            return Symbol(UNARY[ufunc], given)
        if ufunc is np.negative:
            return -given[0]
        if ufunc is np.square:
            return _binary("*", given[0], given[0])
        if ufunc is np.reciprocal:
            return _binary("/", 1, given[0])
        if ufunc is np.power:
            return given[0] ** given[1]
        if ufunc is np.maximum and any(not isinstance(g, Symbol) and np.ndim(g) == 0 and g == 0 for g in given):
            return Symbol("relu", tuple(g for g in given if isinstance(g, Symbol)))
        if ufunc in EXTREME:
            return Symbol(EXTREME[ufunc], given)
        if ufunc in COMPARED:
            return Compared(COMPARED[ufunc], *given)
        raise _unknown(f"np.{ufunc.__name__}")

    def __add__(self, other: Any) -> Symbol:
        return _binary("+", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return _binary("+", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return _binary("-", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return _binary("-", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return _binary("*", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return _binary("*", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return _binary("/", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return _binary("/", other, self)

    def __matmul__(self, other: Any) -> Symbol:
        return _binary("@", self, other)

    def __neg__(self) -> Symbol:
        return _binary("*", -1, self)

    def __pow__(self, power: Any) -> Symbol:
        if not isinstance(power, (int, np.integer)):
            raise _unknown(f"the power {power!r}")
        return Symbol("**", (self, int(power)))

    @property
    def T(self) -> Symbol:
        """The transpose of a weight."""
        if self.op != "name":
            raise _unknown("the transpose of an expression")
        return Symbol("name", self.parts, transposed=not self.transposed)

    def __bool__(self) -> bool:
        raise _unknown("a branch on a value")

    def __abs__(self) -> Symbol:
        return Symbol("abs", (self,))

    def __lt__(self, other: Any) -> Compared:
        return Compared("<", self, other)

    def __le__(self, other: Any) -> Compared:
        return Compared("<=", self, other)

    def __gt__(self, other: Any) -> Compared:
        return Compared(">", self, other)

    def __ge__(self, other: Any) -> Compared:
        return Compared(">=", self, other)

    def __array_function__(self, function: Any, _: Any, given: Any, options: Any) -> Any:
        raise _unknown(f"np.{function.__name__}")

    def __getitem__(self, _: Any) -> Any:
        raise _unknown("an index into an array")


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison, which np.where takes, and nothing else."""

    relation: str
    left: Any
    right: Any

    def __array_function__(self, function: Any, _: Any, given: Any, options: Any) -> Symbol:
        if function is not np.where or len(given) != 3 or given[0] is not self or options:
            raise _unknown(f"np.{function.__name__} of a comparison")
        return Symbol(WHERE + self.relation, (self.left, self.right, *given[1:]))

    def __bool__(self) -> bool:
        raise _unknown("a branch on a value")

    def __mul__(self, other: Any) -> Symbol:
        raise _unknown("a product with a comparison (np.where chooses)")

    __rmul__ = __add__ = __radd__ = __mul__


def _unknown(what: str) -> GradcertError:
    return GradcertError(f"{what} in the step of a cell", allowed=ALLOWED, do="write the cell as a class of its own")


def _binary(op: str, a: Any, b: Any) -> Symbol:
    for value in (a, b):
        if not isinstance(value, Symbol) and not np.isscalar(value):
            raise _unknown(f"a {type(value).__name__} as a constant")
    if op == "@":
        weight, source = (b, a) if isinstance(b, Symbol) and b.transposed else (a, b)
        right_way = isinstance(weight, Symbol) and isinstance(source, Symbol) and weight.transposed == (weight is b)
        if not right_way or weight.op != "name" or source.transposed:
            raise _unknown("this product of matrices")
        return Symbol("@", (weight, source))
    if any(isinstance(value, Symbol) and value.transposed for value in (a, b)):
        raise _unknown("a transposed weight outside a product of matrices")
    return Symbol(op, (a, b))


class Names:
    """``p.W`` and ``p["W"]``: a symbol for every name that is asked for."""

    def __init__(self, suffix: str = "") -> None:
        self._suffix = suffix

    def __getattr__(self, name: str) -> Symbol:
        if not NAME.fullmatch(name) or name.startswith("__"):
            raise AttributeError(name)
        return Symbol("name", (name + self._suffix,))

    def __getitem__(self, name: str) -> Symbol:
        return Symbol("name", (name + self._suffix,))


def function(name: str) -> Callable[[Any], Any]:
    """Return a function of symbols: ``sigmoid``, ``relu``, ``spike``...

    Examples
    --------
    >>> function("sigmoid")(Symbol("name", ("v",))).op
    'sigmoid'
    """
    if name not in FUNCTIONS:
        raise GradcertError(f"the function {name!r}", allowed=", ".join(FUNCTIONS))
    return lambda argument: Symbol(name, (argument,))


def trace(step: Callable[..., Mapping[str, Any]]) -> dict[str, str]:
    """Return the equations of a step.

    Parameters
    ----------
    step : ``step(prev, x, p)`` or ``step(prev, x, p, h)`` for a cell that spikes; see the module.

    Raises
    ------
    GradcertError : for what is no equation.

    Examples
    --------
    >>> def step(prev, x, p, h):
    ...     a = p.W @ x + p.b
    ...     v = p.leak * (prev.v - p.threshold * prev.z) + a
    ...     return {"a": a, "v": v, "z": h(v - p.threshold)}
    >>> trace(step)["v"]
    'leak * (v_prev - (threshold * z_prev)) + a'
    """
    given: list[Any] = [Names(PREVIOUS), Symbol("name", ("x",)), Names(), function("spike")]
    takes = _takes(step)
    try:
        found: Any = step(*given[:takes])
    except GradcertError:
        raise
    except Exception as error:  # whatever somebody's function raises
        raise GradcertError(
            f"a step that raises {type(error).__name__}: {error}", allowed=ALLOWED, do="mend it, or write equations"
        ) from error
    if not isinstance(found, Mapping) or not all(isinstance(value, Symbol) for value in found.values()):
        raise GradcertError("a step that does not return its nodes", allowed='{"a": ..., "v": ..., "z": ...}')
    named: dict[int, str] = {}
    for name, value in found.items():
        named.setdefault(id(value), name)
    out: dict[str, str] = {}
    for name, value in found.items():
        extra: dict[str, str] = {}
        text = _text(value, named, name, {*found, *out}, extra, top=True)
        out |= {**extra, name: text}
    return out


def _takes(step: Callable[..., Any]) -> int:
    """Return how many arguments a step takes."""
    try:
        takes = list(inspect.signature(step).parameters.values())
    except (TypeError, ValueError):
        takes = []
    needed = [p for p in takes if p.default is p.empty]
    if len(takes) < 3 or len(needed) > 4:
        name = getattr(step, "__name__", type(step).__name__)
        raise GradcertError(
            f"the step {name} of {len(takes)} arguments", allowed="step(prev, x, p) or step(prev, x, p, h)"
        )
    return len(takes)


def _text(
    value: Any, named: dict[int, str], node: str, taken: set[str], extra: dict[str, str], *, top: bool = False
) -> str:
    """Return an expression as text; a weighted sum inside an operation becomes a node of its own, in `extra`."""
    if not isinstance(value, Symbol):
        return _number(value, node)
    if id(value) in named and named[id(value)] != (node if top else None):
        return named[id(value)]
    if value.op == "name":
        return str(value.parts[0])
    if value.op == "@":
        source = _text(value.parts[1], named, node, taken, extra)
        if not NAME.fullmatch(source):
            raise GradcertError(f"the product with {source}", do="name what is multiplied: a node of its own")
        return f"{value.parts[0].parts[0]} @ {source}"
    if value.op in ("+", "-") and top:
        a, b = (_text(part, named, node, taken, extra, top=_linear(part, named)) for part in value.parts)
        return f"{a} {value.op} {b if value.op == '+' or _atomic(b) else f'({b})'}"
    if any(_weighted(part, named) for part in value.parts):
        inner = (_hoisted(p, named, node, taken, extra) if _weighted(p, named) else p for p in value.parts)
        value = Symbol(value.op, tuple(inner))
    parts = tuple(_text(part, named, node, taken, extra) for part in value.parts)
    if value.op.startswith(WHERE):
        return f"where({parts[0]} {value.op.removeprefix(WHERE)} {parts[1]}, {parts[2]}, {parts[3]})"
    if value.op in FUNCTIONS:
        return f"{value.op}({', '.join(parts)})"
    a, b = (part if _atomic(part) else f"({part})" for part in parts)
    return f"{a} {value.op} {b}"


def _number(value: Any, node: str) -> str:
    """Return a constant as text: a whole number as one, a decimal in the digits that lead back to the same float."""
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _unknown(f"{value!r} as a constant of {node}") from None
    if not math.isfinite(number):
        raise _unknown(f"the number {number} in {node}")
    return str(int(number)) if number.is_integer() else repr(number)


def _hoisted(value: Symbol, named: dict[int, str], node: str, taken: set[str], extra: dict[str, str]) -> Symbol:
    """Make a node of a weighted sum, and return its symbol."""
    name = next(n for n in (f"{node}_in", *(f"{node}_in{k}" for k in range(2, 99))) if n not in taken)
    taken.add(name)
    extra[name] = _text(value, named, name, taken, extra, top=True)
    named[id(value)] = name
    return Symbol("name", (name,))


def _linear(value: Any, named: dict[int, str]) -> bool:
    """Return whether a term of a sum is a sum with weighted terms itself, which may stay one sum."""
    return isinstance(value, Symbol) and id(value) not in named and value.op in ("+", "-") and _weighted(value, named)


def _weighted(value: Any, named: dict[int, str]) -> bool:
    if not isinstance(value, Symbol) or id(value) in named or value.op == "name":
        return False
    return value.op == "@" or any(_weighted(part, named) for part in value.parts)


def _atomic(text: str) -> bool:
    """Return whether a text is one name, number or call, which needs no brackets."""
    return bool(re.fullmatch(r"\w+(\.\d+)?|\w+\([^()]*\)", text))
