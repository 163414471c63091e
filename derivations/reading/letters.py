r"""What a page calls by which letter: none that is not in the table, none before it is defined, none for two things.

A symbol is defined where a ``where`` block lists it, or a paragraph that says ``{=key}`` explains it. It may be used in
the piece of the page that stands right before, as a formula stands before the list under it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradcert.derivations.reading.lesson import _MATH, Lesson
from gradcert.derivations.reading.symbols import COLOURS, LETTERS, SYMBOLS

_TEXT = re.compile(r"\\(?:text|operatorname|mathrm|begin|end|htmlClass|small)\*?\{[^{}]*\}|\\(?:text)\{[^}]*\}")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
# what KaTeX knows and is no symbol
COMMANDS = frozenset(
    "frac tfrac dfrac partial sum prod quad qquad bigl bigr Bigl Bigr biggl biggr left right underbrace cdot cdots "
    "dots ldots le ge ne in leftarrow rightarrow to odot times begin end aligned boxed text textstyle "
    "displaystyle small operatorname diag dfrac hfill over infty pm approx bar hat mathbf prime top tanh exp "
    "log min max sqrt lvert rvert sin cos pi "
    "lfloor rfloor lceil rceil langle rangle mathsf mid ll gg lVert rVert cases equiv nabla sigma varphi colon not "
    "forall mapsto scriptstyle phantom iff implies Leftrightarrow".split()
)


#: letters that a page's own words define, and not those of the table
OWN: dict[str, dict[str, str]] = {
    "bounds": {"p": "a tensor of the network, as the weights of one layer."},
    "convolution": {"m": "a pixel of the input.", "n": "number of positions."},
    "eprop": {"l": "a unit of the layer."},
    "fixedpoint": {"k": "a whole number: a leak $1-2^{-k}$ needs a shift and no product."},
    "ostl": {"l": "a layer, $1$ to $K$, counted from the input; in the softmax an output."},
    "ottt": {"q": "an input of the unit, the one whose weight $W_{iq}$ is in question."},
    "rates": {"m": "a step between $s$ and $t$."},
    "snap": {"k": "a unit of the layer."},
    "unbiased": {"k": "a unit of the layer.", "l": "a unit of the layer."},
}
#: what the words before or behind a letter's definition speak of, where its sentence in the table is meant
SPOKEN = {
    **{"k": "output|class|head", "l": "layer", "m": "input|weights", "n": "unit", "p": "unit", "q": "from|input"},
    "K": "layer",
}
#: the one function that is written with a letter that no macro sets
SIGMOID = {
    r"\sigma": "the logistic function, $\\sigma(u)=1/(1+e^{-u})$, between 0 and 1.",
    r"\sigma'": "slope of the logistic function, $\\sigma\\,(1-\\sigma)$.",
}


def declared(lesson: Lesson) -> dict[str, str]:
    """Return letter -> sentence for the plain letters that a page defines: by its own words, else by the table's."""
    own: dict[str, str] = {}
    keys: list[str] = []
    for block in (block for section in lesson.sections for block in section.blocks):
        keys += [key for key, _ in _defined(block.body)]
        if block.kind == "where":
            keys += block.title.split()
            lines = (line.split(":", 1) for line in block.body.splitlines() if ":" in line)
            own |= {key.strip(): says.strip() for key, says in lines if key.strip() in LETTERS}
    own |= OWN.get(lesson.name, {})
    # a letter that is the key of a symbol too is that symbol's where the page uses it
    plain = {letter for formula in lesson.formulas() for letter in used(formula)[1]}
    found = {key: own.get(key, LETTERS[key]) for key in keys if key in LETTERS and (key in plain or key in own)}
    text = " ".join(lesson.formulas())
    return found | {sign: says for sign, says in SIGMOID.items() if sign in text}


def _defined(text: str) -> Iterator[tuple[str, str]]:
    """Yield the keys that a text defines, each with the words around."""
    for match in re.finditer(r"\{=([^}]*)\}", text):
        for key in match[1].split():
            yield key, text[max(0, match.start() - 90) : match.end() + 90]


