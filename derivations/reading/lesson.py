r"""A chapter as a student reads it: a file of content, in Markdown with formulas and a few blocks of its own.

A file of `lessons`. Formulas stand between ``$`` or ``$$``, in the macros of `symbols`. Blocks open with ``:::name``
and close with ``:::``:

======================  ================================================================================
``where KEYS``          symbols with their sentences; this is where they are defined. A line ``key: sentence`` or
                        ``key = $sign$: sentence`` says what the page means by one, here and under the pointer
``hover``               such lines for the pointer alone
``lines``               a derivation: formula, reason, marks of the steps that prove it, item by item
``algorithm TITLE``     a program, one line each; a note below ``---``
``figure NAME``         a drawing, and its caption
``example NAME``        the example to play with; ``group`` and ``row`` lines say what its table shows
``mistakes``            ``id | text`` per line: what goes wrong, with its effect in the example
``measured``            the worked numbers of the chapter, run by the engine when the page is made
``exercise TITLE``      a question, and its answer below ``---``
======================  ================================================================================

In the text, ``@{name}`` is the number of a formula, ``@{#name}`` that of a section with the word before it,
``[[step]]`` the mark of a proof, ``{=v z}`` says that the symbols are defined by this paragraph,
``{{key}}`` or ``{{key;form}}`` is a number of the example, ``{state:text}`` has the
colour of an edge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path

from gradcert.derivations.reading.symbols import COLOURS, LETTERS, SYMBOLS
from gradcert.derivations.reading.tex import display, displayed, span
from gradcert.reference.errors import GradcertError

FOLDER = Path(__file__).parent / "lessons"
_MATH = re.compile(r"\$\$(.+?)\$\$(?:\s*\{#([\w-]+)\})?|(?<!\\)(\(?)\$([^$\n]+(?:\n[^$\n]+)*?)\$([.,;:)]?)", re.DOTALL)
_BLOCK = re.compile(r"^:::(\w+)[ \t]*(.*?)\n(.*?)^:::[ \t]*$", re.DOTALL | re.MULTILINE)
_WHOLE = r"<(?:code|pre|svg|script|style|button)\b.*?</(?:code|pre|svg|script|style|button)>" + (
    r'|<(?:span|div) class="tex.*?</(?:span|div)>|<[^>]*>'
)  # what is no words
_MARK = re.compile(r"\[\[([\w.-]+)\]\]")
_OWN = re.compile(r"^(\w+)[ \t]*(?:=[ \t]*\$([^$]+)\$[ \t]*)?:[ \t]*(.*)$", re.MULTILINE)
_COLOUR = re.compile(r"\{(" + "|".join(COLOURS.values()) + r"):([^{}]*)\}")


@dataclass(frozen=True)
class Block:
    """A piece of a chapter: ``text``, or one of the blocks above; what follows its name; its body."""

    kind: str
    title: str
    body: str


@dataclass(frozen=True)
class Section:
    """A section: its name in links, its heading, its pieces."""

    anchor: str
    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Lesson:
    """A chapter's page.

    Attributes
    ----------
    name, title, lead : name of the chapter, heading, one paragraph below it.
    sections : in reading order.
    """

    name: str
    title: str
    lead: str
    sections: tuple[Section, ...]

    def formulas(self) -> Iterator[str]:
        """Yield the formulas of the page in reading order."""
        for text in self.texts():
            yield from (m[1] or m[4] for m in _MATH.finditer(text))

    def texts(self) -> Iterator[str]:
        """Yield the text of every piece in reading order."""
        for section in self.sections:
            yield section.heading
            for block in section.blocks:
                yield f"{block.title}\n{block.body}"

    def signs(self) -> dict[str, tuple[str, str]]:
        """Return symbol -> sign and sentence under the pointer, for those that the page itself explains.

        Where two lists of the page explain one symbol, a ``hover`` block decides, and without one the table.
        """
        listed: dict[str, dict[tuple[str, str], None]] = {}
        hovered: dict[str, tuple[str, str]] = {}
        for block in (block for section in self.sections for block in section.blocks):
            for key, sign, says in _OWN.findall(block.body) if block.kind in ("where", "hover") else ():
                if key in SYMBOLS:
                    found = (sign or SYMBOLS[key].sign, re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", says))
                    if block.kind == "hover":
                        hovered[key] = found
                    else:
                        listed.setdefault(key, {})[found] = None
        return {key: next(iter(found)) for key, found in listed.items() if len(found) == 1} | hovered

    def marks(self) -> list[str]:
        """Return the steps that the page refers to, in reading order, each once."""
        found: dict[str, None] = {}
        for text in self.texts():
            found |= dict.fromkeys(_MARK.findall(text))
        return list(found)


def names() -> list[str]:
    """Return the chapters that have a page of this kind."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


