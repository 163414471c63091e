"""UORO and KF-RTRL with one line done otherwise, their draws being given (mathematics.md 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from gradcert.certify.variations.variation import Posed, Variation, Vector, published
from gradcert.reference.numbers import Array


def variations(name: str, posed: Posed) -> Iterator[Variation]:
    """Yield an estimator with noise of one step at every step or of one sample for all, or normalisers swapped."""
    axis = 0 if name == "uoro" else 1  # of time
    yield Variation(
        "noise of one step", "the noise of the first step at every step", partial(_drawn, name, _first(axis))
    )
    yield Variation(
        "noise of one sample", "the noise of the first sample for all", partial(_drawn, name, _first(axis + 1))
    )
    swapped = {"normalisers": list(reversed(_pair(posed)))}
    yield Variation("normalisers swapped", "the two normalisers swapped", partial(published, name, swapped))


def _pair(posed: Posed) -> list[float]:
    chosen = posed.settings.get("normalisers", "paper")
    return [1.0, 1.0] if chosen == "paper" else list(chosen)


def _first(axis: int) -> Callable[[Array], Array]:
    return lambda signs: signs.take([0] * signs.shape[axis], axis=axis)


def _drawn(name: str, change: Callable[[Array], Array], p: Posed) -> Vector:
    drawn = {"signs": change(p.problem.drawn["signs"])}
    return published(name, {}, replace(p, problem=replace(p.problem, drawn=drawn)))
