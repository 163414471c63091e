"""A panel: curves over one quantity, as a small SVG that takes the width that it gets."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from gradcert.certify.report.curves import Curve

WIDTH, HEIGHT = 300, 190  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 28, 34
MARKED = 40  # marks of a curve: with more they hide it
FLOOR = 1e-3  # an error below it is drawn at the foot: a logarithm has no 0


def draw(curves: Sequence[Curve], measure: str, *, x: str, y: str, limit: float | None = None) -> Markup:
    """Return the panel of one measure; errors on a logarithmic scale.

    Parameters
    ----------
    x, y : what the axes are called.
    limit : a value at which a line is drawn.
    """
    xs = sorted({a for curve in curves for a, _ in curve.values[measure]})
    ys = [b for curve in curves for _, b in curve.values[measure]]
    ys += [] if limit is None or not ys else [limit]
    if not ys:
        return Markup('<p class="note">no figures</p>')
    log = measure == "error"
    ticks = _decades(ys) if log else _round(min(ys), max(ys))
    low, high = (math.log10(ticks[0]), math.log10(ticks[-1])) if log else (ticks[0], ticks[-1])
    wide = xs[-1] - xs[0] or 1.0

    def at_x(value: float) -> float:
        return LEFT + (value - xs[0]) / wide * (WIDTH - LEFT - RIGHT)

    def at_y(value: float) -> float:
        place = math.log10(max(value, ticks[0])) if log else value
        return HEIGHT - BOTTOM - (place - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        Markup(
            '<svg class="panel" role="img" viewBox="0 0 {} {}" aria-label="{} over {}"><title>{} over {}</title>'
        ).format(WIDTH, HEIGHT, y, x, y, x)
    ]
    for tick in ticks:
        label = f"{tick:g}" if not log else "0" if tick == ticks[0] and min(ys) < FLOOR else f"{tick:g}"
        parts.append(Markup('<line class="rule" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
            LEFT, WIDTH - RIGHT, at_y(tick), at_y(tick)))  # fmt: skip
        parts.append(Markup('<text class="y" x="{}" y="{:.1f}">{}</text>').format(LEFT - 8, at_y(tick) + 3.5, label))
    parts.append(Markup('<text class="what" x="{}" y="12">{}</text>').format(LEFT - 30, y))
    if limit is not None:
        parts.append(Markup('<line class="limit" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
            LEFT, WIDTH - RIGHT, at_y(limit), at_y(limit)))  # fmt: skip
    last = -math.inf
    for value in xs:
        if at_x(value) - last >= 22:  # a label needs that much
            last = at_x(value)
            parts.append(
                Markup('<text class="x" x="{:.1f}" y="{}">{:g}</text>').format(last, HEIGHT - BOTTOM + 14, value)
            )
    parts.append(Markup('<text class="x" x="{}" y="{}">{}</text>').format((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, x))
    for curve in curves:
        points = [(at_x(a), at_y(b)) for a, b in curve.values[measure]]
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(Markup('<polyline points="{}" stroke="{}" stroke-dasharray="{}"/>').format(
            line, curve.colour, curve.dash))  # fmt: skip
        parts += [mark(curve, a, b) for a, b in points[:: 1 + len(points) // MARKED]]
    return Markup("").join([*parts, Markup("</svg>")])


def mark(curve: Curve, x: float, y: float) -> Markup:
    """Return the mark of a curve at a place: hollow, so that one behind another is seen."""
    shapes: dict[str, list[tuple[float, float]]] = {
        "o": [(2.8 * math.cos(k * math.pi / 8), 2.8 * math.sin(k * math.pi / 8)) for k in range(16)],
        "s": [(-3, -3), (3, -3), (3, 3), (-3, 3)],
        "^": [(0, -4), (3.8, 3), (-3.8, 3)],
        "D": [(0, -4.2), (4.2, 0), (0, 4.2), (-4.2, 0)],
        "v": [(0, 4), (3.8, -3), (-3.8, -3)],
        "P": [(0, -4.5), (1.3, -1.3), (4.5, 0), (1.3, 1.3), (0, 4.5), (-1.3, 1.3), (-4.5, 0), (-1.3, -1.3)],
    }
    points = " ".join(f"{x + a:.1f},{y + b:.1f}" for a, b in shapes[curve.mark])
    return Markup('<polygon points="{}" stroke="{}"/>').format(points, curve.colour)


def sample(curve: Curve) -> Markup:
    """Return what a legend shows of a curve."""
    head = Markup('<svg class="sample" width="46" height="12" viewBox="0 0 46 12" aria-hidden="true">')
    line = Markup('<polyline points="1,6 45,6" stroke="{}" stroke-dasharray="{}"/>').format(curve.colour, curve.dash)
    return Markup("").join([head, line, mark(curve, 23, 6), Markup("</svg>")])


def _decades(values: Sequence[float]) -> list[float]:
    positive = [v for v in values if v >= FLOOR]
    top = math.ceil(math.log10(max(positive, default=1.0)) - 1e-9)
    bottom = math.floor(math.log10(min(positive, default=FLOOR)) + 1e-9)
    if len(positive) < len(values):
        bottom -= 1  # the foot, where 0 is
    step = max(1, math.ceil((max(top, bottom + 1) - bottom) / 5))
    return [10.0**k for k in range(bottom, max(top, bottom + 1) + step, step)]


def _round(low: float, high: float) -> list[float]:
    """Return from three to six round numbers around a range.

    Examples
    --------
    >>> _round(-0.23, 1.0)
    [-0.5, 0.0, 0.5, 1.0]
    """
    if high - low < 1e-6 * max(1.0, abs(high)):
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / 4
    base = 10.0 ** math.floor(math.log10(raw))
    step = next(base * k for k in (1, 2, 5, 10) if base * k >= raw)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]
