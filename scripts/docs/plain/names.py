r"""What a name of a plain formula is in TeX: letters, Greek, traces, functions. A word that is none of these is prose.

The signs are those of the symbol table of the derivations: lam is the leak everywhere, th the threshold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NONE: Mapping[str, tuple[str, str]] = {}
GREEK = {
    word: rf"\{tex}"
    for word, tex in (
        pair.split(":")
        for pair in (
            "lam:lambda kap:kappa kappa:kappa rho:rho al:alpha alpha:alpha be:beta beta:beta th:theta theta:theta"
            " psi:psi phi:phi delta:delta nu:nu mu:mu pi:pi tau:tau eta:eta gam:gamma gamma:gamma sigma:sigma"
            " eps:varepsilon epsilon:epsilon ell:ell Lam:Lambda Theta:Theta"
        ).split()
    )
}
#: a letter under an accent, or with an index of its own
MADE: dict[str, tuple[str, str]] = {
    "xh": (r"\hat{x}", ""),
    "xhh": (r"\hat{\hat{x}}", ""),
    "bh": (r"\hat{b}", ""),
    "Rh": (r"\hat{R}", ""),
    "eb": (r"\bar{e}", ""),
    "zh": (r"\hat{z}", ""),
    "wtr": (r"\hat{w}", ""),
    "ttr": (r"\hat{\theta}", ""),
    "ltr": (r"\hat{\lambda}", ""),
    "dth": (r"d\theta", ""),
    "zbar": (r"\bar{z}", ""),
    "wbar": (r"\bar{w}", ""),
    "psibar": (r"\bar{\psi}", ""),
    "epsa": (r"\varepsilon", r"\mathrm{a}"),
    "hpost": ("h", r"\mathrm{post}"),
    "lp": (r"\lambda", "p"),
    "lq": (r"\lambda", "q"),
    "ar": (r"\alpha", "r"),
    "vr": ("v", r"\mathrm{r}"),
    "wrp": ("w", r"\mathrm{rp}"),
    "zt": (r"\tilde{z}", ""),
    "vt": (r"\tilde{v}", ""),
    "JA": (r"J\,A", ""),
    "Hx": (r"H\,x", ""),
}
FUNCTIONS = {
    *("sigmoid", "tanh", "exp", "log", "sin", "cos", "sign", "softmax", "diag", "pattern", "mean", "max", "min"),
    *("mask", "grad", "relu", "normalise", "err", "scale", "width", "gain", "rate", "estimate", "penalty", "uniform"),
    *("leak", "dim", "ratio", "strength", "target"),
}
#: of these, words of prose too
WORDY = frozenset(
    (
        "ratio",
        "rate",
        "gain",
        "scale",
        "width",
        "leak",
        "mean",
        "mask",
        "estimate",
        "penalty",
        "pattern",
        "sign",
    )
)
BIG = {"sum": r"\sum", "prod": r"\prod"}
#: words below a letter that are no product of indices
BELOW = {
    *("in", "rec", "out", "up", "pre", "post", "max", "min", "mean", "target", "scaled", "unscaled", "adp", "code"),
    *("before", "after", "drive", "prev"),
}
_LETTERS = re.compile(r"[A-Za-z]|∂")
# a weight and its gate, J and what it is of, a letter and its number
_INDEXED = re.compile(r"([FJUW])([a-z]{1,2})|([A-Za-z])(\d)|([bc])([ginrfz])|(v)([fz])")
_INDICES = re.compile(r"[a-zIKTNLSVHWP]{1,2}\d?|\d+")


def letter(word: str, own: Mapping[str, tuple[str, str]] = NONE) -> tuple[str, str] | None:
    r"""Return the TeX of a name and of an index that it brings; nothing where it is no name of a formula.

    `own` are names that a page has beside those that all pages share.

    Examples
    --------
    >>> print(letter("lam"), letter("epsa"), letter("Uf"), letter("r0"), letter("spike"))
    ('\\lambda', '') ('\\varepsilon', '\\mathrm{a}') ('U', 'f') ('r', '0') None
    """
    if word in own:
        return own[word]
    if word in GREEK:
        return GREEK[word], ""
    if word in MADE:
        return MADE[word]
    if _LETTERS.fullmatch(word):
        return (r"\partial" if word == "∂" else word), ""
    if word in FUNCTIONS:
        return rf"\operatorname{{{word}}}", ""
    if (match := _INDEXED.fullmatch(word)) is not None and word not in PROSE:
        base, index = (part for part in match.groups() if part)
        return base, index
    return None


#: two and three letters that would be a letter with an index, and are words
PROSE = frozenset(("We", "Was", "Way", "Us", "For", "Few"))


def below(word: str) -> str | None:
    r"""Return the TeX of a word below a letter; nothing where it is a word of code.

    Examples
    --------
    >>> print(below("ij"), below("in"), below("th"), below("local"))
    ij \mathrm{in} \theta None
    """
    if word in BELOW:
        return rf"\mathrm{{{word}}}"
    if word in GREEK:
        return GREEK[word]
    if _INDICES.fullmatch(word):
        return word
    return None