@cache
def lesson(name: str) -> Lesson:
    """Read a chapter's file.

    Examples
    --------
    >>> lesson("ostl").sections[0].heading
    'The question'
    """
    path = FOLDER / f"{name}.md"
    if not path.is_file():
        raise GradcertError(f"the lesson {name!r} is unknown", allowed=", ".join(names()))
    return parsed(name, path.read_text(encoding="utf-8"))


def parsed(name: str, source: str) -> Lesson:
    """Return the text of a chapter as sections and blocks."""
    head, *rest = re.split(r"^## ", source, flags=re.MULTILINE)
    title = re.match(r"# (.*)", head)
    if title is None:
        raise GradcertError(f"the lesson {name!r} has no title", do="begin its file with '# Title'")
    sections = []
    for text in rest:
        heading, _, body = text.partition("\n")
        anchor = re.search(r"\{#([\w-]+)\}\s*$", heading)
        if anchor is None:
            raise GradcertError(f"{name}: the section {heading!r} has no name", do="end its heading with {#name}")
        sections.append(Section(anchor[1], heading[: anchor.start()].strip(), tuple(_blocks(body))))
    return Lesson(name, title[1].strip(), head[title.end() :].strip(), tuple(sections))


def _blocks(body: str) -> Iterator[Block]:
    last = 0
    for match in _BLOCK.finditer(body):
        if text := body[last : match.start()].strip():
            yield Block("text", "", text)
        yield Block(match[1], match[2].strip(), match[3].strip("\n"))
        last = match.end()
    if text := body[last:].strip():
        if ":::" in text:
            raise GradcertError(f"a block is not closed: {text[text.index(':::') :][:60]!r}", do="close it with ':::'")
        yield Block("text", "", text)