def unspoken(lesson: Lesson) -> list[str]:
    """Return the letters that the table explains by something that a page does not speak of where it defines them."""
    meant = declared(lesson)
    around: dict[str, str] = {}
    for block in (block for section in lesson.sections for block in section.blocks):
        for key, words in _defined(block.body):
            around[key] = around.get(key, "") + words
    tabled = {key: words for key, words in around.items() if key in SPOKEN and meant.get(key) == LETTERS[key]}
    return [f"{key} in {words!r}" for key, words in tabled.items() if not re.search(SPOKEN[key], words)]


def used(formula: str) -> tuple[list[str], list[str], list[str]]:
    r"""Return the symbols, plain letters and unknown commands of a formula.

    Examples
    --------
    >>> used(r"\v{i}{t-1}+\lam q\foo")
    (['v', 'lam'], ['i', 't', 'q'], ['foo'])
    """
    bare = re.sub(r"\\\\(\[\w+\])?", " ", _TEXT.sub(" ", formula))
    symbols, unknown = [], []
    for name in _COMMAND.findall(bare):
        if name in SYMBOLS:
            symbols.append(name)
        elif name not in COMMANDS and name not in COLOURS:
            unknown.append(name)
    letters = re.findall(r"[A-Za-zα-ωΑ-Ω]", _COMMAND.sub(" ", bare))
    return symbols, list(dict.fromkeys(letters)), unknown


def problems(lesson: Lesson) -> list[str]:
    """Return what is wrong with the letters of a page, as sentences."""
    found: list[str] = []
    pieces = [block for section in lesson.sections for block in section.blocks]
    defined: set[str] = set()
    pending: dict[str, int] = {}
    spelled: dict[str, str] = {}
    for n, block in enumerate(pieces):
        text = f"{block.title}\n{block.body}"
        now = set(" ".join(re.findall(r"\{=([^}]*)\}", text)).split())
        if block.kind == "where":
            now |= set(block.title.split())
        found += [f"{name} is defined and is not in the table" for name in now - set(SYMBOLS) - set(LETTERS)]
        defined |= now
        for name, where in list(pending.items()):
            if name in defined:
                del pending[name]
            elif n > where + 1:
                found.append(f"{name} is used before it is defined: {pieces[where].body[:60]!r}")
                del pending[name]
                defined.add(name)
        for match in _MATH.finditer(text):
            symbols, letters, unknown = used(match[1] or match[4])
            found += [f"\\{name} is no symbol and no command" for name in unknown]
            for letter in letters:
                if letter not in LETTERS and not _is_example(letter, match[1] or match[4]):
                    found.append(f"the letter {letter} in {(match[1] or match[4])[:60]!r} is not in the table")
            for name in [*symbols, *(x for x in letters if x in LETTERS and x not in "d")]:
                if name not in defined:
                    pending.setdefault(name, n)
            for name in symbols:
                base = re.match(r"\\?[A-Za-z]+(?:\s*\\?[a-z])?", SYMBOLS[name].tex)
                shown = base[0] if base else SYMBOLS[name].tex
                if spelled.setdefault(shown, name) != name and {spelled[shown], name} not in _SAME:
                    found.append(f"{name} and {spelled[shown]} are both written {shown}")
    found += [f"{name} is used and never defined" for name in pending]
    return list(dict.fromkeys(found))


#: two entries of one thing: an eligibility by unit or by synapse, a learning signal with and without its feedback; or
#: of two, with a word or a letter as the index that tells them apart
_SAME = (
    *({"E", "Et"}, {"h", "hp"}, {"g", "gp"}, {"z", "rate"}),
    *(
        {"lam", "lamp"},
        {"lam", "lamq"},
        {"lamp", "lamq"},
        {"lam", "lamu"},
        {"apre", "apost"},
        {"W", "Wpq"},
        {"x", "xmax"},
        {"dl", "dc"},
    ),
    *({"lam", "lamu"}, {"J", "Jl"}, {"cs", "bc"}),
)


def _is_example(letter: str, formula: str) -> bool:
    """Whether a letter is that of a particular weight, written with its indices as numbers: W_{11}, x_1^2."""
    return bool(re.search(rf"{letter}'?[_^]", formula)) or f"d{letter}" in formula or letter in "dE"
