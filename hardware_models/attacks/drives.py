"""What a search drives a unit with: random programs and worst cases, and real-valued operands at the ends of errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.description.program import Node, Program, with_lanes

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Search:
    """What came of a search.

    Attributes
    ----------
    tried : how many programs (drive sequences) or points.
    broken : a counterexample in words, empty where there is none.
    reached : the largest share of the claimed bound that any of them came to; None where a claim is no bound.
    """

    tried: int
    broken: str = ""
    reached: float | None = None


def columns(node: Node, shape: tuple[int, ...], steps: int, rng: Any) -> Array:
    """Return (steps, lanes, ...) stored integers of a leaf, a way of driving per lane.

    Held at either end, at either end by turns or in bursts of random length, an end or a value of any size at random.
    """
    low, high = node.bounds
    lanes = shape[0]
    mode = rng.integers(0, 6, lanes)
    mode[: min(4, lanes)] = np.arange(min(4, lanes))
    whole = (steps, *shape)
    rate = rng.random(shape) ** 2 if rng.random() < 0.5 else rng.random(shape)
    drawn = rng.integers(low, high, whole, dtype=np.int64, endpoint=True)
    scaled = drawn >> rng.integers(0, node.format.width, whole)
    turn = np.arange(steps).reshape(-1, *(1,) * len(shape)) // (1 + rng.integers(0, 1 + steps // 2, shape))
    ends = np.where(rng.random(whole) < rate, high, low)
    ways = (
        np.full(whole, high),
        np.full(whole, low),
        np.where(turn % 2 == 0, high, low),
        ends,
        np.clip(scaled, low, high),
    )
    picked = mode.reshape(1, lanes, *(1,) * (len(shape) - 1))
    out = np.broadcast_to(ends, whole).copy()
    for k, way in enumerate(ways):
        out = np.where(picked == k, way, out)
    return out


def drives(program: Program, lanes: int, steps: int, seed: int) -> list[dict[str, Array]]:
    """Return inputs and words per step for `lanes` copies of a fixed-point program."""
    rng = np.random.default_rng(seed)
    wide = with_lanes(program, lanes)
    leaves = {n.name: columns(n, wide.shape(n), steps, rng) for n in wide.of_kind("input", "random")}
    return [{name: column[t] for name, column in leaves.items()} for t in range(steps)]


def sized(rng: Any, low: int, high: int, count: int) -> list[int]:
    """Return integers of a range: a quarter at its ends and around zero, the rest of every size."""
    special = [low, high, low + 1, high - 1, *(x for x in (-1, 0, 1) if low <= x <= high)]
    out = []
    for _ in range(count):
        if rng.random() < 0.25:
            out.append(int(special[rng.integers(len(special))]))
        else:
            drawn = int(rng.integers(low, high, endpoint=True))
            shift = int(rng.integers(0, max(abs(low), abs(high)).bit_length() + 1))
            out.append(max(low, (abs(drawn) >> shift) * (-1 if drawn < 0 else 1)))
    return out


def off(rng: Any, error: Fraction) -> Fraction:
    """Return an error: at either end as often as not, else within."""
    choice = int(rng.integers(0, 4))
    return error * (-1 if choice == 0 else 1 if choice == 1 else Fraction(int(rng.integers(-8, 9)), 8))


def pairs(rng: Any, credit: tuple[int, int], trace: tuple[int, int], count: int) -> Iterator[tuple[int, int]]:
    """Yield stored operands."""
    yield from zip(sized(rng, *credit, count), sized(rng, *trace, count), strict=True)


def cut(x: Fraction, low: Fraction, high: Fraction) -> Fraction:
    """Return x cut to [low, high]."""
    return min(max(x, low), high)


def share(x: Fraction, bound: Fraction) -> float:
    """Return x / bound as a float; 1 and more where a bound of zero is passed."""
    return float(x / bound) if bound else (2.0 if x else 0.0)
