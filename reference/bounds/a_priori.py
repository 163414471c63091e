"""Bound (a), a priori: from weights, leaks, Lipschitz constants and bounds on inputs and loss gradient alone.

Assumptions: |x_j^t| <= `input_bound` for every input; |dE^t/do^t|_2 <= `loss_gradient_bound` per sample and step, as
the loss reduces them; states are 0 before the first step; weights do not change. Nothing is run.

Statement. Let N_ij bound |A_ij^t|, f_i bound |F_i^t|, c_j bound |e_j^t| / |q^t| and d bound |e'^t F^t| / |q^t| for all
t (blocks of `system`). Then for every input, with q the loss-gradient bound and B samples,

    |error|_F <= B q sum_(t=1..T) ( c N^(t-1) f + c N^(t-2) f + ... + c f + d )  =  B q sum_(t<=T) (c S_t f + d)
    S_t = I + N + ... + N^(t-2) = (I - N)^(-1) (I - N^(t-1))

N is triangular (layers only feed upwards, K only feeds R), so the powers are sums of geometric sequences in its
diagonal: per layer the bound on the kept one-step Jacobian J_k and on the whole one J. If all of them are below 1 the
error per step is bounded for ever by B q (c (I - N)^(-1) f + d). Proof: `online`, each norm replaced by its bound;
x^t <= S_(t+1) f by induction since all entries are non-negative.

Where rule and truth leave out the reset and there are no lateral weights, J = J_k = diag(leak): the bound is geometric
in the leak. OTTT in two feed-forward LIF layers against BPTT with the reset detached, leaks l1, l2, slope at most L:

    |error of W_1| <= B q sum_t sum_(s<t) L |W_2| L (leak-filtered products) |x|,   factor   sum_k k l^(k-1) if l1 = l2

With the reset in the graph the diagonal of J is an interval: leak - leak th psi, psi in [0, L], so that
|J| <= leak max(1, th L - 1) + |H|_2 L, instead of leak (1 + th L) + |H| L.

How the constants are found. Every cell's own `step` and `factors` are run on intervals (`intervals`), T times, inputs
being [-bound, bound]. A slope is [0, L] whatever its argument, so weights, leaks and Lipschitz constants are all that
enters, but for what a cell multiplies into a derivative:

* hard reset: the reset's derivative is -leak v. |v| is bounded by induction, v^t = leak v' (1 - z') + I^t with z' in
  [0, 1]: |v^t| <= sum_(k<t) leak^k I_max <= I_max / (1 - leak), I_max,i = sum_j |W_ij| x_max,j + sum_j |H_ij| + |b_i|.
  A reset to v_r instead adds leak |v_r|. The same for the SNU with any g of |g(a)| <= |a|;
* subtractive reset: the derivative is -leak th, a constant; v enters only if the leak is trained, and then
  |v| <= (I_max + leak th) / (1 - leak);
* gates: they lie in [0, 1], the candidate in [-1, 1], so that |c^t| <= t, and |z^t| <= t for the GRU; u + k (a - u) of
  the liquid neuron is at most 2 |u| + |a|. (An interval does not know that k and 1 - k belong together: growth with t
  is what that costs. The bounds are valid, and of use for few steps only.)

The intervals do this sum, and hold for T steps; where leak = 1 they grow linearly in T and remain valid.

Rounding: intervals and majorants are rounded outward operation by operation, norms as in `norms`, the sum as in
`Online.bound`. A rule with a reach is bounded with |P J P| <= |J| and one system for all rows: root of rows times it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from gradcert.reference.bounds.intervals import INTERVALS, Interval, interval, join
from gradcert.reference.bounds.majorants import Majorant, block_size, identity, matrix
from gradcert.reference.bounds.norms import outward, spectral
from gradcert.reference.bounds.online import check_bounded
from gradcert.reference.bounds.record import Bound
from gradcert.reference.bounds.recorded import Injection, own_rows, rows_of
from gradcert.reference.bounds.recursion import Recursion
from gradcert.reference.bounds.system import Port, System, assemble, columns
from gradcert.reference.engines import (
    basis,
    check_rule,
    error_node,
    joined,
    lasting,
    prepared,
    record,
    weight_of,
    weights_down,
)
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import TEMPORAL, Edge, Link, Network, Parameters, Use
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Feedback, Rule, check_feedback

Nodes = dict[str, Majorant]


def a_priori(
    network: Network,
    parameters: Parameters,
    *,
    rule: Rule,
    steps: int,
    batch: int,
    input_bound: float | Array,
    loss_gradient_bound: float,
    signal_bound: float | None = None,
    feedback: Feedback | None = None,
    truth: frozenset[Edge] = TEMPORAL,
) -> Bound:
    """Return the a-priori bound.

    Parameters
    ----------
    network, parameters, rule, feedback, truth : as for `residual`.
    steps, batch : length of the sequence, number of samples.
    input_bound : bound on |x_j|, one number or one per input.
    loss_gradient_bound : bound on |dE^t/do^t|_2, per sample and step, after the loss's means over time and batch.
    signal_bound : for target feedback and local losses: bound on the 2-norm of what the matrix B multiplies.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> from gradcert.reference.networks import Layer
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2)))
    >>> bound = a_priori(network, network.parameters(), rule=RULES["ostl"], steps=5, batch=1,
    ...                  input_bound=1.0, loss_gradient_bound=1.0)
    >>> bound.layer(1), bound.layer(0) > 0
    (0.0, True)
    """
    check_rule(network, rule, truth)
    check_bounded(network, rule, {})
    network = prepared(network, None)
    given = check_feedback(network, rule, feedback)
    if rule.feedback in ("target", "local") and signal_bound is None and network.depth > 1:
        raise GradcertError(f"{rule.name!r} without a bound on its signal", do="pass signal_bound=")
    ranges = node_ranges(network, parameters, steps=steps, input_bound=input_bound)
    shorter = rule if rule.window is None else replace(rule, window=min(rule.window, steps))
    pieces = APriori(network, parameters, shorter, given, truth, ranges)
    out: dict[str, float] = {}
    for m, layer in enumerate(network.layers):
        names = tuple(layer.shapes())
        signal = None
        if rule.feedback in ("target", "local") and m < network.depth - 1:
            signal = _pair((signal_bound or 0.0) * float(spectral(given[layer.matrix_name(m)])))
        system = _upper(assemble(network, m, shorter, pieces, _pair(loss_gradient_bound), signal))
        silent = replace(system, error={}, error_drive={})
        recursion = Recursion(names, window=1, roundings=8)
        injections = pieces.injections(m)
        for t in range(steps):
            counts = network.loss.when != "last" or t == steps - 1
            recursion.step(system if counts else silent, injections, 0)
        terms = 8 * (network.depth + 1) * ((rule.window or 1) + 1) + 8 * len(layer.cell.uses) + 16
        for name in names:
            value = float(recursion.error[name].max()) * batch
            if rule.reach is not None:
                rows = rows_of(layer, name)
                value *= rows**0.5 if own_rows(layer, name) else rows
            out[layer.full_name(m, name)] = float(outward(np.float64(value), terms * (steps + 1)))
    return Bound(out)


def _pair(value: float) -> Array:
    return np.full((2, 1, 1, 1, 1), value)


def _upper(system: System) -> System:
    """Return the system of the majorants: where true and replaced feedback differ, their norms add."""

    def both(value: Array) -> Array:
        return np.stack([value[1], value[1]])

    return replace(
        system,
        transition={k: both(v) for k, v in system.transition.items()},
        drive={port: {k: both(v) for k, v in blocks.items()} for port, blocks in system.drive.items()},
        error={k: both(v) for k, v in system.error.items()},
        error_drive={port: both(v) for port, v in system.error_drive.items()},
    )


@dataclass(frozen=True)
class Ranges:
    """Intervals of a layer's input, nodes (before and at a step) and local derivatives."""

    p: Mapping[str, Array]
    x: Array
    prev: Mapping[str, Array]
    now: Mapping[str, Array]
    factors: Mapping[Link | Use, Any]