@dataclass
class Writer:
    """Turns pieces into HTML; numbers formulas as they come.

    Attributes
    ----------
    mark : step id -> HTML of its mark.
    figure, example, measured : what fills these blocks.
    files : name of a figure -> links to its files.
    traps : what stands below the table of mistakes.
    numbers : name of a formula, or ``#`` and that of a section -> its number, filled beforehand (`numbered`).
    """

    numbers: dict[str, int]
    mark: Callable[[str], str]
    figure: Callable[[str], str]
    files: Callable[[str], str]
    example: Callable[[Block, Writer], str]
    measured: Callable[[], str]
    traps: str = ""
    defined: set[str] = field(default_factory=set)

    def inline(self, text: str) -> str:
        """Return a line of text: formulas, marks, numbers and colours, the rest Markdown."""
        return re.sub(r"^<p>|</p>\s*$", "", self.markdown(text).strip())

    def markdown(self, text: str) -> str:
        """Return text as HTML."""
        from markdown_it import MarkdownIt

        kept: list[str] = []

        def keep(html: str) -> str:
            kept.append(html)
            return f"\ue000{len(kept) - 1}\ue001"

        def math(match: re.Match[str]) -> str:
            if match[1]:
                return f"\n\n{keep(self.formula(match[1], match[2] or ''))}\n\n"
            before, after = match[3], match[5]
            html = f"{before}{span(match[4])}{after}"
            return keep(f'<span class="keep">{html}</span>' if before or after else html)

        text = _MATH.sub(math, text)
        text = re.sub(
            rf"{_MARK.pattern}([.,;:)]?)",
            lambda m: keep(f'<span class="keep">{self.mark(m[1])}{m[2]}</span>' if m[2] else self.mark(m[1])),
            text,
        )
        text = re.sub(r"\s*\{=[^}]*\}(?=[\s.,;:)]|$)|\{=[^}]*\}", "", text)
        text = re.sub(r"\{\{([^};]*)(?:;(\w+))?\}\}", lambda m: keep(_number(m[1], m[2])), text)
        text = re.sub(r"@\{(#?[\w-]+)\}", lambda m: keep(self.reference(m[1])), text)
        text = _COLOUR.sub(lambda m: keep(f'<b class="{m[1]}">') + m[2] + keep("</b>"), text)
        html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
        html = re.sub(r"<p>\s*(\ue000\d+\ue001)\s*</p>", lambda m: m[1] if self.is_block(kept, m[1]) else m[0], html)
        html = re.sub(r"<table>.*?</table>", lambda m: _framed(m[0]), html, flags=re.DOTALL)
        for _ in range(2):  # a mark may stand in a kept piece
            html = re.sub(r"\ue000(\d+)\ue001", lambda m: kept[int(m[1])], html)
        return html

    @staticmethod
    def is_block(kept: list[str], token: str) -> bool:
        """Whether a kept piece is a formula on a line of its own."""
        return kept[int(token[1:-1])].startswith("<div")

    def formula(self, tex: str, name: str) -> str:
        """Return a displayed formula, numbered where it has a name."""
        number = str(self.numbers[name]) if name else ""
        return display(tex.strip(), number=number, anchor=f"eq-{name}" if name else "")

    def reference(self, name: str) -> str:
        """Return a link to a numbered formula, or to a section."""
        if name.startswith("#"):
            if name not in self.numbers:
                known = ", ".join(k for k in self.numbers if k.startswith("#"))
                raise GradcertError(f"@{{{name}}} refers to no section", allowed=known)
            return f'<a class="ref" href="{name}">section {self.numbers[name]}</a>'
        if name not in self.numbers:
            raise GradcertError(f"@{{{name}}} refers to no formula", allowed=", ".join(self.numbers))
        return f'<a class="ref" href="#eq-{name}">({self.numbers[name]})</a>'

    def block(self, block: Block) -> str:
        """Return a piece as HTML."""
        kinds: dict[str, Callable[[Block], str]] = {
            "text": lambda b: self.markdown(b.body),
            "where": self.where,
            "hover": lambda b: "",
            "lines": self.lines,
            "algorithm": self.algorithm,
            "figure": lambda b: (
                f"<figure>{self.figure(b.title)}"
                f"<figcaption>{self.inline(b.body)} {self.files(b.title)}</figcaption></figure>"
            ),
            "example": lambda b: self.example(b, self),
            "mistakes": self.mistakes,
            "measured": lambda b: self.measured(),
            "exercise": self.exercise,
        }
        if block.kind not in kinds:
            raise GradcertError(f"the block {block.kind!r} is unknown", allowed=", ".join(kinds))
        return kinds[block.kind](block)

    def where(self, block: Block) -> str:
        """Return a list of symbols with their sentences."""
        own = {key: (sign, says) for key, sign, says in _OWN.findall(block.body)}
        rows = []
        for key in block.title.split():
            table = (SYMBOLS[key].sign, SYMBOLS[key].says) if key in SYMBOLS else (key, LETTERS[key])
            sign, says = (mine or usual for mine, usual in zip(own.get(key, ("", "")), table, strict=True))
            rows.append(f"<dt>{span(sign)}</dt><dd>{self.inline(says.strip())}</dd>")
        return f'<dl class="where">{"".join(rows)}</dl>'

    def lines(self, block: Block) -> str:
        """Return a derivation, line by line."""
        items = []
        for match in re.finditer(r"\$\$(.+?)\$\$\s*\{#([\w-]+)\}\s*\n(.*?)(?=\n\s*\n\$\$|\Z)", block.body, re.DOTALL):
            formula, name, reason = match.groups()
            number = self.numbers[name]
            items.append(
                f'<li id="eq-{name}"><a class="no" href="#eq-{name}">{number}</a>'
                f'<div class="eq">{displayed(formula.strip())}</div>'
                f'<div class="why">{self.inline(reason)}</div></li>'
            )
        return f'<ol class="lines">{"".join(items)}</ol>'

    def algorithm(self, block: Block) -> str:
        """Return a program in a box."""
        program, _, note = block.body.partition("\n---\n")
        items = []
        for line in program.splitlines():
            if line.strip():
                depth = (len(line) - len(line.lstrip())) // 2
                items.append(f'<li class="in{depth}"><span>{self.inline(line.strip())}</span></li>')
        after = f'<div class="note">{self.markdown(note)}</div>' if note else ""
        return f'<div class="algo"><h3>{self.inline(block.title)}</h3><ol>{"".join(items)}</ol>{after}</div>'

    def mistakes(self, block: Block) -> str:
        """Return the table of mistakes; the example fills in its numbers."""
        rows = []
        for line in block.body.splitlines():
            if not line.strip():
                continue
            name, _, text = line.partition("|")
            key = name.strip()
            rows.append(
                f'<tr><td class="l">{self.inline(text.strip())}</td><td data-k="m {key}"></td>'
                f'<td data-k="q {key}" data-form="percent"></td></tr>'
            )
        head = f'<tr><th class="l">mistake</th><th>{span(block.title or "dE/dw")}</th><th>error</th></tr>'
        right = '<tr><td class="l"><em>none</em></td><td data-k="right"></td><td>0 %</td></tr>'
        return (
            f'<div class="tablewrap"><table><thead>{head}</thead><tbody>{right}{"".join(rows)}</tbody></table></div>'
            f"{self.traps}"
        )

    def exercise(self, block: Block) -> str:
        """Return an exercise with its answer folded."""
        question, _, answer = block.body.partition("\n---\n")
        return (
            f'<div class="exercise">{self.markdown(f"**{block.title}** {question}")}'
            f"<details><summary>Answer</summary>{self.markdown(answer)}</details></div>"
        )


