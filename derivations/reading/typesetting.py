r"""Short formulas as letters with places, for a drawing outside of a page, where no script sets them.

What the labels of the drawings need: letters, Greek, indices, accents, brackets, fractions. Widths are those of the
pages' own fonts; with another font a letter stands a hair off. A command that is not known is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from gradcert.derivations.reading.expansion import expanded
from gradcert.reference.errors import GradcertError

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[^\s]")
# hundredths of the size: letter and width
_ITALIC = (
    "a53 b43 c43 d52 e47 f49 g48 h58 i34 j41 k52 l30 m88 n60 o48 p50 q45 r45 s47 t36 u57 v48 w72 x57 y49 z47 A75 B76"
    " C71 D83 E74 F64 G79 H83 I44 J55 K85 L68 M97 N80 O76 P64 Q79 R76 S61 T58 U68 V58 W94 X83 Y58 Z68 α64 β57 γ52 δ44"
    " ε47 ζ44 η50 θ47 ι35 κ58 λ58 μ60 ν49 ξ44 π57 ρ52 σ57 τ44 φ65 χ63 ψ65 ω62 ϵ41 ϕ60"
)
_UPRIGHT = "Γ63 Δ83 Θ78 Λ69 Ξ67 Π75 Σ72 Φ72 Ψ78 Ω72 (39 )39 [28 ]28 +78 −78 =78 ,28 '28 ·28"
WIDTHS = {word[0]: int(word[1:]) / 100 for word in f"{_ITALIC} {_UPRIGHT}".split()} | dict.fromkeys("0123456789", 0.5)
_LETTERS = dict(
    zip(
        "alpha beta gamma delta varepsilon epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau varphi"
        " phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega cdot".split(),
        "αβγδεϵζηθικλμνξπρστφϕχψωΓΔΘΛΞΠΣΦΨΩ·",
        strict=True,
    )
)
_SPACES = {"\\,": 1 / 6, "\\;": 5 / 18, "\\quad": 1.0}
_ACCENTS = {"hat": "ˆ", "bar": "¯", "tilde": "˜"}
_TALL = set("bdfhklt()[]βδζθλξφχψ0123456789") | set("ABCDEFGHIJKLMNOPQRSTUVWXYZΓΔΘΛΞΠΣΦΨΩ")


@dataclass(frozen=True)
class Glyph:
    """A letter: where it begins on its base line (y points down), its size, and whether it is slanted.

    ``rule`` is the length of a line of a fraction, in the place of a letter.
    """

    letter: str
    x: float
    y: float
    size: float
    italic: bool = False
    rule: float = 0.0


@dataclass(frozen=True)
class Box:
    """Letters side by side: their width, height above the base line and depth below it; what kind of atom it is."""

    glyphs: tuple[Glyph, ...] = ()
    width: float = 0.0
    height: float = 0.0
    depth: float = 0.0
    kind: str = "ord"

    def at(self, x: float, y: float = 0.0) -> tuple[Glyph, ...]:
        """Return the letters, moved."""
        return tuple(replace(g, x=g.x + x, y=g.y + y) for g in self.glyphs)


@cache
def typeset(tex: str, size: float) -> Box:
    r"""Return a formula as letters with places.

    Examples
    --------
    >>> [(g.letter, round(g.x), round(g.y)) for g in typeset(r"\v{i}{t}", 10).glyphs]
    [('v', 0, 0), ('i', 5, 2), ('t', 5, -4)]
    """
    return _row(iter(_TOKEN.findall(expanded(tex))), size, until="")


def _row(tokens: Iterator[str], size: float, *, until: str, script: bool = False) -> Box:
    """Set tokens up to the one that ends them."""
    done: list[Box] = []
    for token in tokens:
        if token == until:
            break
        if token == "\\scriptstyle":
            size, script = 0.7 * size, True
        elif token in ("^", "_"):
            base = done.pop() if done else Box()
            done.append(_indexed(base, token, _group(tokens, size * (1 if script else 0.7), script=True), size))
        elif token in _SPACES:
            done.append(Box(width=_SPACES[token] * size, kind="space"))
        elif token not in ("\\left", "\\right", "\\displaystyle"):
            done.append(_atom(token, tokens, size, script=script))
    return _beside(done, size, tight=script)


def _group(tokens: Iterator[str], size: float, *, script: bool = False) -> Box:
    token = next(tokens)
    return _row(tokens, size, until="}", script=script) if token == "{" else _atom(token, tokens, size, script=script)


def _atom(token: str, tokens: Iterator[str], size: float, *, script: bool = False) -> Box:
    if token == "{":
        return replace(_row(tokens, size, until="}", script=script), kind="ord")
    name = token[1:]
    if name in _ACCENTS:
        box = _group(tokens, size)
        slant = 0.05 * size  # an accent stands above the upper half of a slanted letter
        mark = Glyph(_ACCENTS[name], box.width / 2 - size / 6 + slant, -max(0.0, box.height - 0.45 * size), size)
        return replace(box, glyphs=(*box.glyphs, mark), height=box.height + 0.2 * size)
    if name in ("mathit", "mathsf", "text"):
        box = _group(tokens, size)
        return replace(box, glyphs=tuple(replace(g, italic=name == "mathit") for g in box.glyphs))
    if name == "frac":
        above, below = _group(tokens, 0.7 * size, script=True), _group(tokens, 0.7 * size, script=True)
        width, up, down = max(above.width, below.width) + 0.2 * size, 0.6 * size, 0.42 * size
        rule = Glyph("", 0, -0.25 * size, 0.045 * size, rule=width)
        top, low = above.at((width - above.width) / 2, -up), below.at((width - below.width) / 2, down)
        return Box((*top, rule, *low), width, up + above.height, down + below.depth)
    letter = _LETTERS.get(name, "") if token.startswith("\\") else {"-": "−", "'": "'"}.get(token, token)
    if letter not in WIDTHS:
        raise GradcertError(f"no drawing can show {token!r}", do="add it to derivations/reading/typesetting.py")
    italic = letter.isalpha() and letter not in _UPRIGHT
    kind = {"+": "bin", "−": "bin", "·": "bin", "=": "rel", ",": "comma", "(": "open", "[": "open"}.get(letter, "ord")
    height = (0.7 if letter in _TALL else 0.45) * size
    depth = (0.2 if letter in "gjpqy()[]βγηζμρφχψξ" else 0.0) * size
    return Box((Glyph(letter, 0, 0, size, italic),), WIDTHS[letter] * size, height, depth, kind)


def _indexed(base: Box, mark: str, index: Box, size: float) -> Box:
    """Put an index above or below; one of each stand above each other."""
    start = float(base.kind.split()[1]) if base.kind.startswith("indexed") else base.width
    y = min(-0.41 * size, 0.3 * size - base.height) if mark == "^" else 0.22 * size
    glyphs = (*base.glyphs, *index.at(start + 0.04 * size, y))
    width = max(base.width, start + 0.04 * size + index.width + 0.05 * size)
    return Box(glyphs, width, max(base.height, index.height - y), max(base.depth, index.depth + y), f"indexed {start}")


def _beside(boxes: list[Box], size: float, *, tight: bool) -> Box:
    """Set boxes in a row, with the spaces of their kinds; a sign without a left side is part of what follows."""
    glyphs: list[Glyph] = []
    x, before, height, depth = 0.0, "open", 0.0, 0.0
    for box in boxes:
        kind = "ord" if box.kind == "bin" and before in ("open", "bin", "rel", "comma") else box.kind
        gap = {"bin": 2 / 9, "rel": 5 / 18}.get(kind, 0.0) * size * (not tight)
        glyphs += box.at(x + gap)
        x += gap + box.width + (gap or (size / 6 if kind == "comma" and not tight else 0.0))
        before = kind if kind != "space" else before
        height, depth = max(height, box.height), max(depth, box.depth)
    return Box(tuple(glyphs), x, height, depth)
