"""The unrolled graph of populations as SVG: two steps, and the edges that carry credit to the parameters of one layer.

A row is an input or a population, in the order in which they compute. Inside a step connections go upwards, those that
pass a row in a bow; what goes from a step to a later one goes from left to right: the edges inside a population one
above the other, lagged connections from source to target.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from gradcert.certify.report.unrolled import line, status

LEFT, PITCH, RIGHT, ROW, TOP, RADIUS = 92, 176, 44, 84, 34, 11
APART = 19  # between the edges of one population
WORDS = {"RECURRENT": "lateral", "ADAPTATION": "adaptation", "FEEDBACK": "feedback", "DELAY": "delay"}


def draw(record: Mapping[str, Any], target: int) -> Markup:
    """Return the graph as the parameters of one layer see it.

    Parameters
    ----------
    record : of `gradcert.certify.figures.graph`, of a graph of populations.
    target : the layer; edges of layers below it are not its own, and faint.
    """
    rows = [*({"name": name, "cell": "input"} for name in record["inputs"]), *record["populations"]]
    place = {row["name"]: TOP + (len(rows) - 1 - k) * ROW for k, row in enumerate(rows)}
    layer = {p["name"]: p["layer"] for p in record["populations"]}
    width, height = LEFT + PITCH + RIGHT, TOP + (len(rows) - 1) * ROW + 62
    name = ", ".join(p["name"] for p in record["populations"] if p["layer"] == target)
    parts = [
        Markup('<svg class="graph" role="img" width="{w}" height="{h}" viewBox="0 0 {w} {h}" aria-label="{c}">').format(
            w=width, h=height, c=f"edges for the parameters of {name}"
        )
    ]
    for c in record["connections"]:
        faint = layer[c["target"]] < target
        if c["lag"] == 0:
            ends = place[c["source"]], place[c["target"]]
            parts += [_up(_x(k), *ends, next_row=ends[0] - ends[1] == ROW, faint=faint) for k in (0, 1)]
        elif not faint:
            parts.append(_late(c, place, state(record, layer[c["target"]], target, c["edges"])))
    for row in rows:
        faint = layer.get(row["name"], target) < target
        y = place[row["name"]]
        for k, edge in enumerate(row.get("edges", ()) if not faint else ()):
            parts.append(_own(edge, k, y, state(record, row["layer"], target, [edge])))
        parts.append(_row(row, y, " idle" if faint else ""))
    for k, when in enumerate(("t − 1", "t")):
        parts.append(Markup('<text class="time" x="{}" y="{}">{}</text>').format(_x(k), height - 8, when))
    return Markup("").join([*parts, Markup("</svg>")])


def state(record: Mapping[str, Any], layer: int, target: int, kinds: list[str]) -> str | None:
    """Return the state of what needs edges of several kinds in a layer; None where the rule has no say in it.

    Examples
    --------
    >>> kept, cut = ({"edge": name, "claimed": c, "found": c} for name, c in (("FEEDBACK", True), ("DELAY", False)))
    >>> record = {"layers": [{"own": [kept, cut], "upper": []}]}
    >>> state(record, 0, 0, ["FEEDBACK"]), state(record, 0, 0, ["FEEDBACK", "DELAY"])
    ('kept', 'dropped')
    """
    edges = record["layers"][layer]["own" if layer == target else "upper"]
    mine = [edge for edge in edges if edge["edge"] in kinds]
    if not mine:
        return None
    found = None if any(e["found"] is None for e in mine) else all(e["found"] for e in mine)
    return status({"claimed": all(e["claimed"] for e in mine), "found": found})


def _x(step: int) -> int:
    return LEFT + step * PITCH


def _row(row: Mapping[str, Any], y: int, faint: str) -> Markup:
    text = Markup('<text class="name{}" x="4" y="{}">{}</text><text class="name small{}" x="4" y="{}">{}</text>')
    node = Markup('<circle class="node{}" cx="{}" cy="{}" r="{}"/>')
    return Markup("").join(
        [
            text.format(faint, y - 1, row["name"], faint, y + 13, row["cell"]),
            *(node.format(faint, _x(k), y, RADIUS) for k in (0, 1)),
        ]
    )


def _up(x: int, low: int, high: int, *, next_row: bool, faint: bool) -> Markup:
    """Draw a connection within a step."""
    kind = "space idle" if faint else "space"
    if next_row:
        return line(x, low - RADIUS, x, high + RADIUS + 2, kind)
    bow = Markup('<path class="{} bow" d="M{},{} C{},{} {},{} {},{}"/>')
    a, b = low - 7, high + 8
    return bow.format(kind, x + 9, a, x + 32, a - 24, x + 32, b + 24, x + 9, b)


def _own(edge: str, number: int, y: int, how: str | None) -> Markup:
    """Draw an edge inside a population, the first straight, others above it."""
    a, b, rise = _x(0) + RADIUS, _x(1) - RADIUS - 1, number * APART
    end, bow = y - min(number, 1) * 4, y - 1.35 * rise
    path = f"M{a},{end} C{a + 40},{bow} {b - 40},{bow} {b},{end}"
    return _edge(path, (a + b) / 2, y - 1.02 * rise - 3, WORDS.get(edge, edge.lower()), how)


def _late(c: Mapping[str, Any], place: Mapping[str, int], how: str | None) -> Markup:
    """Draw a lagged connection, with its lag where that is more than a step."""
    low, high, a, b = place[c["source"]], place[c["target"]], _x(0) + RADIUS, _x(1) - RADIUS - 1
    word = WORDS.get(c["edges"][0], c["edges"][0].lower()) + (f", {c['lag']} steps" if c["lag"] > 1 else "")
    side = 6 if high > low else -6
    x, y = (a + b) / 2, low + 33.0
    if low == high:  # of a population to itself: below its own edges
        path = f"M{a},{low + 5} C{a + 40},{low + 30} {b - 40},{low + 30} {b},{low + 6}"
    else:
        part = 0.3 if high > low else 0.68  # where the edges of a population are not
        path, x = f"M{a - 2},{low + side} L{b + 2},{high - side}", a + part * (b - a)
        y = low + part * (high - low) + (-4 if high > low else 14)
    return _edge(path, x, y, word, how)


def _edge(path: str, x: float, y: float, word: str, how: str | None) -> Markup:
    text = Markup('<text class="word {}" x="{:.0f}" y="{:.0f}">{}</text>').format(how or "", x, y, word)
    if how is None:
        return Markup('<path class="space bow" d="{}"/>').format(path) + text
    return Markup('<path class="edge {}" d="{}" marker-end="url(#tip-{})"/>').format(how, path, how) + text
