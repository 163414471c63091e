"""Gated cells with one line of the forward pass written otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.reference.networks import PEEPHOLE_USES, PEEPHOLES, Drive, Edge, Link, Lstm, Nodes, Use, with_cells
from gradcert.reference.numbers import SIGMOID, TANH, Array, Numbers

OLD = Link("o", "c", lag=1, edge=Edge.STATE)


class OldPeephole:
    """An LSTM whose output gate sees the cell state of the step before, as its other gates do."""

    def __init__(self, cell: Lstm) -> None:
        self._inner = cell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @property
    def links(self) -> tuple[Link, ...]:
        """The cell's links, with the output gate's peephole one step long."""
        return tuple(OLD if k == PEEPHOLES["o"] else k for k in self._inner.links)

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        now = self._inner.step(n, p, drive, prev)
        o = n.apply(SIGMOID, now["ao"] + p["p_o"] * prev["c"])
        return {**now, "o": o, "z": o * n.apply(TANH, now["c"])}

    def factors(self, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        """Return the local derivatives."""
        out = self._inner.factors(n, p, prev, now)
        slope = n.slope(SIGMOID, now["ao"] + p["p_o"] * prev["c"])
        gate = next(k for k in self._inner.links if k.source == "ao" and k.target == "o")
        return {**out, gate: slope, OLD: slope * p["p_o"], PEEPHOLE_USES["o"]: slope * prev["c"]}


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield LSTMs with an old peephole, where there are peepholes."""
    if any(isinstance(layer.cell, Lstm) and layer.cell.peepholes for layer in bench.network.layers):
        label = "the output gate's peephole at the cell state of the step before"
        yield Hypothesis("convention", "old output peephole", label, _old_peephole)


def _old_peephole(bench: Bench) -> Gradient | None:
    def change(cell: Any) -> Any:
        return OldPeephole(cell) if isinstance(cell, Lstm) and cell.peepholes else cell

    return bench.again(network=with_cells(bench.network, change)).gradients()
