r"""SymPy expressions as TeX for the bundled KaTeX; prose with upper and lower indices.

``mathematics`` and ``expression`` give TeX; `span` and `display` put it where the page's script finds it. The TeX of a
chapter's own text is written in the macros of `symbols`, and `macros` turns an expression of the code into these.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from sympy.printing.latex import LatexPrinter

from gradcert.derivations.proving.notation import GREEK, PARTS
from gradcert.derivations.reading.expansion import expanded

_NAMED = re.compile(r"(\+?)(\w+?)(\d+)\^(\w+)\[(\d+),(\d+)\]")
_ARRAY = re.compile(r"([A-Za-z_]+?)(\d*)\[([\d,]+)\]")
_FACTOR = re.compile(r"<d(\w+)/d(\w+)(?::(\w+))?\|(.*)>")
_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵗˢᵏᵀⁿ", "0123456789+-=()tskTn")
_ACCENTS = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot"}
_MACROS = {"v": "v", "z": "z", "a": "a", "k": "k", "u": "u", "b": "bb"}
_CONSTANTS = {"λ": r"\lam", "θ": r"\thr", "β": r"\bet", "ρ": r"\roh", "κ": r"\kap"}


def tex(expression: Any) -> str:
    """Return an expression as TeX.

    Examples
    --------
    >>> from gradcert.derivations.proving.notation import sym
    >>> tex(sym("v", "i", "t-1") + 2)
    'v_{i}^{t-1} + 2'
    """
    return str(_Printer().doprint(expression))


def in_macros(expression: Any) -> str:
    r"""Return an expression of a cell's own code (`notation.code_step`) in the macros of the symbol table, for unit i.

    Examples
    --------
    >>> from gradcert.derivations.proving.notation import sym
    >>> print(in_macros(-sym("λ") * sym("v", "", "t-1")))
    -\lam\,\v{i}{t-1}
    """
    return str(_Macros().doprint(expression))


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


class _Printer(LatexPrinter):  # type: ignore[misc]
    """SymPy's printer, with this room's names."""

    def __init__(self) -> None:
        super().__init__({"mul_symbol": None})

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        name = str(expr)
        if match := _FACTOR.fullmatch(name):
            target, source, edge, place = match.groups()
            _, low, up = parts(place)
            where = " ".join(t for t in (edge or "", low, up) if t)
            return rf"\left.\frac{{\partial {target}}}{{\partial {source}}}\right|_{{\text{{{where}}}}}"
        return scripted(*parts(name))

    def _print_Indexed(self, expr: Any) -> str:
        base, _, up = parts(str(expr.base))
        return scripted(base, "".join(map(str, expr.indices)), up)

    def _print_KroneckerDelta(self, expr: Any, exp: Any = None) -> str:
        return rf"\delta_{{{''.join(map(str, expr.args))}}}"

    def _print_Function(self, expr: Any, exp: Any = None) -> str:
        if type(expr).__name__ in ("log", "exp"):
            return str(super()._print_Function(expr, exp))
        name = type(expr).__name__
        stem = name.rstrip("'")
        letter = stem.rstrip("0123456789")
        number, primes = stem[len(letter) :], name[len(stem) :]
        shown = {"phi": r"\varphi", "sigma": r"\sigma"}.get(letter, scripted(letter, "", ""))
        low = f"_{{{number}}}" if number else ""
        power = f"^{{{exp}}}" if exp is not None else ""
        out = f"{shown}{primes}{low}\\left({self._print(expr.args[0])}\\right)"
        return f"\\left[{out}\\right]{power}" if power else out

    _print_UndefinedFunction = _print_Function


class _Macros(_Printer):
    """One unit of a cell, in the macros of the pages; a slope of the output is psi, whatever it is taken at."""

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        base, low, up = parts(str(expr))
        if not low and up in ("t", "t-1") and base in _MACROS:
            return f"\\{_MACROS[base]}{{i}}{{{up}}}"
        return _CONSTANTS.get(base, scripted(base, low, up))

    def _print_Mul(self, expr: Any) -> str:
        """Print constants first, then slopes and variables."""
        number, rest = expr.as_coeff_Mul()
        if number not in (1, -1) or not expr.is_Mul:
            return str(super()._print_Mul(expr))
        factors = sorted(
            rest.args if rest.is_Mul else (rest,), key=lambda f: (str(f) not in _CONSTANTS, f.is_Add, str(f))
        )
        shown = [f"\\left({self._print(f)}\\right)" if f.is_Add else self._print(f) for f in factors]
        return ("-" if number == -1 else "") + r"\,".join(shown)

    def _print_Function(self, expr: Any, exp: Any = None) -> str:
        name = type(expr).__name__
        if re.fullmatch(r"h\d*'", name):
            return r"\hp{i}{t}"
        if re.fullmatch(r"phi\d*'", name):
            return r"\gp{i}{t}"
        return super()._print_Function(expr, exp)


def scripted(base: str, low: str, up: str) -> str:
    r"""Return a letter with indices as TeX; accents that are characters of their own become commands.

    Examples
    --------
    >>> print(scripted("x̂", "j", "t"), scripted("ak", "", "t"))
    \hat{x}_{j}^{t} \mathit{ak}^{t}
    """
    for mark, command in _ACCENTS.items():
        if base.endswith(mark):
            base = rf"\{command}{{{base[: -len(mark)]}}}"
    letter, _, more = base.partition("_")
    low = ",".join(t for t in (more, low) if t)
    shown = rf"\mathit{{{letter}}}" if re.fullmatch(r"[A-Za-z]{2,}", letter) else letter
    return shown + (f"_{{{low}}}" if low else "") + (f"^{{{up}}}" if up else "")


def _source(formula: str) -> str:
    """Return the attribute with what a reader copies, where that is not the formula as it stands, and the formula."""
    plain = expanded(formula)
    copied = f' data-tex="{escape(plain)}"' if plain != formula else ""
    return f"{copied}>{escape(formula, quote=False)}"


def span(formula: str) -> str:
    """Return a formula in the line, for the page's script."""
    return f'<span class="tex"{_source(formula)}</span>'


