"""Kept and dropped sensitivities of all layers to one layer's parameters, as one linear system.

For the parameters of layer l, K_m is the part of the derivative of layer m's state that the rule keeps and R_m the
part that it drops (K + R is the truth). Both obey linear recursions, J_k being the kept and J_d the dropped part of
the one-step Jacobian, J = J_k + J_d, W the weights and B what the rule has in their place:

    K_m^t = J_k K_m^(t-1) + G_B Kz_(m-1)^t + F_k^t
    R_m^t = J R_m^(t-1) + J_d K_m^(t-1) + G_W Rz_(m-1)^t + G_(W-B) Kz_(m-1)^t + F_d^t      z = C s + G' x + F'

A layer that reads several others, in a graph, has the terms with G of each of them: z_(m-1) stands for their outputs
one after the other, and G falls into as many parts. With X all K and R below one another this is X^t = A^t X^(t-1) +
F^t, and the error of step t's gradient is one row e^t X^(t-1) + e'^t u^t, q^t = dE^t/do^t having been multiplied in.
Windows (paths of at most w steps) carry one K per age; a reach (SnAp-n) has one system per row of a parameter, as a
lane of the batch, and projects K after every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradcert.reference.bounds.pieces import minus, plus
from gradcert.reference.engines import PROJECTED, above
from gradcert.reference.networks import Edge, Network
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule

Component = tuple[int, str, int]  # layer, "kept" or "dropped", age
Port = tuple[str, str]  # node that a parameter feeds; "now" or "before" (a derived node at t - 1)
Row = dict[Component | Port, Array]  # columns -> (2, step, batch, rows, columns)


class Pieces(Protocol):
    """What `assemble` needs of the layers; matrices are pairs (2, step, batch, rows, columns)."""

    @property
    def ages(self) -> int:
        """Number of ages: the window, or 0 for none."""
        ...

    def size(self, m: int) -> int:
        """Return the length of layer m's state."""
        ...

    def jacobians(self, m: int, kept: frozenset[Edge]) -> tuple[Array, Array, Array]:
        """Return J_k, J_d and J."""
        ...

    def readout(self, m: int) -> Array:
        """Return C."""
        ...

    def inputs(self, m: int, which: str, source: int) -> tuple[Array, Array | None]:
        """Return G and G' by a source: of the ``true`` weights, of those ``used`` by the rule, or of their ``gap``."""
        ...

    def broadcast(self, layer: int) -> tuple[Array, Array | None]:
        """Return G and G' of the last layer for the direct feedback matrix of a layer."""
        ...

    def ports(self, m: int) -> tuple[Port, ...]:
        """Return where parameters act."""
        ...

    def port(self, m: int, port: Port, kept: frozenset[Edge]) -> tuple[Array | None, Array | None, Array | None]:
        """Return F at age 0, F' at age 0, and what a port ``before`` passes through kept edges (age 1)."""
        ...

    def dropped_port(self, m: int, port: Port, kept: frozenset[Edge]) -> Array | None:
        """Return what a port ``before`` passes through dropped edges."""
        ...

    def confine(self, m: int, state: Array) -> tuple[Array, Array] | None:
        """Split a kept state row into what the reach keeps and what it does not, or None where there is no reach."""
        ...


@dataclass(frozen=True)
class System:
    """See the module docstring; `transition` is A, `drive` F by port, `error` e and `error_drive` e' by port."""

    components: tuple[Component, ...]
    sizes: tuple[int, ...]
    transition: Mapping[tuple[Component, Component], Array]
    drive: Mapping[Port, Mapping[Component, Array]]
    error: Mapping[Component, Array]
    error_drive: Mapping[Port, Array]


def _times(matrix: Array | None, row: Row) -> Row:
    return {} if matrix is None else {k: np.matmul(matrix, v) for k, v in row.items()}


def _into(row: Row, other: Mapping[Any, Array]) -> None:
    for key, value in other.items():
        row[key] = plus(row.get(key), value)


def _sum(rows: list[Row]) -> Row:
    out: Row = {}
    for row in rows:
        _into(out, row)
    return out


def columns(network: Network, m: int, source: int) -> slice:
    """Return where the output of a source stands in a layer's input.

    Examples
    --------
    >>> from gradcert.reference.networks import Layer, Rnn
    >>> columns(Network(layers=(Layer(Rnn(), inputs=3, units=4), Layer(Rnn(), inputs=4, units=2))), 1, 0)
    slice(0, 4, None)
    """
    before = network.sources(m)[: network.sources(m).index(source)]
    start = sum(map(network.width, before))
    return slice(start, start + network.width(source))


