"""Rows of levels: every level occurs (strength 1), or every pair of levels (strength 2), by a covering array."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations, product
from typing import Any

from covertable import make

JOINT = "together"

# What cannot be together, or shows nothing: (axis, levels), two or more of them.
IMPOSSIBLE: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...] = (
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
    (("spikes", ("always",)), ("biases", ("0",))),
    (("sizes", ("one unit",)), ("weights", ("a zero row",))),
    (("numbers", ("logits beyond exp",)), ("weights", ("all negative", "large"))),
    (("numbers", ("logits beyond exp",)), ("biases", ("0",))),
    (("numbers", ("logits beyond exp",)), ("targets", ("all 0",))),
    (("numbers", ("logits beyond exp",)), ("loss", ("squared_error",))),
    (("numbers", ("saturated",)), ("inputs", ("tiny", "subnormal", "all 0"))),
    (("loss", ("squared_error",)), ("targets", ("soft", "any sum", "one class"))),
    (("loss", ("cross_entropy",)), ("sizes", ("one unit",))),
    (("sizes", ("one unit",)), ("targets", ("soft", "any sum", "one class"))),
    (("loss", ("cross_entropy",)), ("targets", ("all 0",))),
    (("depth", ("1",)), ("sizes", ("layers alike",))),
    (("loss", ("bernoulli",)), ("targets", ("soft", "any sum", "one class", "all 0", "above 1e5"))),
    (("T", ("1", "2", "odd")), ("inputs", ("a loud first step",))),
    (("weights", ("large",)), ("inputs", ("a loud first step",))),
    (("leak", ("1",)), ("inputs", ("a loud first step",))),
    (("spikes", ("never", "always")), ("inputs", ("a loud first step",))),
    (("numbers", ("logits beyond exp",)), ("loss", ("bernoulli",))),
    (("T", ("1",)), ("loss weights", ("padding", "0 inside"))),
    (("T", ("1",)), ("begins", ("inside", "adjacent"))),
    (("T", ("2",)), ("begins", ("adjacent",))),
    (("B", ("1",)), ("initial", ("one each",))),
    (("sizes", ("one unit",)), ("leak", ("one each",))),
    (("sizes", ("one unit",)), ("threshold", ("one each",))),
    (("weights", ("a zero row",)), ("biases", ("0",)), ("targets", ("all 0",))),  # a unit that is right to do nothing
    (("weights", ("a zero row",)), ("leak", ("0",)), ("targets", ("all 0",))),
    (("weights", ("a zero row",)), ("biases", ("0",)), ("threshold", ("1",))),  # where a triangle of width 1 is 0
    (("weights", ("lateral 0",)), ("T", ("2",)), ("inputs", ("all 0",))),  # the one step before says nothing
)


def rows(
    axes: Mapping[str, tuple[str, ...]], strength: int, *, salt: str, together: tuple[str, ...] = ()
) -> tuple[dict[str, str], ...]:
    """Return rows of levels, axis -> level.

    The library covers everything; a row with levels that cannot be together then becomes several, each without
    one of them (its own way of keeping them apart takes half a minute here).

    Parameters
    ----------
    axes : with the levels that may occur.
    strength : 1 for every level, 2 for every pair of levels that can be.
    salt : decides which rows, of the many sets that would do.
    together : axes whose levels occur in every combination that can be, whatever the strength.

    Examples
    --------
    >>> found = rows({"T": ("1", "2"), "B": ("1", "2"), "inputs": ("real", "all 0")}, 1, salt="0")
    >>> sorted({row["T"] for row in found}), len(found)
    (['1', '2'], 2)
    """
    names = tuple(axis for axis in together if axis in axes)
    return tuple(dict(row) for row in _rows(tuple(axes.items()), strength, salt, names))


@lru_cache(maxsize=64)
def _rows(
    axes: tuple[tuple[str, tuple[str, ...]], ...], strength: int, salt: str, together: tuple[str, ...]
) -> tuple[dict[str, str], ...]:
    levels = dict(axes)
    factors: dict[str, list[Any]] = {k: list(v) for k, v in axes if k not in together}
    if together:
        joint = [tuple(zip(together, names, strict=True)) for names in product(*(levels[a] for a in together))]
        factors[JOINT] = [some for some in joint if impossible(dict(some)) is None]
    found = make(factors, strength=min(strength, len(factors)), salt=salt)
    found = [{**row, **dict(row.get(JOINT, ()))} for row in found]
    waiting = [{axis: row[axis] for axis in levels} for row in found]
    out: list[dict[str, str]] = []
    covered: set[Any] = set()
    while waiting:
        row = waiting.pop(0)
        clash = impossible(row)
        if clash is None:
            new = {*combinations(row.items(), min(strength, len(row)))} - covered
            new |= {tuple(row[a] for a in together)} - covered if together else set()
            out += [row] if new else []
            covered |= new
            continue
        for axis in clash:
            others = ({**row, axis: level} for level in levels[axis])
            waiting += [next((o for o in others if _clashes(o) < _clashes(row)), {})]
        waiting = [row for row in waiting if row]
    wanted = combinations([(axis, level) for axis, names in axes for level in names], min(strength, len(axes)))
    for some in wanted:  # what was lost where two rows had to part
        given = dict(some)
        if len(given) == len(some) and some not in covered and impossible(given) is None:
            more = _completed(given, levels)
            if more is not None:
                out.append(more)
                covered |= {*combinations(more.items(), min(strength, len(more)))}
    return tuple(out)


def _completed(given: Mapping[str, str], levels: Mapping[str, tuple[str, ...]]) -> dict[str, str] | None:
    """Return a row with the given levels, the others the first of their axes that can be together with them."""
    row = dict(given)
    for axis, names in levels.items():
        if axis not in row:
            fits = [name for name in names if impossible({**row, axis: name}) is None]
            if not fits:
                return None
            row[axis] = fits[0]
    return {axis: row[axis] for axis in levels}


def alone(axes: Mapping[str, tuple[str, ...]], given: Mapping[str, str]) -> dict[str, str] | None:
    """Return a row with the given levels and nothing else that is unusual, or None where there is none."""
    plain = {"T": "even", "B": "2", "sizes": "fewer inputs"}
    usual = {axis: (plain[axis], *names) if plain.get(axis) in names else names for axis, names in axes.items()}
    return _completed({k: v for k, v in given.items() if k in axes}, usual)


def impossible(row: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the axes whose levels in a row cannot be together, or None."""
    return next((tuple(axis for axis, _ in some) for some in IMPOSSIBLE if _clash(row, some)), None)


def _clash(row: Mapping[str, str], some: tuple[tuple[str, tuple[str, ...]], ...]) -> bool:
    return all(row.get(axis) in levels for axis, levels in some)


def _clashes(row: Mapping[str, str]) -> int:
    return sum(_clash(row, some) for some in IMPOSSIBLE)
