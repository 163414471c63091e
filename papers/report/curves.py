"""Curves as SVG: a line per learner, a band from the lowest to the highest seed; colours come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from gradcert.papers.figure import Figure, Point

WIDTH, HEIGHT = 460, 260
LEFT, RIGHT, TOP, BOTTOM = 62, 10, 10, 40
COLOURS = 8


def svg(figure: Figure) -> str:
    """Return the picture of a figure; its legend is the page's.

    Examples
    --------
    >>> one = Figure("t", "update", "loss", {"a": [(0.0, 1.0, 0.9, 1.1), (1.0, 0.5, 0.4, 0.6)]})
    >>> "<polyline" in svg(one), "<polygon" in svg(one)
    (True, True)
    """
    curves = {label: [p for p in points if drawable(p, figure)] for label, points in figure.curves.items()}
    every = [p for points in curves.values() for p in points]
    if not every:
        return ""
    x_low, x_high = extent([p[0] for p in every], figure.log_x)
    level = [figure.level[0]] if figure.level else []
    y_low, y_high = extent([v for p in every for v in p[1:]] + level, figure.log_y)

    def at_x(x: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * share(x, x_low, x_high, figure.log_x), 1)

    def at_y(y: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share(y, y_low, y_high, figure.log_y), 1)

    parts = [f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(figure.title)}">']
    for value in ticks(x_low, x_high, figure.log_x):
        parts.append(f'<line class="grid" x1="{at_x(value)}" x2="{at_x(value)}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(
            f'<text class="tick" x="{at_x(value)}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{value:g}</text>'
        )
    for value in ticks(y_low, y_high, figure.log_y):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at_y(value)}" y2="{at_y(value)}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{at_y(value) + 4}" text-anchor="end">{value:g}</text>')
    middle = (HEIGHT - BOTTOM + TOP) / 2
    parts.append(
        f'<text class="tick" x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(figure.x)}</text>'
    )
    parts.append(
        f'<text class="tick" transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">'
        f"{escape(figure.y)}</text>"
    )
    if figure.level:
        y = at_y(figure.level[0])
        parts.append(f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(
            f'<text class="tick" x="{WIDTH - RIGHT}" y="{y - 4}" text-anchor="end">{escape(figure.level[1])}</text>'
        )
    for number, points in enumerate(curves.values()):
        colour = f"c{number % COLOURS}{' dashed' if number >= COLOURS else ''}"
        up = [f"{at_x(p[0])},{at_y(p[3])}" for p in points]
        down = [f"{at_x(p[0])},{at_y(p[2])}" for p in reversed(points)]
        line = " ".join(f"{at_x(p[0])},{at_y(p[1])}" for p in points)
        parts.append(f'<polygon class="band {colour}" points="{" ".join(up + down)}"/>')
        parts.append(f'<polyline class="line {colour}" points="{line}"/>')
        parts += [
            f'<circle class="dot {colour}" cx="{at_x(p[0])}" cy="{at_y(p[1])}" r="2"/>'
            for p in points
            if len(points) < 15
        ]
    return "".join([*parts, "</svg>"])


def drawable(point: Point, figure: Figure) -> bool:
    """Return whether a point has a place on the axes."""
    return (
        all(math.isfinite(v) for v in point)
        and (point[0] > 0 or not figure.log_x)
        and (min(point[1:]) > 0 or not figure.log_y)
    )


def extent(values: Sequence[float], log: bool) -> tuple[float, float]:
    """Return the ends of an axis; whole decades where it is logarithmic.

    Examples
    --------
    >>> extent([3, 40], True), extent([2.0, 2.0], False)
    ((1.0, 100.0), (1.5, 2.5))
    """
    low, high = min(values), max(values)
    if log:
        return 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high) + (1e-9 if low == high else 0))
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def share(value: float, low: float, high: float, log: bool) -> float:
    """Return where a value lies between the ends, 0 to 1."""
    if log:
        value, low, high = (math.log10(v) for v in (value, low, high))
    return (value - low) / (high - low) if high > low else 0.5


def ticks(low: float, high: float, log: bool) -> list[float]:
    """Return round values, at most seven, along an axis.

    Examples
    --------
    >>> ticks(0, 100, False), ticks(1, 1000, True)
    ([0.0, 20.0, 40.0, 60.0, 80.0, 100.0], [1.0, 10.0, 100.0, 1000.0])
    """
    if log:
        first, last = round(math.log10(low)), round(math.log10(high))
        return [10.0**k for k in range(first, last + 1, max(1, (last - first) // 5))]
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * k for k in (1, 2, 2.5, 5, 10) if unit * k >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]
