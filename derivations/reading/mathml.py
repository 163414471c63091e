"""SymPy expressions as MathML that browsers render themselves."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from sympy.printing.mathml import MathMLPresentationPrinter

from gradcert.derivations.proving.notation import GREEK, PARTS

_NAMED = re.compile(r"(\+?)(\w+?)(\d+)\^(\w+)\[(\d+),(\d+)\]")
_ARRAY = re.compile(r"([A-Za-z_]+?)(\d*)\[([\d,]+)\]")
_FACTOR = re.compile(r"<d(\w+)/d(\w+)(?::(\w+))?\|(.*)>")
_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵗˢᵏᵀⁿ", "0123456789+-=()tskTn")


def mathml(expression: Any) -> str:
    """Return presentation MathML without the ``math`` element.

    Examples
    --------
    >>> import sympy
    >>> from gradcert.derivations.proving.notation import sym
    >>> mathml(sym("v", "i", "t-1") + 2)
    '<mrow><msubsup><mi>v</mi><mi>i</mi><mi>t-1</mi></msubsup><mo>+</mo><mn>2</mn></mrow>'
    """
    return str(_Printer().doprint(expression))


def parts(name: str) -> tuple[str, str, str]:
    """Return (base, lower index, upper index) of a symbol's name; units, samples and steps are counted from 1.

    Examples
    --------
    >>> parts("v0^2[0,1]"), parts("v1^2[0,1]"), parts("W0[0,1]"), parts("H_u1[0,1]"), parts("+a0^0[0,0]")
    (('v', '2', '(3)'), ('v', '2', '(3), l=2'), ('W', '12', ''), ('H', 'u,12', 'l=2'), ('I', 'a,1', '(1)'))
    """
    if name in PARTS:
        return PARTS[name]
    if match := _NAMED.fullmatch(name):
        drive, base, layer, step, _, unit = match.groups()
        when = "(0)" if step == "init" else f"({int(step) + 1})"
        low = f"{base if drive else ''}{',' if drive else ''}{int(unit) + 1}"
        return "I" if drive else base, low, f"{when}, l={int(layer) + 1}" if layer != "0" else when
    if match := _ARRAY.fullmatch(name):
        base, layer, indices = match.groups()
        numbers = [str(int(i) + 1) for i in indices.split(",")]
        if base in ("x", "y"):
            return base, numbers[-1], f"({numbers[0]})"
        letter, _, more = GREEK.get(base, base).partition("_")
        low = f"{more}{',' if more else ''}{''.join(numbers)}"
        return letter, low, f"l={int(layer) + 1}" if layer not in ("", "0") else ""
    stem = name.rstrip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵗˢᵏᵀⁿ")
    return stem, "", name[len(stem) :].translate(_SUPER)


class _Printer(MathMLPresentationPrinter):  # type: ignore[misc]
    """SymPy's printer, with this room's names."""

    def __init__(self) -> None:
        super().__init__({"mul_symbol": None})

    def _leaf(self, tag: str, text: str) -> Any:
        node = self.dom.createElement(tag)
        node.appendChild(self.dom.createTextNode(text))
        return node

    def _scripted(self, base: str, low: str, up: str) -> Any:
        if not low and not up:
            return self._leaf("mi", base)
        node = self.dom.createElement("msubsup" if low and up else "msub" if low else "msup")
        for text in (base, low, up):
            if text:
                node.appendChild(self._leaf("mi", text))
        return node

    def _print_Symbol(self, sym: Any, style: str = "plain") -> Any:
        name = str(sym)
        if match := _FACTOR.fullmatch(name):
            target, source, edge, place = match.groups()
            node = self.dom.createElement("msub")
            fraction = self.dom.createElement("mfrac")
            fraction.appendChild(self._leaf("mi", f"∂{target}"))
            fraction.appendChild(self._leaf("mi", f"∂{source}"))
            node.appendChild(fraction)
            _, low, up = parts(place)
            node.appendChild(self._leaf("mtext", " ".join(t for t in (edge or "", low, up) if t)))
            return node
        return self._scripted(*parts(name))

    def _print_Indexed(self, e: Any) -> Any:
        base, _, up = parts(str(e.base))
        return self._scripted(base, "".join(map(str, e.indices)), up)

    def _print_KroneckerDelta(self, e: Any) -> Any:
        return self._scripted("δ", "".join(map(str, e.args)), "")

    def _print_Function(self, e: Any) -> Any:
        if type(e).__name__ in ("log", "exp"):
            return super()._print_Function(e)
        row = self.dom.createElement("mrow")
        letters = {"phi": "φ", "sigma": "σ"}
        name = type(e).__name__
        stem = name.rstrip("'")
        greek = letters.get(stem.rstrip("0123456789"), stem.rstrip("0123456789"))
        row.appendChild(self._leaf("mi", greek + stem[len(stem.rstrip("0123456789")) :] + name[len(stem) :]))
        row.appendChild(self._leaf("mo", "("))
        row.appendChild(self._print(e.args[0]))
        row.appendChild(self._leaf("mo", ")"))
        return row


def prose(text: str) -> str:
    """Return text as HTML, with ``x^t``, ``x^(t-1)`` and ``J_ij`` set as upper and lower indices.

    Examples
    --------
    >>> prose("J_ij^t < x^(t-1)")
    'J<sub>ij</sub><sup>t</sup> &lt; x<sup>t-1</sup>'
    """
    out = escape(text, quote=False)
    out = re.sub(r"(?<=[A-Za-zα-ωεψφ̂̄])_\(([^()]+)\)", r"<sub>\1</sub>", out)
    out = re.sub(r"(?<![\w/.])([A-Za-zα-ω]{1,4}'?[̂̄]?)_([A-Za-z0-9]+)(?![\w.(/])", r"\1<sub>\2</sub>", out)
    return re.sub(r"\^(?:\(([^()]+)\)|([\w-]))", lambda m: f"<sup>{m[1] or m[2]}</sup>", out)


def equation(left: Any, right: Any, label: str = "") -> str:
    """Return a displayed equation, with words in front of it where it has a label."""
    words = f'<span class="words">{prose(label)}</span>' if label else ""
    lines = [f"<mrow>{mathml(left)}<mo>=</mo>{mathml(right)}</mrow>"]
    if max(len(str(left)), len(str(right))) > 40:
        lines = [mathml(left), f"<mrow><mo>=</mo>{mathml(right)}</mrow>"]
    body = "".join(f'<math display="block">{line}</math>' for line in lines)
    return f'<div class="eq">{words}{body}</div>'
