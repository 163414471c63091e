r"""Read one plain formula, such as ``e_ij^t = psi_i^t xh_j^(t-1)``, and return its TeX; or nothing, if it is none.

Nothing is dropped: a sign that is not known makes the text no formula, and it stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scripts.docs.plain.names import BIG, NONE, below, letter

_TOKEN = re.compile(
    r"\s+|(?<!\S)\(x\)(?!\S)|\.\.\.|\.\.|<-|->|<=|>=|!=|\+-(?=1|\s)|[A-Za-z]+\d*|∂|\d+(?:\.\d+)?(?:e-?\d+)?|\.\d+|."
)
_SIGNS = {
    **{"(x)": r"\otimes", "...": r"\cdots", "..": r",\ldots,", "<-": r"\leftarrow", "->": r"\to", "<=": r"\le"},
    **{">=": r"\ge", "!=": r"\ne", "+-": r"\pm", "*": r"\odot", ".": r"\cdot", "~": r"\sim", "|": r"\vert"},
    **dict.fromkeys("=<>+-/,;!", ""),
}
RELATIONS = frozenset(("=", "<-", "<=", ">=", "<", ">", "~", "!=", "->"))
_OPEN, _CLOSE = {"(": "(", "[": "[", "{": r"\{"}, {")": ")", "]": "]", "}": r"\}"}
_WANTING = (*RELATIONS, "+", "-", "*", "(x)", ",", ";", "/")  # what no formula ends with
_STANDING = ("W", "U", "H", "b")  # W. is the weight of whatever gate
_REPORT = re.compile(r"\d{4}\.\d{4}")  # a number of arXiv
_PAIRS = {"(": ")", "{": "}", "[": "]"}


class NoFormula(Exception):
    """What is read is not a formula, or not one that is known how to set."""


@dataclass
class _Reader:
    """Tokens and the place in them."""

    tokens: list[str]
    own: Mapping[str, tuple[str, str]]
    at: int = 0
    below: int = 0  # how many indices in brackets are open

    def now(self, ahead: int = 0) -> str:
        """Return the token here, or one further on; empty at the end."""
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self) -> str:
        """Return the token here and go on."""
        self.at += 1
        return self.tokens[self.at - 1]


def formula(text: str, own: Mapping[str, tuple[str, str]] = NONE) -> str | None:
    r"""Return the TeX of a plain formula; nothing where the text is none. `own` are names of the page alone.

    Examples
    --------
    >>> print(formula("eps_w^t = J^t eps_w^(t-1) + g'(a^t) (x) x^t"))
    \varepsilon_{w}^{t} = J^{t}\,\varepsilon_{w}^{t-1} + g'(a^{t}) \otimes x^{t}
    >>> print(formula("dE/dw_ij = sum_(k <= t) lam^(t-k) z'"))
    \frac{dE}{dw_{ij}} = \sum_{k \le t} \lambda^{t-k}\,z'
    >>> formula("reset_delay=True"), formula("the leak"), formula("z_local")
    (None, None, None)
    """
    text = text.strip()
    reader = _Reader(_TOKEN.findall(text), own)
    signs = len(reader.tokens) > 1 and reader.tokens[-1] in _WANTING and not re.search(r"[A-Za-z^][*~+-]$|^<.*>$", text)
    if "".join(reader.tokens) != text or not reader.tokens or signs or _REPORT.search(text):
        return None
    try:
        found = _row(reader, "")
    except NoFormula:
        return None
    return found if reader.at == len(reader.tokens) else None


def _row(reader: _Reader, until: str) -> str:
    """Read up to the bracket that ends the row, or to the end."""
    out = ""
    atom = False  # whether what stands before is one, so that what follows is a factor
    while reader.now() != until:
        if not reader.now() or (reader.now() == ";" and not until):
            raise NoFormula
        if reader.now() == "," and reader.now(1).isspace() and not until:
            reader.at += 2  # a list of formulas
            out, atom = out + r",\; ", False
            continue
        if reader.now().isspace():
            reader.take()
            following = reader.now()
            gap = atom and following and (following[0].isalnum() or following[0] in "([∂|") and following != "(x)"
            sized = gap and following == "x" and reader.now(1).isspace() and reader.now(2)[:1] == "n"
            if sized:  # n x n_in
                reader.take()
                out, atom = out + r" \times ", False
            elif gap:
                numbers = out[-1:].isdigit() and following[0].isdigit()
                out += r" \cdot " if numbers else r"\,"
            continue
        tex, atom = _part(reader)
        spaced = tex in {r"\in", *(_SIGNS.get(s) or s for s in (*RELATIONS, "+", "-", "(x)", "*", ".", "+-"))}
        command = re.search(r"\\[A-Za-z]+$", out) and tex[0].isalpha()
        out = f"{out.rstrip()} {tex} " if spaced and out.strip() else out + " " * bool(command) + tex
    return re.sub(r" +", " ", out).strip()


def _part(reader: _Reader) -> tuple[str, bool]:
    """Read a name, a number, a bracket or a sign; return it, and whether a factor may follow."""
    token = reader.now()
    if token == "sqrt" and reader.now(1) == "(":
        reader.at += 2
        inside = _group(reader, ")")
        return rf"\sqrt{{{inside}}}", True
    if token == "abs" and reader.now(1) == "(":
        reader.at += 2
        return rf"\vert {_group(reader, ')')} \vert" + _scripts(reader, "", ")"), True
    if token == "(" and (found := _cases(reader)):
        return found, True
    if token in _OPEN and token != "(x)":
        reader.take()
        inside = _group(reader, _PAIRS[token])
        return f"{_OPEN[token]}{inside}{_CLOSE[_PAIRS[token]]}" + _scripts(reader, "", ")"), True
    if token == "in" and reader.below:
        reader.take()
        return r"\in", False
    if token in BIG:
        reader.take()
        return BIG[token] + _scripts(reader, "", token) + " ", False
    if token[0].isalpha() or token == "∂":
        return _derivative(reader), True
    if token == "<" and _angle(reader):
        reader.take()
        return rf"\langle {_group(reader, '>')} \rangle", True
    if token[0].isdigit() or re.fullmatch(r"\.\d+", token):
        return reader.take() + _scripts(reader, "", token), True
    if token in _SIGNS:
        if token == "." and not (reader.now(-1).isspace() or reader.now(-1) in "(<,"):
            raise NoFormula  # the end of a sentence
        reader.take()
        return (_SIGNS[token] or token) + (_scripts(reader, "", token) if token == "|" else ""), token == "|"
    raise NoFormula


def _cases(reader: _Reader) -> str:
    """Read a choice, `(a where c, else b)`; nothing where what follows is none."""
    depth, end = 0, reader.at
    for end in range(reader.at, len(reader.tokens)):
        depth += (reader.tokens[end] in _OPEN) - (reader.tokens[end] in _CLOSE)
        if not depth:
            break
    match = re.fullmatch(r"\((.*) where (.*), else (.*)\)", "".join(reader.tokens[reader.at : end + 1]))
    parts = [formula(part, reader.own) for part in match.groups()] if match else []
    if not parts or None in parts:
        return ""
    reader.at = end + 1
    value, condition, otherwise = parts
    return rf"\begin{{cases}}{value} & {condition}\\{otherwise} & \text{{else}}\end{{cases}}"


def _group(reader: _Reader, end: str) -> str:
    """Read to the end of a bracket and past it."""
    inside = _row(reader, end)
    reader.take()
    return inside


def _derivative(reader: _Reader) -> str:
    """Read a name; where it is a differential over another one, both."""
    start = reader.now()
    above = _name(reader)
    differential = (start[0] in "d∂") and (len(start) > 1 or start == "∂")
    if not differential or reader.now() != "/" or reader.now(1)[:1] not in ("d", "∂"):
        return above
    if reader.now(1) == "d" and reader.now(2) == "(":
        reader.at += 3
        return rf"\frac{{{above}}}{{d({_group(reader, ')')})}}"
    reader.take()
    return rf"\frac{{{above}}}{{{_name(reader)}}}"


def _angle(reader: _Reader) -> bool:
    """Whether a sign opens an inner product: <w, u>."""
    rest = "".join(reader.tokens[reader.at :])
    return re.match(r"<[^\s<>=][^<>=]*,[^<>=]*[^\s<>=]>", rest) is not None


def _name(reader: _Reader) -> str:
    """Read a name with what stands below and above it."""
    token = reader.take()
    if token == "∂" and reader.now():
        return rf"\partial {_name(reader)}"
    found = letter(token, reader.own)
    if token == "step" and reader.now() == "(":
        found = r"\operatorname{step}", ""
    if found is None and token[0] == "d" and (rest := letter(token[1:], reader.own)) is not None:
        found = f"d{rest[0]}", rest[1]
    if found is None:
        raise NoFormula
    sign = found[0]
    if reader.now() == "~":  # at the letter
        reader.take()
        sign = rf"\tilde{{{sign}}}"
    return sign + _scripts(reader, found[1], token)


def _scripts(reader: _Reader, low: str, base: str) -> str:
    """Read indices, primes and marks; the one below first, as TeX wants it."""
    lows = [low] if low else []
    ups: list[str] = []
    primes = ""
    while token := reader.now():
        if token == "'":
            primes += reader.take()
        elif token in "+-" and base[:1].isalpha() and not ups and _mark(reader):
            ups.append(reader.take())
        elif token == "*" and base[:1].isalpha() and (reader.now(1) in ("", "^", "_", ")", ",") or _blank(reader)):
            ups.append(reader.take())
        elif token == "." and base in _STANDING and not lows and reader.now(1) in (" ", ")"):
            lows.append(r"\cdot")
            reader.take()
        elif token == "_" and (word := reader.now(1)):
            reader.at += 2
            reader.below += 1
            lows.append(_group(reader, _PAIRS[word]) if word in "({" else _below(word))
            reader.below -= 1
            if reader.now() == "," and reader.now(1).isalpha() and below(reader.now(1)):
                reader.take()
                lows.append(below(reader.take()) or "")
        elif token == "^" and (word := reader.now(1)):
            reader.at += 2
            ups.append(_above(reader, word, base))
        else:
            break
    below_ = f"_{{{','.join(lows)}}}" if lows else ""
    if ups and primes:
        return below_ + "^{" + r"\prime\," * len(primes) + ",".join(ups) + "}"
    return below_ + primes + (f"^{{{','.join(ups)}}}" if ups else "")


def _blank(reader: _Reader) -> bool:
    """Whether a star stands at the end of a word: y* is a target, a * b a product."""
    return reader.now(1).isspace() and not reader.now(-1).isspace()


def _mark(reader: _Reader) -> bool:
    """Whether a sign belongs to the letter before it, as in h- and c-: what follows is no operand."""
    following = reader.now(1)
    return (following == "" or following.isspace() or following in "),;]_/") and not reader.now(-1).isspace()


def _below(word: str) -> str:
    found = below(word)
    if found is None:
        raise NoFormula
    return found


def _above(reader: _Reader, word: str, base: str) -> str:
    """Read what stands above; a T above a matrix is its transpose."""
    if word in "({":
        return _group(reader, _PAIRS[word])
    if word in "+-" and reader.now()[:1].isalnum():
        return word + reader.take()
    if word == "T" and (base[:1].isupper() or base in (")", "nu")):
        return r"\top"
    if word in "+-*":
        return word
    if word[0].isdigit() or letter(word, reader.own) is not None:
        found = letter(word, reader.own)
        return word if found is None else found[0] + (f"_{{{found[1]}}}" if found[1] else "")
    raise NoFormula
