"""Equations as a person reads them: ``v = 0.9 v' + a - cut[z']``, ' being the step before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gradcert.models.reading.terms import Term

SUM, PRODUCT, ATOM = 0, 1, 2
CALLED = {"relu_off_at_zero": "relu"}
STEPS = {True: ">", False: ">="}  # comparisons with zero, by whether they are silent at it


@dataclass(frozen=True)
class Style:
    """How leaves are written.

    Attributes
    ----------
    node : (number, lag) -> text. `static` : of a static term. `weight` : weight, source as text, geometry -> text.
    number : of a number. `cut` : of what is cut, and where. `spike` : of an argument.
    x, times : the input, and the sign of a product.
    silent : the kinds of spikes through which nothing comes back.
    """

    node: Callable[[int, int], str]
    static: Callable[[Term], str]
    weight: Callable[[Term, str], str]
    number: Callable[[float], str]
    cut: Callable[[str, str], str]
    x: str = "x"
    times: str = "*"
    silent: frozenset[int] = frozenset()


def expression(term: Term, style: Style) -> str:
    """Return the text of an equation."""
    return _text(term, style)[0]


def _text(term: Term, style: Style) -> tuple[str, int]:
    """Return text, and how tightly it binds."""
    if term.op == "node":
        return style.node(*term.data), ATOM
    if term.op == "x":
        return style.x, ATOM
    if term.op == "named":
        return term.data, PRODUCT if "@" in term.data else ATOM
    if term.op == "number":
        text = style.number(term.data)
        return text, ATOM if term.data >= 0 else SUM
    if term.op == "static":
        return style.static(term), ATOM
    if term.op == "linear":
        return style.weight(term, _wrapped(term.args[1], style, ATOM)), PRODUCT
    if term.op == "drive":
        parts = [(sign, _wrapped(part, style, PRODUCT)) for sign, part in zip(term.data, term.args, strict=True)]
        text = " ".join(f"{'+' if sign > 0 else '-'} {part}" for sign, part in parts)
        return text.removeprefix("+ "), SUM
    if term.op == "cut":
        inner = term.args[0]
        return style.cut(_text(inner, style)[0], term.where), ATOM
    if term.op in ("add", "sub"):
        a, b = term.args
        sign = "+" if term.op == "add" else "-"
        return f"{_text(a, style)[0]} {sign} {_wrapped(b, style, SUM if sign == '+' else PRODUCT)}", SUM
    if term.op in ("mul", "div"):
        a, b = term.args
        sign = style.times if term.op == "mul" else "/"
        return f"{_wrapped(a, style, PRODUCT)} {sign} {_wrapped(b, style, ATOM)}", PRODUCT
    if term.op == "neg":
        return f"-{_wrapped(term.args[0], style, ATOM)}", PRODUCT
    if term.op == "pow":
        exponent = f"{term.data}" if term.data >= 0 else f"({term.data})"
        return f"{_wrapped(term.args[0], style, ATOM)}**{exponent}", PRODUCT
    if term.op == "random":
        return "random()", ATOM
    name = {"fn": str(term.data), "spike": "step" if term.data in style.silent else "spike"}.get(term.op) or (
        str(term.data[0]) if term.op == "mix" else term.op
    )
    inner_text = ", ".join(_text(part, style)[0] for part in term.args)
    if name in STEPS.values():
        return f"where({inner_text} {name} 0, 1, 0)", ATOM
    return f"{name}({inner_text})", ATOM


def _wrapped(term: Term, style: Style, least: int) -> str:
    text, binds = _text(term, style)
    return text if binds >= least else f"({text})"


def short(value: float) -> str:
    """Return a number with six digits, as the reader of a page wants it.

    Examples
    --------
    >>> short(0.8999999761581421), short(1.0)
    ('0.9', '1')
    """
    return f"{value:.6g}"