def node_ranges(
    network: Network, parameters: Parameters, *, steps: int, input_bound: float | Array
) -> tuple[Ranges, ...]:
    """Return what every node and local derivative of every layer can be within `steps` steps from rest.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> from gradcert.reference.networks import Layer
    >>> network = Network(layers=(Layer(Lif(leak=0.5, reset="none", bias=False), inputs=1, units=1),))
    >>> ranges = node_ranges(network, {"layers.0.W": np.ones((1, 1))}, steps=50, input_bound=1.0)
    >>> 1.9999 < ranges[0].now["v"][0, 0, 0].high < 2.0001
    True
    """
    size = np.broadcast_to(np.asarray(input_bound, dtype=float), (network.inputs,))
    x = np.empty((1, 1, len(size)), dtype=object)
    for j, bound in enumerate(size):
        x[0, 0, j] = Interval(-float(bound), float(bound))
    p = {name: INTERVALS.array(value) for name, value in parameters.items()}
    held: dict[tuple[int, str], Array] = {}
    left: dict[str, Array] = {}  # those that the next step finds
    for _ in range(steps):
        tape = record(network, p, x, numbers=INTERVALS, initial=left)
        for m, layer in enumerate(tape.layers):
            for node, value in layer.now.items():
                held[m, node] = join(held.get((m, node), 0 * value[0]), value[0])
            left |= {layer.layer.full_name(m, node): held[m, node] for node in lasting(layer.layer)}
    out: list[Ranges] = []
    outputs: dict[int, Array] = {}
    for m, layer in enumerate(tape.layers):
        values = {node: held[m, node][None] for node in layer.now}
        factors = layer.layer.cell.factors(INTERVALS, layer.p, values, values)
        out.append(Ranges(layer.p, joined(outputs, network.sources(m), x), values, values, factors))
        outputs[m] = values["z"]
    return tuple(out)