def unbroken(html: str) -> str:
    """Return HTML in which no line ends at the hyphen of a word that begins with a lone letter, as e-prop does.

    Examples
    --------
    >>> unbroken('<a href="e-prop.html">e-prop</a>, <code>e-prop</code>')
    '<a href="e-prop.html"><span class="unbroken">e-prop</span></a>, <code>e-prop</code>'
    """
    parts = re.split(rf"({_WHOLE})", html, flags=re.DOTALL)
    return "".join(
        part if n % 2 else re.sub(r"(?<![\w-])[A-Za-z]-\w+", r'<span class="unbroken">\g<0></span>', part)
        for n, part in enumerate(parts)
    )


def _framed(table: str) -> str:
    """Return a table in the box in which it scrolls; one of words, as that of two notations, is set as prose.

    Examples
    --------
    >>> _framed("<table><tr><th>here</th><th>there</th></tr></table>")[:31]
    '<div class="tablewrap prose"><t'
    """
    cells = [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", table, re.DOTALL)]
    words = "<th>here</th>" in table or any(len(cell) > 40 for cell in _later(table, cells))
    return f'<div class="tablewrap{" prose" * words}">{table}</div>'


def _later(table: str, cells: list[str]) -> list[str]:
    """Return the cells that do not begin a row: those that do wrap anyway."""
    columns = table.count("<th")
    return [cell for n, cell in enumerate(cells) if n % max(columns, 1)]


def _number(key: str, form: str | None) -> str:
    how = f' data-form="{form}"' if form else ""
    return f'<b class="number" data-k="{escape(key)}"{how}></b>'


def numbered(of: Lesson) -> dict[str, int]:
    """Return name -> number of every named formula of a page, and of its sections."""
    found = {f"#{section.anchor}": n for n, section in enumerate(of.sections, start=1)}
    for text in of.texts():
        for match in _MATH.finditer(text):
            if match[2]:
                if match[2] in found:
                    raise GradcertError(f"{of.name}: the formula {match[2]!r} is named twice")
                found[match[2]] = len(found) - len(of.sections) + 1
    return found
