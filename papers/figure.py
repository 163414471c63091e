"""Figures and tables as data: what a claim has to show, before anybody draws it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Point = tuple[float, float, float, float]  # x, mean, and the lowest and highest of the seeds


@dataclass(frozen=True)
class Figure:
    """Curves over one axis, each with its spread over seeds.

    Attributes
    ----------
    title, x, y : words.
    curves : label -> points.
    log_x, log_y : whether axes are logarithmic.
    level : a horizontal line to compare with, and its words.
    """

    title: str
    x: str
    y: str
    curves: Mapping[str, Sequence[Point]]
    log_x: bool = False
    log_y: bool = False
    level: tuple[float, str] | None = None


@dataclass(frozen=True)
class Table:
    """Rows of values under columns; the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]


def spread(curves: Sequence[Sequence[Sequence[float]]]) -> list[Point]:
    """Return mean, lowest and highest of the curves of several seeds, where all of them have a point.

    Parameters
    ----------
    curves : per seed, pairs of x and a value.

    Examples
    --------
    >>> spread([[[1, 2.0], [2, 1.0]], [[1, 4.0], [2, 3.0]]])
    [(1.0, 3.0, 2.0, 4.0), (2.0, 2.0, 1.0, 3.0)]
    """
    by_x: dict[float, list[float]] = {}
    for curve in curves:
        for x, y in curve:
            if math.isfinite(y):
                by_x.setdefault(float(x), []).append(float(y))
    return [(x, float(np.mean(ys)), min(ys), max(ys)) for x, ys in sorted(by_x.items()) if len(ys) == len(curves)]
