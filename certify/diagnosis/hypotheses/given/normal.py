"""Layer normalisation and weight standardisation: what they are made of taken as constant, or another epsilon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Hypothesis, of_edit, of_run
from gradcert.certify.diagnosis.unrolled import Bench, Graph, GraphEdit
from gradcert.reference.engines import LayerTape, Tape
from gradcert.reference.networks import EXTRAS, with_cells
from gradcert.reference.numbers import Array

CONSTANT = {"mean and variance": ("mean", "variance"), "mean": ("mean",), "variance": ("variance",)}
EPSILONS = (1e-5, 1e-6, 1e-8, 1e-12, 1e-3)  # what libraries have; a variance of 0 has to stay away
Pull = Callable[[Array, Array, Array], Array]
BY: dict[str, Pull] = {
    "by the weight that acts, in the place of the raw one": lambda g, s, r: g,
    "with their mean and deviation as constants": lambda g, s, r: r * g,
    "with their deviation as a constant": lambda g, s, r: r * (g - _mean(g)),
    "with their mean as a constant": lambda g, s, r: r * (g - s * _mean(g * s)),
}


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other pull-backs, and other epsilons."""
    layers = bench.network.layers
    if any(getattr(layer.cell, "mixed", ()) for layer in layers):
        for what, parts in CONSTANT.items():
            edit = _constant(parts)
            verb = "a constant" if len(parts) == 1 else "constants"
            label = f"{what} of the normalised sums as {verb}"
            yield of_edit("given", f"normalisation: {what} constant", label, own=edit, down=edit)
        yield from _epsilons("normalised", "the normalised sums")
    if any(layer.standardised for layer in layers):
        for what, pull in BY.items():
            label = f"the gradient of standardised weights {what}"
            yield of_edit("given", f"standardisation: {what}", label, own=_pulled(pull))
        yield from _epsilons("standardised", "the standardised weights")


def _constant(parts: tuple[str, ...]) -> GraphEdit:
    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        nodes = {f"{node}_{part}" for node in getattr(tape.layer.cell, "mixed", ()) for part in parts}
        return graph.arcs_as(lambda a: None if a.source in nodes else a)

    return edit


def _pulled(pull: Pull) -> GraphEdit:
    def edit(graph: Graph, tape: LayerTape, _: Tape) -> Graph:
        def collected(name: str, gradient: Array) -> Array:
            if name not in tape.layer.standardised:
                return tape.layer.collected(name, gradient, tape.p)
            rows = (len(gradient), -1)
            found = pull(gradient.reshape(rows), tape.p[name].reshape(rows), tape.p[f"{name}.scale"])
            return found.reshape(gradient.shape)

        return replace(graph, collected=collected)

    return edit


def _mean(rows: Array) -> Array:
    return np.asarray(rows.sum(axis=-1, keepdims=True) / rows.shape[-1])


def _epsilons(name: str, what: str) -> Iterator[Hypothesis]:
    assert name in EXTRAS
    for epsilon in EPSILONS:
        label = f"epsilon {epsilon:g} in {what}"
        yield of_run("given", f"{name}: epsilon {epsilon:g}", label, partial(_other, name=name, epsilon=epsilon))


def _other(bench: Bench, name: str, epsilon: float) -> Bench | None:
    def change(cell: Any) -> Any:
        said = getattr(cell, name, None)
        return cell if said is None else replace(cell, **{name: replace(said, epsilon=epsilon)})

    return bench.again(network=with_cells(bench.network, change))
