"""What the letters of plain equations mean: those of a page by its own list, others by the lessons' symbol table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from gradcert.derivations.reading.expansion import expanded
from gradcert.derivations.reading.symbols import SYMBOLS
from gradcert.derivations.reading.tex import span
from scripts.docs.plain.formula import formula
from scripts.docs.plain.pieces import pieces

#: name in plain formulas -> its key in the symbol table of the lessons
KEYS = {
    **{name: name for name in ("W", "H", "b", "x", "v", "z", "o", "kap")},
    **{"lam": "lam", "th": "thr", "psi": "hp", "rho": "roh", "beta": "bet", "y": "y", "lp": "lamp", "lq": "lamq"},
    **{"a_pre": "apre", "a_post": "apost", "E": "Et"},
}
NOTHING: Mapping[str, str] = {}
OWN = {"o": "output $k$ of the network at step $t$."}  # the lessons' network has a readout of one kind
_NAME = re.compile(r"(?<![A-Za-z_])d?(a_pre|a_post|[A-Za-z]+)")
_LEFT = re.compile(r"(?:^|\s{2,})\s*(?:\S+\s{2,})?d?(a_pre|a_post|[A-Za-z]+)\S*\s+(?:=|<-|~)\s", re.MULTILINE)


def legend(text: str, own: Mapping[str, str] = NOTHING) -> str:
    """Return a list of letters with their meanings as HTML; empty where every letter is defined in the text.

    Parameters
    ----------
    own : sign in plain letters -> what it means on this page, whether the text defines it or not.

    Examples
    --------
    >>> "leak" in legend("e^t = lam e^(t-1)"), legend("lam = 1")
    (True, '')
    >>> "credit" in legend("g^t = psi^t", {"g^t": "credit."})
    True
    """
    text = text.replace("(x)", "")
    used, defined = set(_NAME.findall(text)), set(_LEFT.findall(text)) - {"E"}  # E^t is what E is the sum of
    defined |= {name for sign in own for name in _NAME.findall(sign)[:1]}
    rows = [f"<dt>{span(formula(sign) or sign)}</dt><dd>{_said(says)}</dd>" for sign, says in own.items()]
    for name, key in KEYS.items():
        if name in used - defined:
            symbol = SYMBOLS[key]
            parts = re.split(r"\$([^$]+)\$", OWN.get(name, symbol.says))
            says = "".join(span(expanded(part)) if n % 2 else part for n, part in enumerate(parts))
            rows.append(f"<dt>{span(expanded(symbol.sign))}</dt><dd>{says}</dd>")
    return f'<dl class="where">{"".join(rows)}</dl>' if rows else ""


def _said(text: str) -> str:
    """Return a sentence, its formulas set."""
    return "".join(span(p.tex) if p.tex else escape(p.text, quote=False) for p in pieces(text, prose=True))