def assemble(network: Network, layer: int, rule: Rule, pieces: Pieces, credit: Array, signal: Array | None) -> System:
    """Build the system of one layer's parameters.

    Parameters
    ----------
    credit : q, the gradient of the loss by the output, a pair (2, step, batch, 1, n_out).
    signal : what a target or local rule has for q at this layer's output, (2, step, batch, 1, units), else None.
    """
    last, ages = network.depth - 1, pieces.ages
    projected = rule.feedback in PROJECTED and layer < last
    kept_rows: dict[int, list[Row]] = {}
    dropped_rows: dict[int, Row] = {}
    k_own, r_own = _own(layer, rule, pieces, kept_rows, dropped_rows)
    own_output = _sum(k_own)
    k_out = {layer: [] if projected else k_own}  # of every layer that the parameters reach: its output by age, and
    r_out = {layer: _sum([own_output, r_own]) if projected else r_own}  # what is dropped of it
    for m in range(layer + 1, network.depth):
        sources = [source for source in network.sources(m) if source in r_out]
        if not sources:
            continue
        kept_edges = above(rule, network.layers[m].cell.name)
        arriving = [(k_out[source], pieces.inputs(m, "used", source)) for source in sources] if not projected else []
        direct = projected and m == last and rule.feedback == "direct"
        if direct:
            arriving = [([own_output], pieces.broadcast(layer))]
        j_kept, j_dropped, j = pieces.jacobians(m, kept_edges)
        carries = bool(pieces.size(m))
        kept_rows[m], k_out[m] = [], []
        r: Row = {}
        r_next: Row = {}
        for source in sources:
            true = pieces.inputs(m, "true", source)
            _into(r, _times(true[0], r_out[source]))
            _into(r_next, _times(true[1], r_out[source]))
        for age in range(len(arriving[0][0]) if arriving else 0):
            k: Row = {}
            z: Row = {}
            for rows, used in arriving:
                _into(k, _times(used[0], rows[age]))
                _into(z, _times(used[1], rows[age]))
            _into(k, _carry(m, age, ages, j_kept) if carries else {})
            kept_rows[m].append(k)
            _into(z, _times(pieces.readout(m), k) if carries else {})
            k_out[m].append(z)
        for source in sources if rule.feedback == "random" else ():
            gap = pieces.inputs(m, "gap", source)
            for row in k_out[source]:
                _into(r, _times(gap[0], row))
                _into(r_next, _times(gap[1], row))
        if direct:
            for target, matrix in ((r, arriving[0][1][0]), (r_next, arriving[0][1][1])):
                for key, value in _times(matrix, own_output).items():
                    target[key] = minus(target.get(key, 0 * value), value)
        if carries:
            _into(r, _drop(m, len(kept_rows[m]), ages, rule, j_kept, j_dropped))
            _into(r, {(m, "dropped", 0): j})
            _into(r_next, _times(pieces.readout(m), r))
        dropped_rows[m], r_out[m] = r, r_next
    row = _times(credit, r_out[last])
    if signal is not None and layer < last:
        for key, value in _times(signal, own_output).items():
            row[key] = minus(row.get(key, 0 * value), value)
    return _finish(pieces, kept_rows, dropped_rows, row)


def _carry(m: int, age: int, ages: int, j_kept: Array) -> Row:
    """Return how the kept state of an age follows from that of the step before."""
    if ages == 0:
        return {(m, "kept", 0): j_kept}
    return {(m, "kept", age - 1): j_kept} if age else {}


def _drop(m: int, count: int, ages: int, rule: Rule, j_kept: Array, j_dropped: Array) -> Row:
    """Return what leaves the kept states of all ages."""
    row: Row = {(m, "kept", age): j_dropped for age in range(count)}
    if ages and count == ages:
        _into(row, {(m, "kept", ages - 1): j_kept})
    return row


def _own(
    layer: int, rule: Rule, pieces: Pieces, kept_rows: dict[int, list[Row]], dropped_rows: dict[int, Row]
) -> tuple[list[Row], Row]:
    """Build the rows of the parameters' own layer; return the rows of its output, kept by age, and dropped."""
    ages, carries = pieces.ages, bool(pieces.size(layer))
    kept: list[Row] = [{} for _ in range(max(ages, 1))]
    outputs: list[Row] = [{} for _ in range(max(ages, 1))]
    dropped: Row = {}
    for port in pieces.ports(layer):
        state, output, later = pieces.port(layer, port, rule.own)
        if state is not None and carries:
            _into(kept[0], {port: state})
        if output is not None:
            _into(outputs[0], {port: output})
        if later is not None:
            _into(kept[1] if ages > 1 else dropped if ages == 1 else kept[0], {port: later})
        lost = pieces.dropped_port(layer, port, rule.own)
        if lost is not None:
            _into(dropped, {port: lost})
    if not carries:
        kept_rows[layer], dropped_rows[layer] = kept, dropped
        return outputs, {}
    j_kept, j_dropped, j = pieces.jacobians(layer, rule.own)
    for age, row in enumerate(kept):
        _into(row, _carry(layer, age, ages, j_kept))
    _into(dropped, {(layer, "dropped", 0): j})
    _into(dropped, _drop(layer, len(kept), ages, rule, j_kept, j_dropped))
    if rule.reach is not None:
        inside: Row = {}
        for key, value in kept[0].items():
            split = pieces.confine(layer, value)
            if split is None:
                inside[key] = value
                continue
            inside[key] = split[0]
            if key not in pieces.ports(layer) or key[1] == "before":
                _into(dropped, {key: split[1]})
        kept = [inside]
    readout = pieces.readout(layer)
    for row, out in zip(kept, outputs, strict=True):
        _into(out, _times(readout, row))
    kept_rows[layer], dropped_rows[layer] = kept, dropped
    return outputs, _times(readout, dropped)


def _finish(pieces: Pieces, kept: dict[int, list[Row]], dropped: dict[int, Row], error: Row) -> System:
    """Sort the rows into transition, drive and error."""
    rows: dict[Component, Row] = {}
    for m in sorted(dropped):
        if pieces.size(m):
            rows.update({(m, "kept", age): row for age, row in enumerate(kept[m])})
            rows[m, "dropped", 0] = dropped[m]
    ports = {key for row in (*rows.values(), error) for key in row if len(key) == 2}
    return System(
        components=tuple(rows),
        sizes=tuple(pieces.size(m) for m, _, _ in rows),
        transition={(i, k): v for i, row in rows.items() for k, v in row.items() if k in rows},
        drive={port: {i: row[port] for i, row in rows.items() if port in row} for port in ports},
        error={k: v for k, v in error.items() if k in rows},
        error_drive={port: error[port] for port in ports if port in error},
    )