def displayed(formula: str) -> str:
    """Return a formula on a line of its own, for what has a number already."""
    return f'<div class="tex display"{_source(formula)}</div>'


def display(formula: str, *, number: str = "", anchor: str = "") -> str:
    """Return a formula on a line of its own, with its number where it has one."""
    mark = f'<a class="no" href="#{anchor}">({number})</a>' if number else ""
    name = f' id="{anchor}"' if anchor else ""
    return f'<div class="eq"{name}>{displayed(formula)}{mark}</div>'


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


def loose(formula: str) -> str:
    r"""Return a formula in which a line may end inside of brackets: those that grow with what they hold are one piece.

    Brackets around a fraction keep a size above that of letters.

    Examples
    --------
    >>> print(loose(r"\left(a + \left(\frac{b}{c}\right)^{2}\right) + \left.x\right|_{y}"))
    \Bigl(a + \Bigl(\frac{b}{c}\Bigr)^{2}\Bigr) + \left.x\right|_{y}
    """
    parts = re.split(r"(\\left|\\right)(?![A-Za-z])(\\[{}]|.)", formula)
    open_: list[int] = []
    for n in range(1, len(parts), 3):
        if parts[n] == r"\left":
            open_.append(n)
            continue
        start = open_.pop()
        if parts[start + 1] in "([" and parts[n + 1] in ")]":
            inside = "".join(parts[start + 2 : n])
            size = "Big" if re.search(r"\\t?frac|\\Big", inside) else ""
            parts[start], parts[n] = (rf"\{size}l", rf"\{size}r") if size else ("", "")
    return "".join(parts)


def equation(left: Any, right: Any, label: str = "") -> str:
    """Return a displayed identity of two expressions, with words in front of it where it has a label."""
    words = f'<span class="words">{prose(label)}</span>' if label else ""
    a, b = rf"\displaystyle {loose(expanded(tex(left)))}", f"= {loose(expanded(tex(right)))}"
    if tex(left) == tex(right):  # "X = X" is never printed
        return f'<div class="identity">{words}<div>{span(a)}</div></div>'
    # two lines, the second broken where sums allow it
    lines = [a, rf"\displaystyle {b}"] if max(len(str(left)), len(str(right))) > 40 else [f"{a} {b}"]
    return f'<div class="identity">{words}{"".join(f"<div>{span(line)}</div>" for line in lines)}</div>'
