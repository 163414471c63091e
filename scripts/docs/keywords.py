r"""Words by which a page is found that do not stand on it: a formula has \lambda, and who searches types lambda or λ.

Sphinx puts the keywords of a page into the index of the search; `static/site.js` turns a Greek letter into its name.
"""

from __future__ import annotations

import re
from typing import Any

from gradcert.derivations.reading.expansion import expanded
from gradcert.derivations.reading.lesson import lesson, names
from gradcert.derivations.reading.symbols import SYMBOLS

_NAMES = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
_GREEK = frozenset(_NAMES.split())
SAID = {
    "reference/surrogates": "surrogate surrogates gradient",
    "reference/rules/bptt": "backpropagation through time",
    "derivations/paths": "backpropagation through time",
}


def greek(tex: str) -> list[str]:
    r"""Return the names of the Greek letters of formulas.

    Examples
    --------
    >>> greek(r"\Lambda_t+\varepsilon^{t}\,\delta \ge \lambda")
    ['delta', 'epsilon', 'lambda']
    """
    found = {name.lower().removeprefix("var") for name in re.findall(r"\\([A-Za-z]+)", tex)}
    return sorted(found & _GREEK)


def keywords(page: str) -> str:
    """Return the keywords of a page of the site, by the name that Sphinx has for it, as it wants them."""
    words = SAID.get(page, "").split()
    room, _, name = page.partition("/")
    if page == "reference/symbols":
        words += greek(" ".join(expanded(s.sign) for s in SYMBOLS.values()))
    elif room == "derivations" and name in names():
        words += [*greek(" ".join(map(expanded, lesson(name).formulas()))), name]
    return ", ".join(words)


def add(app: Any, tree: Any) -> None:
    """Give a page its keywords."""
    import docutils.nodes

    if words := keywords(app.env.docname):
        tree.append(docutils.nodes.meta(name="keywords", content=words))


def setup(app: Any) -> dict[str, Any]:
    """Register it."""
    app.connect("doctree-read", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
