"""The unrolled graph as SVG: three steps of every layer, and the edges that carry credit to one layer's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

STEPS, PITCH, LEFT, TOP, LAYER, RISE = 3, 128, 74, 22, 132, 58
STATES = {
    "kept": "kept, as claimed",
    "missing": "claimed, but missing in the subject",
    "extra": "kept by the subject, not claimed",
    "dropped": "dropped, as claimed",
    "unknown": "claimed; what the subject does could not be told",
}


def status(edge: Mapping[str, Any]) -> str:
    """Return the key of `STATES` for an edge of `gradcert.certify.figures.graph`.

    Examples
    --------
    >>> status({"edge": "RESET", "claimed": True, "found": False})
    'missing'
    """
    claimed, found = edge["claimed"], edge["found"]
    if found is None:
        return "unknown" if claimed else "dropped"
    if claimed:
        return "kept" if found else "missing"
    return "extra" if found else "dropped"


def draw(layers: Sequence[Mapping[str, Any]], target: int) -> Markup:
    """Return the graph as the parameters of one layer see it.

    Parameters
    ----------
    layers : records of `gradcert.certify.figures.graph`, the lowest first.
    target : the layer; its own edges make the eligibility trace, those of the layers above the learning signal.
    """
    depth = len(layers)
    width, height = LEFT + (STEPS - 1) * PITCH + 46, TOP + depth * LAYER
    parts = [
        Markup('<svg class="graph" role="img" width="{w}" height="{h}" viewBox="0 0 {w} {h}" aria-label="{c}">').format(
            w=width, h=height, c=f"edges for the parameters of layer {target}"
        )
    ]
    for number, layer in enumerate(layers):
        base = TOP + (depth - number) * LAYER - 56  # of the state; the output is above it
        edges = layer["own"] if number == target else layer["upper"] if number > target else []
        parts.append(_layer(layer, number, base, edges, idle=number < target))
        if number + 1 < depth:
            parts += [
                line(_x(k), base - RISE - 11, _x(k), base - LAYER + 13, "space" if number >= target else "space idle")
                for k in range(STEPS)
            ]
    bottom = TOP + depth * LAYER
    for k, name in enumerate(("t − 1", "t", "t + 1")):
        parts.append(Markup('<text class="time" x="{}" y="{}">{}</text>').format(_x(k), bottom - 6, name))
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def _x(step: int) -> int:
    return LEFT + step * PITCH


def _layer(
    layer: Mapping[str, Any], number: int, base: int, edges: Sequence[Mapping[str, Any]], *, idle: bool
) -> Markup:
    faint = " idle" if idle else ""
    parts = [
        Markup('<text class="name{}" x="4" y="{}">{}</text>').format(faint, base - RISE / 2 - 2, f"layer {number}"),
        Markup('<text class="name small{}" x="4" y="{}">{}</text>').format(faint, base - RISE / 2 + 13, layer["cell"]),
    ]
    for edge in edges:
        parts += [_edge(edge["edge"], status(edge), k, base, labelled=k == 0) for k in range(STEPS - 1)]
    for k in range(STEPS):
        parts.append(line(_x(k), base - 11, _x(k), base - RISE + 13, f"space{faint}"))
        if number == 0:
            parts.append(line(_x(k), base + 30, _x(k), base + 13, f"space{faint}"))
        for y, name in ((base, "v"), (base - RISE, "z")):
            parts.append(
                Markup(
                    '<circle class="node{}" cx="{}" cy="{}" r="11"/><text class="node{}" x="{}" y="{}">{}</text>'
                ).format(faint, _x(k), y, faint, _x(k), y + 4, name)
            )
    return Markup("").join(parts)


def _edge(name: str, state: str, step: int, base: int, *, labelled: bool) -> Markup:
    """Draw one edge from a step to the next: STATE between states, RESET and RECURRENT from output to state."""
    a, b, z = _x(step) + 11, _x(step + 1) - 12, base - RISE
    middle = (a + b) / 2
    if name == "STATE":
        path, label = f"M{a},{base} L{b},{base}", (middle, base + 14)
    elif name == "RESET":
        path, label = (
            f"M{a - 1},{z + 5} C{a + 22},{z + 26} {b - 34},{base - 12} {b},{base - 5}",
            (middle - 4, base - 10),
        )
    elif name == "RECURRENT":
        path, label = f"M{a},{z - 2} C{a + 46},{z - 2} {b + 1},{z + 6} {b + 7},{base - 13}", (middle + 8, z + 10)
    else:
        path, label = f"M{a - 5},{z - 9} C{a + 20},{z - 30} {b - 20},{z - 30} {b + 3},{z - 10}", (middle, z - 28)
    shape = Markup('<path class="edge {}" d="{}" marker-end="url(#tip-{})"/>').format(state, path, state)
    if not labelled:
        return shape
    word = {"RECURRENT": "lateral", "ADAPTATION": "adaptation"}.get(name, name.lower())
    return shape + Markup('<text class="word {}" x="{:.0f}" y="{:.0f}">{}</text>').format(state, *label, word)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """Return a straight line of a class."""
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, x1, y1, x2, y2)


def markers() -> Markup:
    """Return the arrow heads, once for a page."""
    tips = Markup("").join(
        Markup(
            '<marker id="tip-{0}" class="tip {0}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="10"'
            ' markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 L8,4 L0,8 z"/></marker>'
        ).format(state)
        for state in STATES
    )
    return Markup('<svg width="0" height="0" aria-hidden="true"><defs>{}</defs></svg>').format(tips)
