"""A drawing of a page as a file of its own: styles as attributes, light colours, formulas as text.

A page's drawing takes its colours from the style sheet and has formulas in a ``foreignObject``, which the page's script
sets; neither is known to Inkscape, LibreOffice or a slide. The file has what the style sheet says, read from it, as
attributes of every element, and formulas as letters with places (`typesetting`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from gradcert.derivations.reading.typesetting import typeset

SHEET = Path(__file__).parent / "assets" / "chapter.css"
NOTICE = "From gradcert. The gradcert authors; Apache-2.0: may be copied, changed and printed, with this notice."
SVG, HTML = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xhtml}"
# the first of each is there in most places, or has a stand-in: LibreOffice asks for no other
SERIF = "'Times New Roman', Times, 'Liberation Serif', 'STIX Two Text', serif"
SANS = "Arial, Helvetica, 'Liberation Sans', sans-serif"
PAPER, MARGIN = "#ffffff", 8
FORMULA = 15.9  # px: .label of the style sheet, times that of KaTeX


@cache
def colours() -> dict[str, str]:
    """Return the light colours of the style sheet by name, on white paper."""
    found = re.search(r":root\{([^}]*)\}", SHEET.read_text(encoding="utf-8"))
    assert found is not None
    pairs = (entry.split(":", 1) for entry in found[1].split(";") if ":" in entry)
    return {name.removeprefix("--"): value for name, value in pairs} | {"paper": PAPER}


@cache
def rules() -> list[tuple[int, str, frozenset[str], dict[str, str]]]:
    """Return what the style sheet says of drawings, weakest first: (weight, tag or "", classes, declarations)."""
    text, found = SHEET.read_text(encoding="utf-8"), []
    for heads, body in re.findall(r"([^{}@]+)\{([^{}]*)\}", text):
        for head in heads.split(","):
            if match := re.fullmatch(r"(?:svg )?(\w*)((?:\.[\w-]+)+)", head.strip()):
                if head.strip().startswith(("svg ", "div.label.")):
                    classes = frozenset(match[2][1:].split("."))
                    found.append((len(classes) + (match[1] != ""), match[1], classes, _declared(body)))
    return sorted(found, key=lambda rule: rule[0])


def _declared(body: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for entry in body.split(";"):
        name, _, value = entry.partition(":")
        value = re.sub(r"var\(--([\w-]+)\)", lambda m: colours()[m[1]], value.strip())
        if name.strip() == "font":
            out |= {"font-size": value.split()[0], "font-family": SANS}
        elif name:
            out[name.strip()] = value
    return out


def said(tag: str, classes: frozenset[str]) -> dict[str, str]:
    """Return what the style sheet says of an element."""
    out: dict[str, str] = {}
    for _, of, need, declared in rules():
        if need <= classes and of in ("", tag):
            out |= declared
    return out


def standalone(svg: str) -> str:
    """Return a page's drawing as the text of a file.

    Examples
    --------
    >>> svg = '<svg viewBox="0 0 9 9" aria-label="a dot"><circle cx="4" cy="4" r="2" class="node"/></svg>'
    >>> text = standalone(svg)
    >>> "class=" in text, 'fill="#ffffff" stroke="#1d2126"' in text, "<title>a dot</title>" in text
    (False, True, True)
    """
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(re.sub(r"^<svg ", f'<svg xmlns="{SVG}" ', svg, count=1))
    _, _, width, height = (float(u) for u in root.attrib["viewBox"].split())
    title = root.attrib.get("aria-label", "")
    out = Element(f"{{{SVG}}}svg")
    box = (-MARGIN, -MARGIN, width + 2 * MARGIN, height + 2 * MARGIN)
    out.attrib = {"viewBox": " ".join(f"{u:g}" for u in box), "width": f"{box[2]:g}", "height": f"{box[3]:g}"}
    SubElement(out, f"{{{SVG}}}title").text = title
    SubElement(out, f"{{{SVG}}}desc").text = NOTICE
    ground = {k: f"{u:g}" for k, u in zip(("x", "y", "width", "height"), box, strict=True)}
    SubElement(out, f"{{{SVG}}}rect", {**ground, "fill": PAPER})
    for child in root:
        if child.tag != f"{{{SVG}}}title" or child.text != title:
            out.extend(_plain(child))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(out, encoding="unicode")}\n'


def _plain(node: Element) -> Iterator[Element]:
    """Yield a node without classes; a link is a group, a formula is text."""
    tag = node.tag.removeprefix(f"{{{SVG}}}")
    if tag == "foreignObject":
        yield from _label(node)
        return
    new = Element(f"{{{SVG}}}{'g' if tag == 'a' else tag}")
    if tag != "a":
        declared = said(tag, frozenset(node.attrib.get("class", "").split()))
        given = {k: v for k, v in node.attrib.items() if k != "class"}
        new.attrib = given | {k: v for k, v in declared.items() if k != "text-transform"}
    if tag == "text":
        new.attrib.setdefault("font-family", SANS)
        new.attrib["font-size"] = new.attrib.get("font-size", "12px").removesuffix("px")
    new.text, new.tail = node.text, node.tail
    for child in node:
        new.extend(_plain(child))
    yield new


def _label(node: Element) -> Iterator[Element]:
    """Yield what a label says: a name in capitals, and below it a formula."""
    x, y, width = (float(node.attrib[name]) for name in ("x", "y", "width"))
    div = node[0]
    classes = frozenset(div.attrib["class"].split())
    fill = said("div", classes).get("color", colours()["ink"])
    for span in div:
        if "caps" in span.attrib["class"].split():
            words = "".join(span.itertext()).upper()
            look = {"font-family": SANS, "font-size": "11", "font-weight": "600", "letter-spacing": "0.44"}
            yield _text(words, x, y + 11, {**look, "fill": fill})
            y += 14
        else:
            box = typeset(span.text or "", FORMULA)
            middle = "middle" in classes
            left, line = (x + (width - box.width) / 2, y + 19) if middle else (x, y + 15)
            for g in box.at(left, line):
                if g.rule:
                    place = {"x": f"{g.x:.1f}", "y": f"{g.y:.1f}", "width": f"{g.rule:.1f}", "height": f"{g.size:.2f}"}
                    yield Element(f"{{{SVG}}}rect", {**place, "fill": fill})
                else:
                    look = {"font-family": SERIF, "font-size": f"{g.size:.1f}", "fill": fill}
                    yield _text(g.letter, g.x, g.y, look | ({"font-style": "italic"} if g.italic else {}))


def _text(words: str, x: float, y: float, look: dict[str, str]) -> Element:
    node = Element(f"{{{SVG}}}text", {"x": f"{x:.1f}", "y": f"{y:.1f}", **look})
    node.text = words
    return node
