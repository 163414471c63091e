"""What the letters of plain equations mean: those that none of them defines, by the symbol table of the lessons."""

from __future__ import annotations

import re

from gradcert.derivations.reading.expansion import expanded
from gradcert.derivations.reading.symbols import SYMBOLS
from gradcert.derivations.reading.tex import span

#: name in plain formulas -> its key in the symbol table of the lessons
KEYS = {
    **{name: name for name in ("W", "H", "b", "x", "v", "z", "o", "kap")},
    **{"lam": "lam", "th": "thr", "psi": "hp", "rho": "roh", "beta": "bet", "y": "y", "lp": "lamp", "lq": "lamq"},
    **{"a_pre": "apre", "a_post": "apost", "E": "Et"},
}
OWN = {"o": "output $k$ of the network at step $t$."}  # the lessons' network has a readout of one kind
_NAME = re.compile(r"(?<![A-Za-z_])d?(a_pre|a_post|[A-Za-z]+)")
_LEFT = re.compile(r"(?:^|\s{2,})\s*(?:\S+\s{2,})?d?(a_pre|a_post|[A-Za-z]+)\S*\s+(?:=|<-|~)\s", re.MULTILINE)


def legend(text: str) -> str:
    """Return a list of letters with their meanings as HTML; empty where every letter is defined in the text.

    Examples
    --------
    >>> "leak" in legend("e^t = lam e^(t-1)"), legend("lam = 1")
    (True, '')
    """
    text = text.replace("(x)", "")
    used, defined = set(_NAME.findall(text)), set(_LEFT.findall(text)) - {"E"}  # E^t is what E is the sum of
    rows = []
    for name, key in KEYS.items():
        if name in used - defined:
            symbol = SYMBOLS[key]
            parts = re.split(r"\$([^$]+)\$", OWN.get(name, symbol.says))
            says = "".join(span(expanded(part)) if n % 2 else part for n, part in enumerate(parts))
            rows.append(f"<dt>{span(expanded(symbol.sign))}</dt><dd>{says}</dd>")
    return f'<dl class="where">{"".join(rows)}</dl>' if rows else ""
