"""Figures as inline SVG; lines and text take the colours of the page (CSS classes ``kept``, ``dropped``, ``node``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from gradcert.derivations.proving.record import Figure
from gradcert.reference.networks import Cell
from gradcert.reference.rules import Rule


def _svg(width: int, height: int, title: str, body: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" class="figure">'
    marker = (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L8 4L0 8z" class="tip"/></marker></defs>'
    )
    return "".join([head, marker, f"<title>{escape(title)}</title>", *body, "</svg>"])


def unrolled(cell: Cell, rule: Rule, *, steps: int = 3) -> Figure:
    """Draw a cell unrolled over time, with the edges that a rule keeps and those that it drops.

    Examples
    --------
    >>> from gradcert.reference import Snu, rule_named
    >>> figure = unrolled(Snu(), rule_named("ottt"))
    >>> figure.svg.count('class="edge kept"'), figure.svg.count('class="edge dropped"')
    (2, 4)
    """
    nodes, row, column = cell.nodes, 62, 150
    width, height = column * steps + 40, row * (len(nodes) + 1) + 20
    place = {
        (node, t): (40 + column * t + 30 * (i % 2), height - 30 - row * (i + 1))
        for t in range(steps)
        for i, node in enumerate(nodes)
    }
    body: list[str] = []
    names: list[str] = []
    for t in range(steps):
        x = 40 + column * t
        seen: dict[tuple[str, str], int] = {}
        body.append(f'<text x="{x}" y="{height - 8}" class="label">x, t={t + 1}</text>')
        for link in cell.links:
            if link.source == "x":
                body.append(_arrow((x + 10, height - 24), place[link.target, t], "edge space"))
            elif link.lag == 0:
                body.append(_arrow(place[link.source, t], place[link.target, t], "edge space"))
            elif t:
                kind = "kept" if link.edge in rule.own else "dropped"
                shift = 9 * seen.get((link.source, link.target), 0)  # two edges between the same nodes lie side by side
                seen[link.source, link.target] = seen.get((link.source, link.target), 0) + 1
                (xa, ya), (xb, yb) = place[link.source, t - 1], place[link.target, t]
                body.append(_arrow((xa, ya - shift), (xb, yb - shift), f"edge {kind}", link.edge.value))
                if t == 1:
                    share = (0.3, 0.55, 0.42, 0.66)[len(names) % 4]
                    at = (xa + share * (xb - xa), ya - shift + share * (yb - ya) - 4)
                    names.append(
                        f'<text x="{at[0]:.0f}" y="{at[1]:.0f}" class="label edge-name">{link.edge.value}</text>'
                    )
    for (node, _), (x, y) in place.items():
        body.append(f'<circle cx="{x}" cy="{y}" r="13" class="node"/>')
        body.append(f'<text x="{x}" y="{y + 4}" class="name">{escape(node)}</text>')
    caption = (
        f"{cell.name} over {steps} steps under {rule.title}: thin lines stay within a step, solid lines are the edges "
        "through time that the rule keeps, dashed lines those that it drops."
    )
    return Figure(_svg(width, height, caption, [*body, *names]), caption)


def _below(name: str, graph: Mapping[str, Sequence[str]]) -> set[str]:
    """Return everything that a derivation rests on."""
    direct = set(graph[name])
    return direct.union(*(_below(p, graph) for p in direct))


def _arrow(a: tuple[int, int], b: tuple[int, int], css: str, title: str = "") -> str:
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = max((dx * dx + dy * dy) ** 0.5, 1)
    x1, y1 = a[0] + 14 * dx / length, a[1] + 14 * dy / length
    x2, y2 = b[0] - 15 * dx / length, b[1] - 15 * dy / length
    return _line((x1, y1), (x2, y2), css, title)


def _line(a: tuple[float, float], b: tuple[float, float], css: str, title: str = "") -> str:
    inner = f"<title>{escape(title)}</title>" if title else ""
    line = f'x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}"'
    return f'<line {line} class="{css}" marker-end="url(#arrow)">{inner}</line>'


def heat_map(values: Sequence[Sequence[float]], caption: str, *, rows: str, columns: str) -> Figure:
    """Draw a matrix of non-negative numbers; the darkest cell is the largest.

    Examples
    --------
    >>> heat_map([[0.0, 1.0]], "two cells", rows="s", columns="t").svg.count("<rect")
    2
    """
    top = max((v for row in values for v in row), default=0.0) or 1.0
    size, left, above = 34, 46, 30
    body = [f'<text x="{left}" y="18" class="label">{escape(columns)}</text>']
    body.append(f'<text x="4" y="{above + 20}" class="label">{escape(rows)}</text>')
    for i, row in enumerate(values):
        for j, v in enumerate(row):
            x, y = left + size * j, above + size * i
            shade = f'style="fill-opacity:{v / top:.3f}"'
            title = f"<title>{escape(rows)}={i + 1}, {escape(columns)}={j + 1}: {v:.4g}</title>"
            body.append(
                f'<rect x="{x}" y="{y}" width="{size - 2}" height="{size - 2}" class="heat" {shade}>{title}</rect>'
            )
    width = left + size * max(len(row) for row in values) + 10
    return Figure(_svg(width, above + size * len(values) + 10, caption, body), caption)


def dependencies(graph: Mapping[str, Sequence[str]], titles: Mapping[str, str]) -> Figure:
    """Draw which derivation rests on which: a row for each, under what it rests on and further to the right.

    Lines go down from the left of a box to what rests on it; where a derivation rests on a second one, a line comes
    from the right. So no line meets a box between its ends. A box has the title up to its colon.

    Examples
    --------
    >>> figure = dependencies({"ostl": (), "eprop": ("ostl",)}, {"ostl": "OSTL", "eprop": "e-prop: a trace"})
    >>> figure.svg.count("<path class"), ">e-prop<" in figure.svg
    (1, True)
    """
    own: dict[str, list[str]] = {}
    for name, premises in graph.items():  # what another premise rests on is implied
        own[name] = [p for p in premises if not any(p in _below(q, graph) for q in premises if q != p)]
    level: dict[str, int] = {}
    for name in graph:  # reading order is a topological order
        own[name].sort(key=lambda p: -level[p])
        level[name] = 1 + level[own[name][0]] if own[name] else 0
    order: list[str] = []

    def down(name: str) -> None:
        order.append(name)
        for other in graph:
            if own[other][:1] == [name]:
                down(other)

    for name in graph:
        if not own[name]:
            down(name)
    short = {name: titles.get(name, name).partition(":")[0] for name in order}
    left = {name: 10 + 26 * level[name] for name in order}
    wide = {name: 24 + 7 * len(short[name]) for name in order}
    row = {name: 24 + 38 * n for n, name in enumerate(order)}
    right = max(left[name] + wide[name] for name in order)
    body, lane = [], 0
    for name in order:
        for p in own[name][:1]:
            body.append(_path(f"M{left[p] + 12} {row[p] + 13}V{row[name]}H{left[name] - 1}", short[p], short[name]))
        for p in own[name][1:]:
            lane += 1
            x, begin, end = right + 14 * lane, left[p] + wide[p], left[name] + wide[name] + 1
            way = f"M{begin:.0f} {row[p]}H{x:.0f}V{row[name]}H{end:.0f}"
            body.append(_path(way, short[p], short[name]))
    for name in order:
        x, y, width = left[name], row[name], wide[name]
        box = f'<rect x="{x}" y="{y - 13}" width="{width:.0f}" height="26" rx="6" class="box"/>'
        text = f'<text x="{x + width / 2:.0f}" y="{y + 4}" class="name">{escape(short[name])}</text>'
        body.append(f'<a href="{name}.html">{box}{text}</a>')
    caption = "Which derivation rests on which."
    return Figure(_svg(max(round(right + 14 * lane + 10), 440), 38 * len(order) + 10, caption, body), caption)


def _path(way: str, start: str, end: str) -> str:
    title = f"<title>{escape(f'{end} rests on {start}')}</title>"
    return f'<path class="edge kept" d="{way}" marker-end="url(#arrow)">{title}</path>'
