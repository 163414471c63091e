"""One notation: what legends, hovers, identities, statements and tables of a chapter write is what its page writes."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from gradcert.derivations.chapters import CHAPTERS, chapter
from gradcert.derivations.checker import graph
from gradcert.derivations.figures import dependencies
from gradcert.derivations.proving.record import theorem
from gradcert.derivations.reading import site
from gradcert.derivations.reading.lesson import _MATH, lesson, names, numbered, parsed
from gradcert.derivations.reading.symbols import SYMBOLS
from gradcert.derivations.reading.terminal import shown
from gradcert.derivations.reading.tex import tex


def braced(text, at):
    """Return what stands in the braces that open at a place, and where they end."""
    depth, end = 1, at + 1
    while depth:
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    return text[at + 1 : end - 1], end


def first_indices(formula, key):
    """Return the first index of a symbol at each of its places in a formula."""
    found = []
    for match in re.finditer(rf"\\{key}(?![A-Za-z])", formula):
        if formula[match.end() : match.end() + 1] == "{":
            found.append(braced(formula, match.end())[0])
    return found


def foreign(of):
    """Return the signs under the pointer whose index is none that the page's formulas have.

    A page may write a symbol without indices, or with numbers in their place, and mean any of them.
    """
    blocks = [block for section in of.sections for block in section.blocks if block.kind not in ("where", "hover")]
    formulas = [m[1] or m[4] for block in blocks for m in _MATH.finditer(f"{block.title}\n{block.body}")]
    own, out = of.signs(), []
    for key, symbol in SYMBOLS.items():
        used = set(itertools.chain.from_iterable(first_indices(formula, key) for formula in formulas))
        sign = own.get(key, (symbol.sign, symbol.says))[0]
        given = first_indices(sign, key)
        if given and any(re.search("[a-z]", index) for index in used) and given[0] not in used:
            out.append((key, given[0], sorted(used)))
    return out


@pytest.mark.parametrize("name", names())
def test_legend_and_hover_show_a_symbol_with_an_index_that_the_page_has(name):
    assert foreign(lesson(name)) == []


def test_a_foreign_index_is_seen_and_a_page_may_say_its_own():
    head, end = "# T\n\n## S {#s}\n\n$$\\W{q}\\,\\x{j}{t}$$ {#map}\n\n:::where W x\n", "\n:::\n"
    assert foreign(parsed("planted", f"{head}W: entry $q$ of the kernel{end}")) == [("W", "ij", ["q"])]
    own = parsed("planted", f"{head}W = $\\W{{q}}$: entry $q$ of [the kernel](k.html){end}")
    assert foreign(own) == []
    assert own.signs() == {"W": ("\\W{q}", "entry $q$ of the kernel")}
    twice = parsed("planted", f"{head}W: one{end}\n:::where W\nW: two{end}")
    assert twice.signs() == {}  # the table's, where a page has two
    decided = parsed("planted", f"{head}W: one{end}\n:::where W\nW: two{end}\n:::hover\nW: three{end}")
    assert decided.signs() == {"W": (SYMBOLS["W"].sign, "three")}


def test_a_legend_the_list_of_symbols_and_the_hover_say_the_same(monkeypatch):
    monkeypatch.setattr(site, "_steps", lambda *_: "")
    found = site.content("convolution", {}, {})
    sections = {anchor: html for anchor, _, html in found.sections}
    for anchor in ("network", "machine"):
        html = re.sub(r' data-tex="[^"]*"', "", sections[anchor])
        assert re.search(r'<dt><span class="tex">\\W\{q\}</span></dt>\s*<dd>entry ', html)
    assert found.signs["W"] == ("\\W{q}", "entry $q$ of the kernel")
    assert '"W": ["\\\\W{q}", "entry $q$ of the kernel"]' in site.data(found.letters, found.signs)
    assert ":::" not in "".join(sections.values()) and "\\hp{p}{t}$: pseudo" not in sections["exercises"]


def garbled(formula):
    """Return the subscripts with a bar, a bracket or an operator in them, and the letters with a bare number behind."""
    found, at = [], 0
    while (at := formula.find("_{", at)) >= 0:
        low, _ = braced(formula, at + 1)
        plain = re.sub(r"\\text\{[^{}]*\}|[a-z]=\d+|r\+1", "", low)
        if re.search(r"[|()\[\]·*/+<>=−-]", plain):
            found.append(low)
        at += 2
    bare = re.sub(r"\\[A-Za-z]+", " ", formula)
    return found + re.findall(r"(?<![\w{^])[A-Za-zα-ωΑ-Ω]\d+", bare)


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_identity_is_garbled(name):
    for step in chapter(name).steps:
        for e in shown(step):
            assert garbled(tex(e.left)) == garbled(tex(e.right)) == [], step.id


def test_garbled_identities_are_seen():
    assert garbled("h_{1·(g_1-h_1)} + |h_{1|}^{2}") == ["1·(g_1-h_1)", "1|"]
    assert garbled(r"a1 b2 - \frac{a_{1}}{2}") == ["a1", "b2"]
    assert garbled(r"\sum_{j=1}^{n} H_{ij} w_{r+1}^{2} + \left.\frac{a}{b}\right|_{\text{1 (1)}}") == []


ASCII = re.compile(r"<=|>=|->|\beps\b|\d\.\d*e[+-]?\d|\s-\s|(?<=[\s(])-(?=[\w|(])|\*\*|\^-")


@pytest.mark.parametrize("name", CHAPTERS)
def test_statements_reasons_and_labels_have_the_signs_of_the_page(name):
    d = chapter(name)
    said = [*d.motivation, *d.statement, *d.notation.values(), *(t.text for t in d.traps)]
    for step in (s for s in d.steps if theorem(s) == s.id):
        said += [step.why, step.sizes, *(e.label for e in shown(step))]
    assert [text for text in said if ASCII.search(text)] == []


RULES = "ottt|ostl|sltt|rtrl|osttp|uoro|lstm|gru"
MACHINE = re.compile(rf"\de[+-]\d|layers\.|[_^*]|\s-|^-|-\d*\.\d|\d-\d|\bx\b \d|\b({RULES})\b")


@pytest.mark.parametrize("name", CHAPTERS)
def test_tables_of_numbers_are_written_as_the_page_is(name):
    example = chapter(name).example()
    cells = [*example.columns, *itertools.chain.from_iterable(example.rows)]
    assert [cell for cell in cells if MACHINE.search(cell)] == []
    assert not ASCII.search(example.text)


def test_what_a_machine_prints_is_seen():
    printed = ("0.0e+00", "layers.0.W", "2, weights x 1.5", "1 - 2^-1", "-0.350", "n^3", "ostl-random")
    assert all(MACHINE.search(cell) for cell in printed)
    assert ASCII.search("kept by S -> I + N S") and ASCII.search("|g| <= |h|") and ASCII.search("3/2 (w - 2)²")


def crossings(svg):
    """Return the lines of the drawing of chapters that meet the inside of a box."""
    root = ElementTree.fromstring(svg)
    boxes = [[float(r.attrib[k]) for k in ("x", "y", "width", "height")] for r in root.iter("rect")]
    found = []
    for edge in root.iter("path"):
        if "edge" not in edge.attrib.get("class", ""):
            continue
        points = []
        for kind, numbers in re.findall(r"([MVH])([\d. ]+)", edge.attrib["d"]):
            given = [float(u) for u in numbers.split()]
            last = points[-1] if points else given
            points.append({"M": given, "V": [last[0], given[0]], "H": [given[0], last[1]]}[kind])
        for (x1, y1), (x2, y2) in itertools.pairwise(points):
            for x, y, wide, high in boxes:
                across = max(x1, x2) > x and min(x1, x2) < x + wide
                if across and max(y1, y2) > y and min(y1, y2) < y + high:
                    found.append(edge.find("title").text)
    return found


def test_no_line_of_the_drawing_of_chapters_passes_a_box_that_it_does_not_end_at():
    found = graph([chapter(name) for name in CHAPTERS])
    called = {name: lesson(name).title for name in names()}
    svg = dependencies(found, called).svg
    assert crossings(svg) == []
    assert 'id="tip"' not in svg  # that of the page's tooltip, whose style hid the arrow heads
    titles = re.findall(r'<a href="(\w+)\.html"><rect[^>]*/><text[^>]*>([^<]*)</text></a>', svg)
    assert {name for name, _ in titles} == set(CHAPTERS)
    assert all(called[name].split(":")[0] == title for name, title in titles)
    assert dict(titles)["eprop"] == "e-prop" and dict(titles)["stllr"] == "S-TLLR"
    lines = set(re.findall(r"<title>([^<]*) rests on ([^<]*)</title>", svg))
    short = {name: title for name, title in titles}

    def below(name):
        return {q for p in found[name] for q in {p, *below(p)}}

    for name, premises in found.items():  # what another premise rests on is implied, and no other
        drawn = {p for p in premises if not any(p in below(q) for q in premises)}
        assert {b for a, b in lines if a == short[name]} == {short[p] for p in drawn}


def test_a_line_behind_a_box_is_seen():
    svg = dependencies({"paths": (), "ostl": ("paths",), "depth": ("ostl",), "eprop": ("ostl",)}, {}).svg
    assert crossings(svg) == []
    moved = re.sub(r'(<rect x=")\d+', r"\g<1>20", svg)
    assert crossings(moved)


@pytest.mark.parametrize("name", names())
def test_every_displayed_equation_has_a_number(name):
    """Without an exception, so in the answers to exercises too: a reader may speak of any of them."""
    displayed = [m for text in lesson(name).texts() for m in _MATH.finditer(text) if m[1]]
    assert [m[1] for m in displayed if not m[2]] == []
    assert len(displayed) == sum(not key.startswith("#") for key in numbered(lesson(name)))


@pytest.mark.parametrize("name", names())
def test_mistakes_and_cost_stand_under_these_names(name):
    headings = {section.anchor: section.heading for section in lesson(name).sections}
    assert headings["mistakes"].split()[-1].lower() == "mistakes"
    assert "algorithm" in headings["algorithm"]
    if name == "paths":  # it compares two ways
        (algorithm,) = (s for s in lesson(name).sections if s.anchor == "algorithm")
        assert "### What they cost\n\n| one layer" in "\n".join(block.body for block in algorithm.blocks)


def test_the_example_of_fptt_has_its_equations_before_its_numbers():
    (section,) = (s for s in lesson("fptt").sections if s.anchor == "example")
    before = "\n".join(b.body for b in itertools.takewhile(lambda b: b.kind != "example", section.blocks))
    assert "\\z{i}{t}&=\\g\\bigl(\\W{i1}\\,\\x{1}{t}" in before and "{#example-network}" in before


def test_fptt_calls_its_strength_by_one_letter():
    d = chapter("fptt")
    said = [*d.statement, *d.notation, d.example().text, *(s.why for s in d.steps)]
    said += [tex(side) for s in d.steps for e in shown(s) for side in (e.left, e.right)]
    assert not any("α" in text or "Wm" in text or "Wa" in text for text in said)
    assert "α in the caption" not in "\n".join(lesson("fptt").texts())
