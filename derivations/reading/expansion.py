r"""Formulas in LaTeX that everybody has: the pages' own macros written out, letters of other alphabets as commands.

A formula of a page is written in the macros of `symbols`. Whoever copies it into a paper, and whoever draws it outside
of a page, needs it without: `expanded` is the one place that writes macros out.
"""

from __future__ import annotations

import re
from functools import cache

from gradcert.derivations.reading.symbols import COLOURS, SYMBOLS

_TOKEN = re.compile(r"\\[A-Za-z]+\s*|\\.|.", re.DOTALL)
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρςστυφχψωΓΔΘΛΞΠΣΦΨΩ",
        "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho varsigma sigma tau upsilon "
        "varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split(),
        strict=True,
    )
) | {"ℓ": "ell", "∇": "nabla", "·": "cdot", "−": "-", "×": "times"}
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵗˢᵏᵀⁿ", "0123456789+-()tskTn", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))


@cache
def expanded(tex: str) -> str:
    r"""Return a formula, or text with formulas between dollar signs, in standard LaTeX (with amsmath).

    Colours are left out, and so are empty indices.

    Examples
    --------
    >>> print(expanded(r"\J{ij}{t}=\gp{i}{t}\,\rc{\H{ij}\,\hp{}{t-1}}+\lam\W{ij}^2"))
    J_{ij}^{t}=g'(a_{i}^{t})\,H_{ij}\,\psi^{t-1}+\lambda{W_{ij}}^2
    """
    return _ascii(_written(_TOKEN.findall(tex)))


def _written(tokens: list[str]) -> str:
    out, n = "", 0
    while n < len(tokens):
        token = tokens[n].rstrip() if tokens[n].startswith("\\") else tokens[n]
        name, n = token[1:], n + 1
        if not token.startswith("\\") or not (name in SYMBOLS or name in COLOURS):
            out = _joined(out, tokens[n - 1])
            continue
        blank = tokens[n - 1][len(token) :]
        template = "#1" if name in COLOURS else SYMBOLS[name].tex
        for k in range(1, 1 + len(set(re.findall(r"#(\d)", template)))):
            given, n = _argument(tokens, n)
            template, blank = template.replace(f"#{k}", _written(given)), ""
        body = re.sub(r"[_^]\{\}", "", template)
        out = _joined(out, (_bound(body, out, tokens[n : n + 1]) if name not in COLOURS else body) + blank)
    return out


def _argument(tokens: list[str], n: int) -> tuple[list[str], int]:
    """Return the tokens of the argument that begins at `n`, without its braces, and where it ends."""
    while n < len(tokens) and tokens[n].isspace():
        n += 1
    if tokens[n] != "{":
        return [tokens[n]], n + 1
    depth, end = 1, n + 1
    while depth:
        depth += {"{": 1, "}": -1}.get(tokens[end], 0)
        end += 1
    return tokens[n + 1 : end - 1], end


def _bound(body: str, before: str, after: list[str]) -> str:
    """Put braces around what is an index as a whole, or gets one; a single letter needs none."""
    single = re.fullmatch(r"\\[A-Za-z]+|.", body)
    indexed = before.rstrip().endswith(("^", "_")) or after in (["^"], ["_"], ["'"])
    return f"{{{body}}}" if indexed and not single else body


def _joined(before: str, more: str) -> str:
    """Append; a letter is no part of the command before it."""
    return f"{before} {more}" if more[:1].isalpha() and re.search(r"\\[A-Za-z]+$", before) else before + more


def _ascii(tex: str) -> str:
    for mark, table in (("^", _RAISED), ("_", _LOWERED)):
        parts = re.split(f"([{''.join(table)}]+)", tex)
        parts[1::2] = [f"{mark}{{{''.join(table[x] for x in part)}}}" for part in parts[1::2]]
        tex = "".join(parts)
    out = ""
    for token in _TOKEN.findall(tex):
        name = _GREEK.get(token)
        out = _joined(out, f"\\{name}" if name and name.isalpha() else name or token)
    return out
