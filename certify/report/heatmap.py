"""A heat map as SVG: parameters down, cases or time steps across, the error in units of the budget as colour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

CELL, GAP, LETTER, LINE = 24, 2, 6.7, 16  # pixels; the width of a letter of the monospaced labels, the height of a line
LEVELS = 5  # colours on either side of the budget
WORST = 15.0  # decades outside the budget beyond which it gets no redder


@dataclass(frozen=True)
class Cell:
    """One square.

    Attributes
    ----------
    ratio : error over budget; None where nothing was judged.
    title : shown under the pointer.
    """

    ratio: float | None
    title: str


def level(ratio: float | None) -> str:
    """Return the class of a square: ``none``, ``in0`` (far inside the budget) to ``in4``, ``out0`` to ``out4``.

    Examples
    --------
    >>> level(None), level(0.0), level(0.9), level(3.0), level(float("inf"))
    ('none', 'in0', 'in4', 'out0', 'out4')
    """
    if ratio is None or math.isnan(ratio):
        return "none"
    if ratio <= 1:
        decades = -math.log10(ratio) if ratio else math.inf
        return f"in{max(0, LEVELS - 1 - int(min(decades, LEVELS - 1)))}"
    decades = min(math.log10(ratio), WORST)
    return f"out{min(LEVELS - 1, int(decades / WORST * LEVELS))}"


def sign(ratio: float | None) -> str:
    """Return what is written in a square outside the budget: how many decades, so that colour is not alone.

    Examples
    --------
    >>> sign(0.5), sign(float("inf")), sign(3.2e7)
    ('', '∞', '7')
    """
    if ratio is None or math.isnan(ratio) or ratio <= 1:
        return ""
    return "∞" if math.isinf(ratio) else str(int(math.log10(ratio)))


def draw(rows: Mapping[str, Sequence[Cell]], columns: Sequence[str], *, caption: str, axis: str) -> Markup:
    """Return a heat map.

    Parameters
    ----------
    rows : parameter -> one cell per column.
    columns : labels, short; an empty one leaves its place empty.
    caption : said to those who cannot see it.
    axis : what the columns are.

    Examples
    --------
    >>> print(draw({"b": [Cell(2.0, "b, t = 1")]}, ["1"], caption="errors", axis="t"))  # doctest: +ELLIPSIS
    <svg class="heat" ...
    """
    left = max((len(name) for name in rows), default=0) * LETTER + 10
    pitch = CELL + GAP
    width = max(left + len(columns) * pitch, left + len(axis) * LETTER)
    top = 2 * LINE + 2
    height = top + len(rows) * pitch
    parts = [
        Markup(
            '<svg class="heat" role="img" width="{w:.0f}" height="{h}" viewBox="0 0 {w:.0f} {h}" aria-label="{c}">'
        ).format(w=width, h=height, c=caption),
        Markup('<text class="axis" x="{:.1f}" y="{}">{}</text>').format(left, LINE - 4, axis),
    ]
    for j, label in enumerate(columns):
        x = left + j * pitch + CELL / 2
        parts.append(Markup('<text class="col" x="{:.1f}" y="{}">{}</text>').format(x, 2 * LINE - 3, label))
    for i, (name, cells) in enumerate(rows.items()):
        y = top + i * pitch
        parts.append(
            Markup('<text class="row" x="{:.1f}" y="{:.1f}">{}</text>').format(left - 8, y + CELL / 2 + 4, name)
        )
        for j, cell in enumerate(cells):
            x = left + j * pitch
            parts.append(
                Markup(
                    '<g><title>{t}</title><rect class="{k}" x="{x:.1f}" y="{y}" width="{s}" height="{s}" rx="4"/>'
                ).format(t=cell.title, k=level(cell.ratio), x=x, y=y, s=CELL)
            )
            if text := sign(cell.ratio):
                place = (x + CELL / 2, y + CELL / 2 + 3.5)
                parts.append(Markup('<text class="in" x="{:.1f}" y="{:.1f}">{}</text>').format(*place, text))
            parts.append(Markup("</g>"))
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def legend() -> Markup:
    """Return the scale that every heat map shares."""
    steps = [(f"in{k}", "") for k in range(LEVELS)] + [(f"out{k}", "") for k in range(LEVELS)]
    squares = Markup("").join(
        Markup('<rect class="{}" x="{}" y="0" width="30" height="12"/>').format(name, 30 * k)
        for k, (name, _) in enumerate(steps)
    )
    marks = Markup("").join(
        Markup('<text class="mark" x="{}" y="26" text-anchor="{}">{}</text>').format(x, anchor, escape(text))
        for x, anchor, text in ((0, "start", "0"), (150, "middle", "budget"), (300, "end", "10¹⁵ budgets"))
    )
    return Markup(
        '<svg class="scale" width="300" height="30" viewBox="0 0 300 30" aria-hidden="true">{}{}</svg>'
    ).format(squares, marks)
