"""The drawing of a cell: two steps, its nodes and links, each arrow with the local derivative that the code returns.

Nothing is drawn by hand: nodes and links are the cell's, labels are its `factors`, run on symbols. Labels are formulas
set by the page (in a ``foreignObject``), placed where they meet neither a node nor another label.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

from gradcert.derivations.proving.notation import code_step
from gradcert.derivations.reading.symbols import SYMBOLS
from gradcert.derivations.reading.tex import in_macros, span
from gradcert.reference.networks import Cell, Edge, Link
from gradcert.reference.rules import Rule

RADIUS, ROW, LEFT, RIGHT, WIDTH = 20, 88, 112, 372, 500
_NODE = {
    "a": r"\a{i}{%s}",
    "v": r"\v{i}{%s}",
    "z": r"\z{i}{%s}",
    "k": r"\k{i}{%s}",
    "u": r"\u{i}{%s}",
    "o": r"\o{k}{%s}",
}


@dataclass
class _Page:
    """What has been drawn, and which boxes are taken."""

    body: list[str] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    paths: list[list[tuple[float, float]]] = field(default_factory=list)

    def free(self, box: tuple[float, float, float, float]) -> int:
        """Return how much is in the way of a box."""
        x1, y1, x2, y2 = box
        hits = sum(x1 < b[2] and b[0] < x2 and y1 < b[3] and b[1] < y2 for b in self.boxes) * 10
        outside = 50 * (x1 < 2 or x2 > WIDTH - 2 or y1 < 2)
        return hits + outside + sum(x1 < x < x2 and y1 < y < y2 for path in self.paths for x, y in path)

    def node(self, x: float, y: float, formula: str) -> None:
        self.body.append(f'<circle cx="{x}" cy="{y}" r="{RADIUS}" class="node"/>')
        self.body.append(_label(x - 30, y - 14, 60, 28, span(formula), "middle"))
        self.boxes.append((x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS))

    def caption(self, x: float, y: float, text: str) -> None:
        half = 3.4 * len(text)
        self.body.append(f'<text x="{x}" y="{y}" class="caps low" text-anchor="middle">{text}</text>')
        self.boxes.append((x - half, y - 12, x + half, y + 3))


def _label(x: float, y: float, width: float, height: float, inner: str, css: str) -> str:
    return (
        f'<foreignObject x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}">'
        f'<div xmlns="http://www.w3.org/1999/xhtml" class="label {css}">{inner}</div></foreignObject>'
    )


def _curve(a: tuple[float, float], b: tuple[float, float], bend: float = 0.45) -> tuple[str, list[tuple[float, float]]]:
    """Return a curve that leaves and arrives level, and points on it."""
    (x1, y1), (x2, y2) = a, b
    c1, c2 = (x1 + bend * (x2 - x1), y1), (x2 - bend * (x2 - x1), y2 + (y1 - y2) * 0.25)
    points = []
    for k in range(41):
        u = k / 40
        w = ((1 - u) ** 3, 3 * u * (1 - u) ** 2, 3 * u * u * (1 - u), u**3)
        points.append(tuple(sum(q * p[n] for q, p in zip(w, (a, c1, c2, b), strict=True)) for n in (0, 1)))
    d = f"M{x1:.1f},{y1:.1f} C{c1[0]:.1f},{c1[1]:.1f} {c2[0]:.1f},{c2[1]:.1f} {x2:.1f},{y2:.1f}"
    return d, points  # type: ignore[return-value]


def _levels(cell: Cell) -> dict[str, tuple[int, int]]:
    """Return node -> (row from below, 1 where it stands beside another node)."""
    row: dict[str, int] = {}
    for node in cell.nodes:
        below = [row[k.source] for k in cell.links if k.target == node and not k.lag and k.source in row]
        row[node] = 1 + max(below, default=-1)
    side = dict.fromkeys(cell.nodes, 0)
    for node in cell.nodes:  # what nothing of its own step feeds stands aside, on a row of its own below what it feeds
        if any(k.target == node and not k.lag for k in cell.links):
            continue
        fed = min(row[k.target] for k in cell.links if k.source == node and not k.lag)
        row = {n: r + (r >= fed) for n, r in row.items()} | {node: fed}
        side[node] = 1
    return {node: (row[node], side[node]) for node in cell.nodes}


def factor(cell: Cell, link: Link) -> str:
    r"""Return the local derivative of a link in macros, as the cell's code computes it; of a weight, the weight.

    Examples
    --------
    >>> from gradcert.reference import Lif
    >>> print(*(factor(Lif(train=("leak", "threshold")), link) for link in Lif().links if link.lag))
    \lam -\thr\,\lam
    """
    if link.weight:
        return r"\W{ij}" if link.weight == "W" else r"\H{ij}"
    return in_macros(code_step(cell).factors[link])


def unrolled(cell: Cell, rule: Rule | None = None, *, loss: bool = True, readout: bool = False) -> str:
    """Draw two steps of a cell; with a rule, the edges that it drops are marked so.

    Parameters
    ----------
    cell : with its constants among ``train``, so that they are letters.
    rule : which edges of the layer's own are dropped.
    loss : whether the loss of the step stands above the output.
    readout : whether a leaky output of the network stands between the unit's output and the loss.

    Examples
    --------
    >>> from gradcert.reference import Lif, rule_named
    >>> picture = unrolled(Lif(train=("leak", "threshold")), rule_named("ottt"))
    >>> picture.count('class="edge state"'), picture.count('class="edge lost"')
    (1, 1)
    """
    place, page = _levels(cell), _Page()
    nodes, last = cell.nodes, "z"
    if readout:
        place, nodes, last = {**place, "o": (1 + place["z"][0], 0)}, (*cell.nodes, "o"), "o"
    recurrent = any(k.edge == Edge.RECURRENT for k in cell.links)
    top, rows = (74 if loss else 44), 1 + max(r for r, _ in place.values())
    wide = any(side for _, side in place.values())
    shift = 64 if wide else 0

    def at(node: str, x: float) -> tuple[float, float]:
        row, side = place[node]
        return x + shift * side, top + ROW * (rows - 1 - row)

    bottom = top + ROW * (rows - 1)
    height = bottom + (128 if recurrent else 104)
    for x, when in ((LEFT, "t-1"), (RIGHT, "t")):
        page.body.append(
            f'<rect x="{x - 34}" y="{top - 34}" width="{68 + shift}" height="{bottom - top + 68}" rx="14" '
            'class="panel"/>'
        )
        page.caption(x + shift / 2, top - 44 if not loss else 14, f"step {when.replace('-', ' − ')}")
        for node in nodes:
            page.node(*at(node, x), _NODE.get(node, rf"\mathit{{{node}}}_i^{{%s}}") % when)
        if loss:
            zx, zy = at(last, x)
            page.body.append(_arrow(f"M{zx},{zy - RADIUS - 1} V{zy - 32}", ""))
            page.body.append(_label(zx - 40, zy - 58, 80, 26, span(rf"\Et{{{when}}}"), "middle"))
            page.boxes.append((zx - 16, zy - 58, zx + 16, zy - 32))
    x_at = (at("a", RIGHT)[0], bottom + 78)
    page.body.append(_label(x_at[0] - 30, x_at[1] - 14, 60, 28, span(r"\x{j}{t}"), "middle"))
    page.boxes.append((x_at[0] - 14, x_at[1] - 14, x_at[0] + 14, x_at[1] + 14))
    if recurrent:
        page.node(LEFT, bottom + 78, r"\z{j}{t-1}")
        page.caption(LEFT, bottom + 116, "every unit of the layer")
    labels = []
    for x in (LEFT, RIGHT):
        for link in cell.links:
            if link.lag:
                continue
            target = at(link.target, x)
            if link.source == "x":
                tail = (target[0], bottom + (86.0 if x == RIGHT else 34.0))
            else:
                tail = at(link.source, x)
            if link.source == "x" and x == LEFT:
                continue
            line, points = _straight(tail, target)
            page.body.append(_arrow(line, ""))
            page.paths.append(points)
            if x == RIGHT:
                labels.append((factor(cell, link), "", points, "space"))
        if readout:
            line, points = _straight(at("z", x), at("o", x))
            page.body.append(_arrow(line, ""))
            page.paths.append(points)
            if x == RIGHT:
                labels.append((r"\Wo{ki}", "", points, "space"))
    entering: dict[str, list[Link]] = {}
    for link in cell.links:
        if link.lag:
            entering.setdefault(link.target, []).append(link)
    for node, links in entering.items():
        heights = {k: (bottom + 78 if k.weight else at(k.source, LEFT)[1]) for k in links}
        for n, link in enumerate(sorted(links, key=lambda k: heights[k])):
            right, y = at(node, RIGHT)
            spread = 24 / max(len(links) - 1, 1) * n - 12 if len(links) > 1 else 0.0
            start = (LEFT, bottom + 78) if link.weight else at(link.source, LEFT)
            d, points = _curve((start[0] + RADIUS, start[1]), (right - (RADIUS**2 - spread**2) ** 0.5 - 2, y + spread))
            css = "lost" if rule and link.edge not in rule.own else link.edge.value
            page.body.append(_arrow(d, css))
            page.paths.append(points)
            labels.append((factor(cell, link), link.edge.value, points, css))
    if readout:
        (left, y), (right, _) = at("o", LEFT), at("o", RIGHT)
        kept = Edge.STATE.value if rule is None or Edge.STATE in rule.readout else "lost"
        d, points = _curve((left + RADIUS, y), (right - RADIUS - 2, y))
        page.body.append(_arrow(d, kept))
        page.paths.append(points)
        labels.append((r"\kap", Edge.STATE.value, points, kept))
    for formula, edge, points, css in sorted(labels, key=lambda entry: entry[3] == "space"):
        _place(page, formula, edge, points, css)
    heads = "".join(
        f'<marker id="h{name}" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="7.5" markerHeight="7.5" '
        'orient="auto">'
        f'<path d="M0,1 L9,5 L0,9 z" class="head {name}"/></marker>'
        for name in ("", "state", "reset", "recurrent", "adaptation", "lost")
    )
    title = (
        f"Two steps of one unit of the cell {cell.name}: its nodes, and the edges that carry the past into the present."
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" class="drawing">'
        f"<defs>{heads}</defs>"
        f"{''.join(page.body)}</svg>"
    )


def _straight(a: tuple[float, float], b: tuple[float, float]) -> tuple[str, list[tuple[float, float]]]:
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = max((dx * dx + dy * dy) ** 0.5, 1)
    x1, y1 = a[0] + (RADIUS + 1) * dx / length, a[1] + (RADIUS + 1) * dy / length
    x2, y2 = b[0] - (RADIUS + 2) * dx / length, b[1] - (RADIUS + 2) * dy / length
    points = [(x1 + (x2 - x1) * k / 10, y1 + (y2 - y1) * k / 10) for k in range(11)]
    return f"M{x1:.1f},{y1:.1f} L{x2:.1f},{y2:.1f}", points


def _arrow(d: str, css: str) -> str:
    name = f"edge {css}".strip()
    return f'<path d="{d}" class="{name}" marker-end="url(#h{css})"/>'


def _place(page: _Page, formula: str, edge: str, points: list[tuple[float, float]], css: str) -> None:
    """Put the label of an arrow beside its curve: the first place that is free, or the one with least in the way."""
    if formula == "1" and css == "space":
        return
    name = "" if css == "space" else ("✕ " if css == "lost" else "") + edge
    # widths of what KaTeX sets at this size, generously
    wide = max(8.6 * _letters(formula) + 6, 8.8 * len(name) + 6 if name else 0)
    tall = (24 if formula != "1" or not name else 0) + (15 if name else 0)
    spots = []
    for share in (0.3, 0.22, 0.4, 0.15, 0.5, 0.6, 0.7, 0.5):
        x, y = points[int(share * (len(points) - 1))]
        if css == "space":
            spots += [(x + 6, y - tall / 2), (x - wide - 6, y - tall / 2)]
        else:
            spots += [(x + 2, y - tall - 5), (x + 4, y + 6), (x - wide / 2, y - tall - 8), (x - wide / 2, y + 9)]
    best = min(spots, key=lambda s: page.free((s[0], s[1], s[0] + wide, s[1] + tall)))
    box = (best[0], best[1], best[0] + wide, best[1] + tall)
    page.boxes.append(box)
    inner = (f'<span class="caps {css}">{name}</span>' if name else "") + (
        span(formula) if formula != "1" or not name else ""
    )
    page.body.append(_label(*best, wide + 30, tall + 4, inner, css))


def _letters(formula: str) -> int:
    """Return how many letters wide a formula is, about."""
    plain = formula
    for key in SYMBOLS:
        plain = plain.replace(f"\\{key}{{", "m{")
    for word in ("\\left", "\\right", "\\,", "{", "}", "\\", " "):
        plain = plain.replace(word, "")
    return max(2, len(plain.replace("t-1", "tt")))
