"""A reading as a page: equations, the graph drawn with its edges kept or cut. One file, nothing fetched."""

from __future__ import annotations

from html import escape
from typing import Any

from gradcert.models.reading.reading import Reading, silent_kinds
from gradcert.models.reading.terms import Term
from gradcert.models.reading.text import Style, expression, short

KEPT, CUT, SPACE = "#2a6f97", "#c1121f", "#8d99ae"
WIDE, HIGH, TALL = 120, 44, 26
STYLE = """
.reading { font: 15px/1.5 system-ui, sans-serif; max-width: 62em }
.reading .equation { font-family: "STIX Two Math", "Cambria Math", Cambria, serif; font-size: 17px; margin: .15em 0 }
.reading .equation i { font-style: italic } .reading .note { color: #555; font-size: 13px }
.reading .cut { color: #c1121f; text-decoration: line-through; text-decoration-thickness: 1px }
.reading table { border-collapse: collapse; margin: .4em 0 1em } .reading td { padding: 0 1em 0 0 }
.reading h3 { margin: 1.2em 0 .3em } .reading svg text { font: 13px system-ui, sans-serif }
"""


def page(reading: Reading) -> str:
    """Return the page."""
    name = escape(reading.title)
    head = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{name}, as it was read</title>"
    return f"{head}<style>body {{ margin: 2em }}</style><body><h1>{name}</h1>{fragment(reading)}</body></html>\n"


def fragment(reading: Reading) -> str:
    """Return what a notebook shows."""
    record = reading.to_dict()
    parts = [f"<style>{STYLE}</style><div class='reading'>", drawing(record)]
    for i, layer in enumerate(record["layers"]):
        shape = " &times; ".join(map(str, layer["shape"]))
        parts.append(f"<h3>layer {i} <span class='note'>{shape} units</span></h3>")
        how = _style(reading, i)
        for k, e in zip(reading.layers[i], layer["equations"], strict=True):
            parts.append(_equation(e, expression(reading.equation(k), how)))
        parts.append("<table>" + "".join(_edge(e) for e in layer["edges"]) + "</table>")
    parts += [f"<p class='note'>{escape(note)}</p>" for note in record["notes"]]
    return "".join([*parts, "</div>"])


def _style(reading: Reading, layer: int) -> Style:
    """Return how equations of a layer are typeset."""

    def node(k: int, lag: int) -> str:
        other = reading.layer_of(k)
        below = "" if other == layer else f"<sub>{other}</sub>"
        return f"<i>{escape(reading.names[k])}</i>{below}" + "&prime;" * lag

    def weight(term: Term, source: str) -> str:
        if term.args[0].op == "number":
            return f"average pool({source})"
        sign = "&lowast;" if term.data else ""
        return f"{escape(reading.statics[id(term.args[0])])}&#8202;{sign}{source}"

    return Style(
        node,
        lambda term: escape(reading.statics[id(term)]),
        weight,
        short,
        lambda inner, where: f"<span class='cut' title='{escape(where)}'>{inner}</span>",
        "<i>x</i>",
        "&middot;",
        silent_kinds(reading),
    )


def _equation(e: dict[str, Any], text: str) -> str:
    tail = [f"&psi; {escape(e['pseudo_derivative'])}, fires {escape(e['fires'])}"] if "pseudo_derivative" in e else []
    tail += ["output"] if e.get("output") else []
    said = f" <span class='note'>{'; '.join([*tail, escape(e['where'])])}</span>"
    return f"<div class='equation'><i>{escape(e['node'])}</i> = {text}{said}</div>"


def _edge(e: dict[str, Any]) -> str:
    colour = CUT if e["how"] == "cut" else KEPT
    where = f" ({escape(', '.join(e['cut_at']))})" if "cut_at" in e else ""
    through = f" through {escape(', '.join(e['through']))}" if "through" in e else ""
    why = f"; label by convention: {escape(e['by_convention'])}" if "by_convention" in e else ""
    arrow = f"{escape(e['source'])} &rarr; {escape(e['target'])}"
    label = escape((e["label"] or "no label").upper())
    return f"<tr><td>{arrow}</td><td style='color:{colour}'>{label}</td><td>{e['how']}{where}{through}{why}</td></tr>"


def drawing(record: dict[str, Any]) -> str:
    """Return the graph: a column for every layer, edges of lag 1 as arcs, blue where kept and red where cut."""
    place: dict[tuple[int, str], tuple[int, int]] = {}
    for i, layer in enumerate(record["layers"]):
        for j, e in enumerate(layer["equations"]):
            place[i, e["node"]] = (40 + i * (WIDE + 90), 30 + j * (HIGH + 12))
    width = 60 + len(record["layers"]) * (WIDE + 90)
    height = max((y for _, y in place.values()), default=0) + HIGH + 30
    out = [f"<svg viewBox='0 0 {width} {height}' width='{width}' height='{height}' role='img'>"]
    for i, layer in enumerate(record["layers"]):
        for e in layer["edges"]:
            source = e["source"].rstrip("'")
            at = (i, source)
            if source.endswith("]"):
                at = (int(source[source.index("[") + 1 : -1]), source[: source.index("[")])
            out.append(_arc(place.get(at), place[i, e["target"]], e))
    for (_, node), (x, y) in place.items():
        out.append(f"<rect x='{x}' y='{y}' width='46' height='{TALL}' rx='6' fill='#fff' stroke='#444'/>")
        out.append(f"<text x='{x + 23}' y='{y + 17}' text-anchor='middle'>{escape(node)}</text>")
    return "".join([*out, "</svg>"])


def _arc(source: tuple[int, int] | None, target: tuple[int, int], e: dict[str, Any]) -> str:
    if source is None:
        return ""
    colour = CUT if e["how"] == "cut" else SPACE if e["label"] == "space" else KEPT
    dash = " stroke-dasharray='4 3'" if e["how"] != "kept" else ""
    (x0, y0), (x1, y1) = source, target
    bow = 40 if source == target else 30 + abs(y1 - y0) // 3
    path = f"M {x0 + 46} {y0 + 8} C {x0 + 46 + bow} {y0 - 6}, {x1 + 46 + bow} {y1 + 32}, {x1 + 46} {y1 + 18}"
    label = f"{e['source']} -> {e['target']} {e['label'] or ''} {e['how']}"
    return (
        f"<path d='{path}' fill='none' stroke='{colour}' stroke-width='1.6'{dash}><title>{escape(label)}</title></path>"
    )
