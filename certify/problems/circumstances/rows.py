"""Rows of levels: every level occurs (strength 1), or every pair of levels (strength 2), by a covering array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from covertable import make

# What cannot be, or shows nothing: pairs of (axis, levels).
IMPOSSIBLE: tuple[tuple[tuple[str, tuple[str, ...]], tuple[str, tuple[str, ...]]], ...] = (
    (("B", ("1",)), ("samples", ("equal", "one silent"))),
    (("T", ("1",)), ("inputs", ("a silent step",))),
    (("T", ("1",)), ("targets", ("a step without",))),
    (("T", ("1",)), ("spikes", ("adjacent", "a step without"))),
    (("T", ("1",)), ("weights", ("lateral 0",))),
    (("inputs", ("all 0",)), ("samples", ("one silent",))),
    (("inputs", ("all 0",)), ("biases", ("0",))),
    (("spikes", ("never",)), ("threshold", ("below 0",))),
    (("spikes", ("always",)), ("weights", ("all negative",))),
    (("spikes", ("always",)), ("inputs", ("all 0",))),
    (("sizes", ("one unit",)), ("weights", ("a zero row",))),
    (("numbers", ("logits beyond exp",)), ("weights", ("all negative", "large"))),
    (("numbers", ("logits beyond exp",)), ("biases", ("0",))),
    (("numbers", ("logits beyond exp",)), ("targets", ("all 0",))),
    (("numbers", ("logits beyond exp",)), ("loss", ("squared_error",))),
    (("numbers", ("saturated",)), ("inputs", ("tiny", "subnormal", "all 0"))),
    (("loss", ("squared_error",)), ("targets", ("soft", "any sum", "one class"))),
    (("loss", ("cross_entropy",)), ("sizes", ("one unit",))),
    (("depth", ("1",)), ("sizes", ("layers alike",))),
)


def rows(axes: Mapping[str, tuple[str, ...]], strength: int, *, salt: str) -> list[dict[str, str]]:
    """Return rows of levels, axis -> level.

    Parameters
    ----------
    axes : with the levels that may occur.
    strength : 1 for every level, 2 for every pair of levels that can be.
    salt : decides which rows, of the many sets that would do.

    Examples
    --------
    >>> found = rows({"T": ("1", "2"), "B": ("1", "2"), "inputs": ("real", "all 0")}, 1, salt="0")
    >>> sorted({row["T"] for row in found}), len(found)
    (['1', '2'], 2)
    """
    conditions: list[dict[str, Any]] = []
    for (one, these), (other, those) in IMPOSSIBLE:
        if one in axes and other in axes:
            both = [{"operator": "in", "left": a, "values": list(v)} for a, v in ((one, these), (other, those))]
            conditions.append({"operator": "not", "condition": {"operator": "and", "conditions": both}})
    strength = min(strength, len(axes))
    found = make({k: list(v) for k, v in axes.items()}, strength=strength, salt=salt, constraints=conditions)
    return [dict(sorted(row.items())) for row in found]
