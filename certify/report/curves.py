"""Curves of an atlas: rules that coincide everywhere are one curve, others are told apart by dash and mark as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SAME = 1e-9  # of a measure: rules nearer than that at every point are one curve
COLOURS = (
    "#2f74cd",
    "#d9820f",
    "#1f9d57",
    "#c0392b",
    "#8e5bd0",
    "#7a6a3a",
)  # 3:1 on either page
DASHES = ("", "6 3", "2 2", "9 3 2 3", "1 4", "12 4")
MARKS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Curve:
    """One curve, or several that coincide.

    Attributes
    ----------
    label : the rules, with commas.
    colour, dash, mark : how it is drawn.
    values : measure -> (x, y) of every point.
    """

    label: str
    colour: str
    dash: str
    mark: str
    values: Mapping[str, Sequence[tuple[float, float]]]


def curves(
    axes: Mapping[str, Sequence[Mapping[str, Any]]], rules: Sequence[str], measures: Sequence[str]
) -> dict[str, list[Curve]]:
    """Return the curves of every axis; a curve looks the same on all of them.

    Parameters
    ----------
    axes : axis -> its points, as in an atlas.
    rules : that are drawn, where there are figures of them.
    """
    tables = {rule: _table(axes, rule, measures) for rule in rules}
    groups: list[list[str]] = []
    for rule, table in tables.items():
        if any(table.values()):
            group = next((g for g in groups if _alike(tables[g[0]], table)), None)
            groups.append([rule]) if group is None else group.append(rule)
    out: dict[str, list[Curve]] = {axis: [] for axis in axes}
    for number, group in enumerate(groups):
        look = (COLOURS[number % 6], DASHES[number % 6], MARKS[number % 6])
        for axis in axes:
            values = {m: [(x, y) for (a, n, x), y in tables[group[0]].items() if (a, n) == (axis, m)] for m in measures}
            out[axis].append(Curve(", ".join(group), *look, values))
    return out


def _table(
    axes: Mapping[str, Sequence[Mapping[str, Any]]], rule: str, measures: Sequence[str]
) -> dict[tuple[str, str, float], float]:
    out = {}
    for axis, points in axes.items():
        for point in points:
            row = next((row for row in point.get("rules", ()) if row["rule"] == rule), {})
            out |= {(axis, m, point["point"][axis]): row[m] for m in measures if row.get(m) is not None}
    return out


def _alike(a: Mapping[Any, float], b: Mapping[Any, float]) -> bool:
    return a.keys() == b.keys() and all(abs(a[k] - b[k]) <= SAME * max(1.0, abs(a[k])) for k in a)