def _ends(value: Any, units: int) -> tuple[Array, Array]:
    """Return the ends of a factor, (units,) each."""
    flat = np.broadcast_to(np.asarray(value, dtype=object), (1, 1, units)).reshape(units)
    ends = [interval(v) for v in flat]
    return np.array([e.low for e in ends]), np.array([e.high for e in ends])


def _length(sizes: Array) -> float:
    """Return a bound on the 2-norm of an array of numbers >= 0."""
    return float(outward(np.sqrt((sizes * sizes).sum()), sizes.size + 2))


@dataclass(frozen=True)
class APriori:
    """The pieces of `system` as norms: every matrix is 1 x 1, both value and majorant being the bound."""

    network: Network
    parameters: Parameters
    rule: Rule
    feedback: Feedback
    truth: frozenset[Edge]
    ranges: tuple[Ranges, ...]

    @property
    def ages(self) -> int:
        """Number of ages: the window, or 0 for none."""
        return self.rule.window or 0

    @cached_property
    def _weights(self) -> tuple[dict[str, Array], ...]:
        out = []
        for m, layer in enumerate(self.network.layers):
            matrices = {}
            for link in layer.cell.links:
                if link.weight is not None:
                    matrices[link.weight] = self._matrix(m, link.weight)
            out.append(matrices)
        return tuple(out)

    def _matrix(self, m: int, name: str, value: Array | None = None) -> Array:
        synapse = self.network.layers[m].synapse(name)
        given = weight_of(self._local(m), name) if value is None else value
        return synapse.apply(given, np.eye(synapse.inputs)).T

    def _local(self, m: int) -> dict[str, Array]:
        """Return the parameters of a layer by their own names."""
        layer = self.network.layers[m]
        return {name: self.parameters[layer.full_name(m, name)] for name in layer.shapes()}

    def _at(self, m: int, node: str) -> Nodes:
        """Return a seed at each unit of a node."""
        return {node: identity(self.network.layers[m].size(node))}

    def _basis(self, m: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return basis(self.network.layers[m].cell, TEMPORAL)

    def size(self, m: int) -> int:
        """Return 1 where the layer has a state, else 0."""
        return 1 if self._basis(m)[0] else 0

    def _follow(self, m: int, link: Link, source: Majorant) -> Majorant:
        if link.weight is not None:
            return source.through(self._weights[m][link.weight])
        return source.scaled(*_ends(self.ranges[m].factors[link], self.network.layers[m].size(link.target)))

    def _within(self, m: int, seeds: Nodes, enter: Any) -> Nodes:
        cell, reached = self.network.layers[m].cell, dict(seeds)
        for node in cell.nodes:
            for link in cell.links:
                if link.target == node and link.lag == 0 and link.source in reached and enter(node):
                    reached[node] = self._follow(m, link, reached[link.source]).plus(reached.get(node))
        return reached

    def _cross(self, m: int, sources: Nodes, edges: frozenset[Edge]) -> Nodes:
        seeds: Nodes = {}
        for link in self.network.layers[m].cell.links:
            if link.lag and link.edge in edges and link.source in sources:
                seeds[link.target] = self._follow(m, link, sources[link.source]).plus(seeds.get(link.target))
        return seeds

    def _state(self, m: int, columns: list[Nodes]) -> float:
        reached = [self._within(m, seeds, lambda _: True) for seeds in columns]
        return block_size([[r.get(c) for r in reached] for c in self._basis(m)[0]])

    def _output(self, m: int, seeds: Nodes) -> Array | None:
        carried = self._basis(m)[0]
        outside = {node: value for node, value in seeds.items() if node not in carried}
        z = self._within(m, outside, lambda node: node not in carried).get("z")
        return None if z is None else _pair(z.size())

    def _jacobian(self, m: int, edges: frozenset[Edge]) -> float:
        carried, derived = self._basis(m)
        if not carried:
            return 0.0
        starts = [self._within(m, self._at(m, c), lambda node: node in derived) for c in carried]
        return self._state(m, [self._cross(m, start, edges) for start in starts])

    def jacobians(self, m: int, kept: frozenset[Edge]) -> tuple[Array, Array, Array]:
        """Return bounds of J_k, J_d and J; a chunk drops everything at its border."""
        whole, lost = self._jacobian(m, self.truth), self._jacobian(m, self.truth - kept)
        lost = max(lost, whole) if self.rule.chunk is not None else lost
        return _pair(self._jacobian(m, kept & self.truth)), _pair(lost), _pair(whole)

    def readout(self, m: int) -> Array:
        """Return a bound of C."""
        carried = self._basis(m)[0]
        reached = [self._within(m, self._at(m, c), lambda node: node not in carried) for c in carried]
        return _pair(block_size([[r.get("z") for r in reached]]))

    def inputs(self, m: int, which: str, source: int) -> tuple[Array, Array | None]:
        """Return bounds of G and G'."""
        layer, here = self.network.layers[m], columns(self.network, m, source)
        used = weights_down(layer, m, self._local(m), self.rule, self.feedback)
        seeds: Nodes = {}
        for link in layer.cell.links:
            if link.source == "x" and link.weight is not None:
                true = self._weights[m][link.weight]
                value = true if which == "true" else self._matrix(m, link.weight, used[link.weight])
                value = true - value if which == "gap" else value
                seeds[link.target] = matrix(value[:, here]).plus(seeds.get(link.target))
        state = self._state(m, [seeds]) if self.size(m) else 0.0
        return _pair(state), self._output(m, seeds)

    def broadcast(self, layer: int) -> tuple[Array, Array | None]:
        """Return bounds of G and G' of the last layer for a direct feedback matrix."""
        last, name = self.network.depth - 1, self.network.layers[layer].matrix_name(layer)
        seeds = {error_node(self.network.layers[last]): matrix(self.feedback[name])}
        return _pair(self._state(last, [seeds]) if self.size(last) else 0.0), self._output(last, seeds)

    def ports(self, m: int) -> tuple[Port, ...]:
        """Return where the parameters of a layer act."""
        cell, derived = self.network.layers[m].cell, self._basis(m)[1]
        shapes = self.network.layers[m].shapes()
        now = [link.target for link in cell.links if link.weight in shapes]
        uses = [use.target for use in cell.uses if use.parameter in cell.trained]
        found = [(node, "now") for node in (*now, *uses)] + [(node, "before") for node in uses if node in derived]
        return tuple(dict.fromkeys(found))

    def port(self, m: int, port: Port, kept: frozenset[Edge]) -> tuple[Array | None, Array | None, Array | None]:
        """Return bounds of F, F' and of what passes through kept edges."""
        node, when = port
        seed = self._at(m, node)
        if when == "now":
            return _pair(self._state(m, [seed]) if self.size(m) else 0.0), self._output(m, seed), None
        return None, None, _pair(self._explicit(m, seed, kept & self.truth))

    def _explicit(self, m: int, seed: Nodes, edges: frozenset[Edge]) -> float:
        derived = self._basis(m)[1]
        sources = self._within(m, seed, lambda n: n in derived)
        return self._state(m, [self._cross(m, sources, edges)])

    def dropped_port(self, m: int, port: Port, kept: frozenset[Edge]) -> Array | None:
        """Return a bound of what a port ``before`` passes through dropped edges."""
        node, when = port
        if when == "now":
            return None
        seed = self._at(m, node)
        lost = self._explicit(m, seed, self.truth - kept)
        return _pair(max(lost, self._explicit(m, seed, self.truth)) if self.rule.chunk is not None else lost)

    def confine(self, m: int, state: Array) -> tuple[Array, Array] | None:
        """Return the whole state twice: a projection and its complement do not increase a norm."""
        return None if self.rule.reach is None else (state, state)

    def injections(self, m: int) -> dict[str, list[Injection]]:
        """Return how each parameter of a layer acts, with the largest factor or input norm."""
        layer, ranges = self.network.layers[m], self.ranges[m]
        out: dict[str, list[Injection]] = {}
        for link in layer.cell.links:
            if link.weight is not None and (synapse := layer.synapse(link.weight)).shape:
                values = ranges.x if link.source == "x" else ranges.now[link.source]
                sizes = synapse.expand(np.array([[interval(v).size for v in values.reshape(-1)]]))
                if not own_rows(layer, link.weight):  # shared weights: every unit's inputs count
                    sizes = np.broadcast_to(sizes, (1, synapse.units, synapse.columns))
                one = Injection((((link.target, "now"), None),), np.full((1, 1), _length(sizes)))
                out.setdefault(link.weight, []).append(one)
        for use in layer.cell.uses:
            if use.parameter in layer.cell.trained:
                ends = np.maximum(*map(abs, _ends(ranges.factors[use], layer.size(use.target))))
                alone = use.parameter not in layer.runs or self.rule.reach is not None
                runs = np.split(ends, len(ends) if alone else layer.runs[use.parameter])  # a number acts on one
                scale = np.full((1, 1), max(float(run[0]) if len(run) == 1 else _length(run) for run in runs))
                for when in ("now", "before"):
                    if (use.target, when) in self.ports(m):
                        found = Injection((((use.target, when), None),), scale)
                        out.setdefault(use.parameter, []).append(found)
        return out
