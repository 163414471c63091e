"""What the letters of plain equations mean: those of a page by its own list, others by the lessons' symbol table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from gradcert.derivations.reading.expansion import expanded
from gradcert.derivations.reading.symbols import SYMBOLS
from gradcert.derivations.reading.tex import span
from scripts.docs.markdown import raw
from scripts.docs.plain.formula import formula
from scripts.docs.plain.names import NONE
from scripts.docs.plain.notation import of_page
from scripts.docs.plain.pieces import pieces

#: name in plain formulas -> its key in the symbol table of the lessons
KEYS = {
    **{name: name for name in ("W", "H", "b", "x", "v", "z", "o", "kap")},
    **{"lam": "lam", "th": "thr", "psi": "hp", "rho": "roh", "beta": "bet", "y": "y", "lp": "lamp", "lq": "lamq"},
    **{"a_pre": "apre", "a_post": "apost", "E": "Et"},
}
NOTHING: Mapping[str, str] = {}
Names = Mapping[str, tuple[str, str]]
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
    rows = [_row(formula(sign) or sign, says) for sign, says in own.items()]
    for name, key in KEYS.items():
        if name in used - defined:
            symbol = SYMBOLS[key]
            parts = re.split(r"\$([^$]+)\$", OWN.get(name, symbol.says))
            says = "".join(span(expanded(part)) if n % 2 else part for n, part in enumerate(parts))
            rows.append(f"<dt>{span(expanded(symbol.sign))}</dt><dd>{says}</dd>")
    return f'<dl class="where">{"".join(rows)}</dl>' if rows else ""


def listed(letters: Mapping[str, str], among: str, *, names: Names = NONE, of: str = "", folded: str = "") -> str:
    """Return those letters that formulas use as a list in HTML; empty where they use none.

    Parameters
    ----------
    letters : sign in plain letters -> what it means.
    among : the TeX of the formulas.
    names : names of the page alone, as TeX and an index.
    of : what the list holds for, as `assets/letters.js` reads it: ``section``, or nothing for the page.
    folded : what a reader opens to see the list, or nothing where it is open.

    Examples
    --------
    >>> listed({"v^t": "state.", "h": "another."}, "v^{t - 1}").count("<dt>")
    1
    """
    set_ = {
        formula(sign, names) or sign: says for sign, says in reversed([*letters.items()])
    }  # the first of a sign counts
    rows = [_row(tex, says) for tex, says in reversed(set_.items()) if _used(tex, among)]
    found = f'<dl class="where"{f" data-of={of}" if of else ""}>{"".join(rows)}</dl>' if rows else ""
    return f'<details class="letters"><summary>{folded}</summary>{found}</details>' if folded and rows else found


def formulas(page: str) -> str:
    """Return the TeX of a page, in HTML and between dollar signs."""
    found = re.findall(r'class="tex"[^>]*>([^<]*)|(?<!\\)\$([^$\n]+)\$', page)
    return " ".join(html or typed for html, typed in found)


def in_page(page: str, name: str) -> str:
    """Return a page of the mathematics, its formulas set, with what its letters mean: of all of it, and of sections."""
    parts = re.split(r"^(##? .*)$", page, flags=re.MULTILINE)
    for n in range(1, len(parts), 2):
        section = (re.match(r"## ([\d.]+) ", parts[n]) or ("", ""))[1]
        if not section and parts[n].startswith("## "):
            continue
        among = formulas(parts[n + 1] if section else page)
        words = f"Letters of {'this section' if section else 'this page'}"
        html = listed(of_page(name, section), among, of="section" if section else "", folded=words)
        parts[n] += f"\n\n{raw(html)}" if html else ""
    return "".join(parts)


def _used(sign: str, among: str) -> bool:
    """Whether formulas use a sign; which unit, layer or step it is of does not matter."""
    match = re.fullmatch(r"(\\?[A-Za-z]+(?:\{[^{}]*\})?|[A-Za-z])(_\{[^{}]*\})?('*)(?:\^\{.*\})?", sign)
    if match is None:
        return True
    base, low, primes = match.groups()
    any_index = low is None or re.fullmatch(r"_\{[ijklpqst,]+\}", low)
    among = among.replace("\\\\", " ")  # the end of a row
    after = r"(?:_\{[ijklpqst\d,+\s-]*\})?" if any_index else re.escape(low)
    prime = "(?:'|\\^\\{\\\\prime)" if primes or "prime" in sign else "(?!')"
    ends = "" if base == "d" or not any_index else "(?![A-Za-z_])" if base[-1].isalpha() else "(?!_)"
    before = r"(?<![A-Za-ce-z\\])(?<!hat.)(?<!bar.)(?<!tilde.)"
    return re.search(f"{before}{re.escape(base)}{after}{ends}{prime}", among) is not None


def _row(tex: str, says: str) -> str:
    return f"<dt>{span(tex)}</dt><dd>{_said(says)}</dd>"


def _said(text: str) -> str:
    """Return a sentence, its formulas set."""
    return "".join(span(p.tex) if p.tex else escape(p.text, quote=False) for p in pieces(text, prose=True))
