"""The residual of a rule: the gradient mass that it drops, by a path sum of its own, split by what drops it.

A gradient is a sum over paths from the loss back to a parameter. Walking back from the loss, a path is *kept* until it
meets the first edge that the rule drops, and *dropped* from there on. Two adjoints are carried, K for the paths that
are still kept and R for the others (mathematics.md 0.3; R is that of mathematics.md 4.3, for any row):

    K^(t-1) = J_kept^T K^t                       R^(t-1) = J^T R^t + J_dropped^T K^t

so R is a sum of products with a dropped edge in them, never a difference of two gradients. Carrying one R per kind of
first dropped edge gives the split.

=================  ====================================================================================================
what drops a path  kind, and the layer it is booked to
=================  ====================================================================================================
a missing edge     the edge's own kind (``state``, ``reset``, ``recurrent``, ``adaptation``) and layer
chunk, window      kind and layer of the edge that crosses the border of the chunk, or that makes the path too long
reach (SnAp-n)     kind and layer of the first temporal edge met at or after a unit that the parameter may not reach
feedback           ``feedback``, at the layer whose input weights are replaced. Random: (W - B)^T K. Direct, target and
                   local: at the last layer; the credit that W carries further down, less what the rule has in its place
=================  ====================================================================================================

Where feedback is replaced, the walk goes on with the rule's own credit: later kinds are what the rule drops *of it*.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from gradcert.reference.engines.credit import arriving, local_credit, projected_signal
from gradcert.reference.engines.reverse import check_asked
from gradcert.reference.engines.structure import basis, fed_by, reached
from gradcert.reference.engines.sweep import (
    Adjoints,
    Credit,
    at,
    by_layer,
    credit_below,
    earlier,
    error_node,
    layer_gradients,
    named,
    parameter_gradient,
    pull_link,
    spread,
    weights_down,
)
from gradcert.reference.engines.tape import LayerTape, Tape, cut, left_by, nothing, record, weight_of
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import (
    PREFIX,
    TEMPORAL,
    Data,
    Edge,
    Link,
    Network,
    Parameters,
    check_data,
    check_problem,
)
from gradcert.reference.numbers import FLOAT64, Array, Numbers
from gradcert.reference.rules import Feedback, Rule, check_feedback

Label = tuple[int, str]
FEEDBACK = "feedback"
PROJECTED = ("direct", "target", "local")


@dataclass(frozen=True)
class Residual:
    """What a rule drops: ``rule + total = truth``.

    Attributes
    ----------
    split : (layer of the first dropped edge from the loss side, its kind) -> gradients, keys as `total`.
    total : the sum of the split, in its order; keys and shapes of the parameters.
    """

    split: Mapping[Label, Mapping[str, Array]]
    total: Mapping[str, Array]

    def shares(self, of: Collection[str] | None = None) -> dict[Label, float]:
        """Return each kind's projection on the total, as a fraction: they sum to 1 (all 0 where nothing is dropped).

        Parameters
        ----------
        of : names of the parameters whose residual it is; all together where none are given, and then those with the
            largest residual, of whatever layer, decide.
        """
        total = {k: g for k, g in self.total.items() if of is None or k in of}
        squared = sum(float((g * g).sum()) for g in total.values())
        return {
            label: sum(float((part[k] * g).sum()) for k, g in total.items()) / squared if squared else 0.0
            for label, part in self.split.items()
        }


def residual(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    rule: Rule,
    numbers: Numbers = FLOAT64,
    feedback: Feedback | None = None,
    truth: frozenset[Edge] = TEMPORAL,
    **data: Unpack[Data],
) -> Residual:
    """Return the gradient mass that a rule drops, and its split by kind of edge and layer.

    Parameters
    ----------
    network, parameters, inputs, targets, rule, numbers, feedback, data : as for `reverse.gradients`.
    truth : edges of the gradient that the rule is measured against: all (BPTT), or ``TEMPORAL - {Edge.RESET}`` for
        BPTT with the reset out of the graph.

    Raises
    ------
    GradcertError : for a rule that keeps an edge outside `truth`, or combines restrictions for which the engines have
        no gradient.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> from gradcert.reference.networks import Layer
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2)))
    >>> x, y = np.ones((5, 4, 2)), np.zeros((5, 4, 2))
    >>> dropped = residual(network, network.parameters(), x, y, rule=RULES["ostl"])
    >>> list(dropped.split)
    [(1, 'reset'), (1, 'state')]
    >>> float(abs(dropped.total["layers.1.W"]).max())
    0.0
    """
    check_problem(network, parameters, inputs, targets, numbers)
    feedback = check_feedback(network, rule, feedback)
    check_data(network, inputs.shape, numbers, **data)
    check_asked(rule, data)
    tape = record(network, parameters, inputs, numbers=numbers, **data)
    return tape_residual(tape, targets, rule=rule, feedback=feedback, truth=truth)


def check_rule(network: Network, rule: Rule, truth: frozenset[Edge]) -> None:
    """Raise unless the residual of the rule against `truth` is defined."""
    present = {link.edge for layer in network.layers for link in layer.cell.links if link.lag}
    kept = rule.own.union(*(rule.kept_above(layer.cell.name) for layer in network.layers)) & present
    if not kept <= truth:
        raise GradcertError(
            f"{rule.name!r} keeps {', '.join(sorted(kept - truth))}, which the truth leaves out",
            do="pass truth=TEMPORAL",
        )
    same = all(rule.kept_above(layer.cell.name) == rule.own for layer in network.layers)
    if rule.window is not None and not (rule.feedback == "symmetric" and same and not rule.chunk and not rule.reach):
        raise GradcertError(
            f"{rule.name!r} has a window and a further restriction", allowed="a window with own == upper alone"
        )
    if rule.reach is not None and rule.chunk is not None:
        raise GradcertError(f"{rule.name!r} has a reach and a chunk", allowed="one of the two")


def above(rule: Rule, cell_name: str) -> frozenset[Edge]:
    """Return the edges kept in an upper layer; a projected target and a local loss pass through none."""
    return frozenset() if rule.feedback in ("target", "local") else rule.kept_above(cell_name)


def labels(network: Network, rule: Rule, truth: frozenset[Edge]) -> tuple[Label, ...]:
    """Return every (layer, kind) at which the rule may drop a path."""
    out: list[Label] = []
    restricted = rule.window is not None or rule.chunk is not None
    for m, layer in enumerate(network.layers):
        fed = max(network.sources(m)) >= 0
        always = rule.own & above(rule, layer.cell.name) if fed else rule.own
        for edge in sorted({k.edge for k in layer.cell.links if k.lag and k.source != "x" and k.edge in truth}):
            if edge not in always or restricted or rule.reach is not None:
                out.append((m, edge.value))
        if fed and (rule.feedback == "random" or (rule.feedback in PROJECTED and m == network.depth - 1)):
            out.append((m, FEEDBACK))
    return tuple(out)


def magnitudes(tape: Tape) -> Tape:
    """Return the tape with every weight, value and local derivative replaced by its absolute value."""
    n = tape.numbers

    def sizes(values: Mapping[Any, Any]) -> dict[Any, Any]:
        return {k: v if isinstance(v, int) and v == 1 else n.absolute(np.asarray(v)) for k, v in values.items()}

    layers = tuple(
        replace(
            t,
            p=sizes(t.p),
            x=n.absolute(t.x),
            prev=sizes(t.prev),
            now=sizes(t.now),
            factors=sizes(t.factors),
        )
        for t in tape.layers
    )
    return replace(tape, layers=layers)


def tape_residual(
    tape: Tape,
    targets: Array,
    *,
    rule: Rule,
    feedback: Feedback,
    truth: frozenset[Edge] = TEMPORAL,
    absolute: bool = False,
    delta: Credit | None = None,
) -> Residual:
    """Return the residual for a recorded forward pass.

    `delta` replaces the gradient at the output of the last layer, or at those of several layers by number.
    With `absolute` every factor of every path is replaced by its absolute value and every difference by a sum: a
    bound on each entry of the residual (`bounds.componentwise`).
    """
    network = tape.network
    check_rule(network, rule, truth)
    names = labels(network, rule, truth)
    index = {label: k for k, label in enumerate(names)}
    credit = arriving(tape, targets) if delta is None else dict(by_layer(delta, network.depth))
    delta = credit.pop(network.depth - 1)
    signal = projected_signal(tape, targets)
    seen, down_matrices = (magnitudes(tape), dict(feedback)) if absolute else (tape, feedback)
    if absolute:
        delta, signal = tape.numbers.absolute(delta), tape.numbers.absolute(signal)
        credit = {m: tape.numbers.absolute(g) for m, g in credit.items()}
        down_matrices = {k: tape.numbers.absolute(b) for k, b in feedback.items()}
    # a path to an initial value has one step more than the sequence
    ages = min(rule.window or 1, len(delta) + any(layer.asked for layer in tape.layers))
    kept = np.concatenate([delta[:, None], *(0 * delta[:, None] for _ in range(ages - 1))], axis=1)
    dropped = np.stack([0 * delta[:, None] for _ in names], axis=1) if names else delta[:, None, None][:, :0]
    split: list[dict[str, Array]] = [{} for _ in names]
    broadcast: Array | None = None
    kept_at, dropped_at = {network.depth - 1: kept}, {network.depth - 1: dropped}
    for m in reversed(range(network.depth)):
        layer, source, last = seen.layers[m], tape.layers[m], m == network.depth - 1
        dropped = dropped_at.pop(m)
        kept = kept_at.pop(m, kept)
        projected = rule.feedback in PROJECTED and not last
        if projected:
            if rule.feedback == "local":
                kept = local_credit(m, targets, feedback[layer.layer.matrix_name(m)], tape)[:, None]
                kept = tape.numbers.absolute(kept) if absolute else kept
            else:
                kept = np.matmul(broadcast, down_matrices[layer.layer.matrix_name(m)])  # type: ignore[arg-type]
        arrived = dropped
        if projected:
            at_feedback = index[network.depth - 1, FEEDBACK]
            arrived = dropped.copy()
            arrived[:, at_feedback] = dropped[:, at_feedback] + (kept if absolute else -kept)
        if m in credit:
            first = kept[:, :1] + credit[m][:, None]
            kept = np.concatenate([first, kept[:, 1:]], axis=1)
            if projected:  # the rule sends nothing of it further down
                dropped = dropped.copy()
                dropped[:, at_feedback] = dropped[:, at_feedback] + credit[m][:, None]
        turned = layer.layer.turned
        walk = Walk(layer, m, index, truth, rule.window is not None, rule.chunk)
        for name, gradients in _own_gradients(walk, turned(kept), turned(arrived), rule).items():
            for part, g in zip(split, gradients, strict=True):
                part[name] = g
        if max(network.sources(m)) < 0:
            continue
        upper = above(rule, layer.layer.cell.name)
        k, r = walk.back(turned(0 * kept if projected else kept), turned(dropped), upper)
        dropped = turned(credit_below(layer, r, layer.p))
        if rule.feedback in PROJECTED and not projected:
            broadcast = turned(k[error_node(layer.layer)]) if rule.feedback == "direct" else signal[:, None]
            here = index[m, FEEDBACK]
            dropped[:, here] = dropped[:, here] + turned(credit_below(layer, k, layer.p))
        elif rule.feedback == "random":
            here = index[m, FEEDBACK]
            gap = _mismatched(source, k, rule, feedback, m, tape.numbers, absolute)
            dropped[:, here] = dropped[:, here] + turned(gap)
            kept = turned(credit_below(layer, k, weights_down(layer.layer, m, layer.p, rule, down_matrices)))
        elif not projected:
            kept = turned(credit_below(layer, k, layer.p))
        spread(dropped, network, m, dropped_at)
        if rule.feedback not in PROJECTED:
            spread(kept, network, m, kept_at)
    order: dict[str, tuple[int, ...]] = dict(network.shapes())
    for m, layer in enumerate(seen.layers):
        order |= named(layer.layer, m, {}, layer.asked)
    total = {name: sum((part[name] for part in split), tape.numbers.zeros(shape)) for name, shape in order.items()}
    return Residual({label: {n: part[n] for n in order} for label, part in zip(names, split, strict=True)}, total)


def _mismatched(
    tape: LayerTape, kept: Adjoints, rule: Rule, feedback: Feedback, m: int, numbers: Numbers, absolute: bool
) -> Array:
    """Return the credit that the weights would have carried down, less what the feedback matrices carry."""
    total = None
    for link in tape.layer.cell.links:
        if link.source != "x" or link.weight is None:
            continue
        synapse, weight = tape.layer.synapse(link.weight), weight_of(tape.p, link.weight)
        used = weights_down(tape.layer, m, tape.p, rule, feedback)[link.weight]
        if not synapse.shape:  # a fixed map has no weight to replace
            term = 0 * synapse.pull_input(weight, kept[link.target])
        else:
            gap = numbers.absolute(weight - used) if absolute else weight - used
            term = synapse.pull_input(gap, kept[link.target])
        if link.lag:
            term = earlier(term, tape.begins)
        total = term if total is None else total + term
    return total  # type: ignore[return-value]


@dataclass(frozen=True)
class Walk:
    """One layer, walked back in time with the kept and the dropped adjoints.

    Kept adjoints are (time, ages or rows, batch, units): ages where the rule has a window, rows of a parameter where
    it has a reach. Dropped ones are (time, labels, 1 or rows, batch, units).
    """

    tape: LayerTape
    number: int
    index: Mapping[Label, int]
    truth: frozenset[Edge]
    windowed: bool
    chunk: int | None

    def back(
        self, kept_in: Array, dropped_in: Array, kept: frozenset[Edge], masks: Mapping[str, Array] | None = None
    ) -> tuple[Adjoints, Adjoints]:
        """Return both adjoints of every node, for credit that arrives at the output.

        `masks`, (rows, 1, units), confine the kept paths of each row at the carried nodes (SnAp-n). Adjoints of
        initial values that are asked for come along, as `PREFIX` and the node, of (1, ...).
        """
        cell, size = self.tape.layer.cell, self.tape.layer.size
        steps = kept_in.shape[0]
        links = [k for k in cell.links if k.source != "x" and (k.lag == 0 or k.edge in self.truth)]
        carried = basis(cell, kept)[0] if masks is not None else ()
        every = None if masks is None else 0 * next(iter(masks.values()))[:, :, :1]  # to have all rows everywhere
        out_k: dict[str, list[Array]] = {node: [] for node in cell.nodes}
        out_r: dict[str, list[Array]] = {node: [] for node in cell.nodes}
        k_after: Adjoints = {}
        r_after: Adjoints = {}
        doomed_after: Adjoints = {}
        starts = {node: nothing(dropped_in[0], size(node)) for node in self.tape.asked}
        for t in reversed(range(steps)):
            crossing = self.chunk is not None and (t + 1) % self.chunk == 0
            k_here: Adjoints = {}
            fresh: Adjoints = {}  # of k_here, what has met no carried node of the step yet: 0 at one
            passed: Adjoints = {}  # and what one has masked: the next mask is a step away
            r_here: Adjoints = {}
            doomed_here: Adjoints = {}
            for node in reversed(cell.nodes):
                k, r = kept_in[t], dropped_in[t]
                if node != "z":
                    k, r = nothing(k, size(node)), nothing(r, size(node))
                doomed = through = 0 * k
                if every is not None:
                    doomed = k * every
                    k, r, through = k + doomed, r + doomed, doomed
                for link in links:
                    if link.source != node:
                        continue
                    if link.lag == 0:
                        factor = at(self.tape.factors.get(link), t)
                        if masks is None:
                            k = k + pull_link(self.tape, link, k_here[link.target], factor)
                        else:
                            through = through + pull_link(self.tape, link, passed[link.target], factor)
                            k = k + pull_link(self.tape, link, fresh[link.target], factor)
                        r = r + pull_link(self.tape, link, r_here[link.target], factor)
                        doomed = doomed + pull_link(self.tape, link, doomed_here[link.target], factor)
                    elif k_after:
                        factor = at(self.tape.factors.get(link), t + 1)
                        r = r + pull_link(self.tape, link, r_after[link.target], factor)
                        new = pull_link(self.tape, link, k_after[link.target], factor)
                        k, lost = self._advance(k, new, link.edge in kept and not crossing)
                        if lost is not None:
                            r = self._book(r, link, lost)
                        if masks is not None:
                            r = self._book(r, link, pull_link(self.tape, link, doomed_after[link.target], factor))
                if masks is not None and node in carried:
                    doomed, through = doomed + k * (1 - masks[node]), through + k * masks[node]
                    k = 0 * k
                if masks is not None:
                    k, fresh[node], passed[node] = k + through, k, through
                k_here[node], r_here[node], doomed_here[node] = k, r, doomed
                out_k[node].append(k)
                out_r[node].append(r)
            k_after, r_after, doomed_after = k_here, r_here, doomed_here
            if starts and (t == 0 or (self.tape.begins is not None and self.tape.begins[t].any())):
                new = np.ones(k.shape[-2], dtype=bool) if t == 0 else self.tape.begins[t]  # type: ignore[index]
                for node, r in starts.items():
                    starts[node] = r + cut(self._start(node, t, k_here, r_here, kept), ~new)
            if self.tape.begins is not None:
                k_after, r_after, doomed_after = (
                    {node: cut(g, self.tape.begins[t]) for node, g in after.items()}
                    for after in (k_after, r_after, doomed_after)
                )
        return (
            {node: np.stack(values[::-1]) for node, values in out_k.items()},
            {
                **{node: np.stack(values[::-1]) for node, values in out_r.items()},
                **{PREFIX + node: r[None] for node, r in starts.items()},
            },
        )

    def _start(self, node: str, t: int, k_here: Adjoints, r_here: Adjoints, kept: frozenset[Edge]) -> Array:
        """Return the dropped adjoint of a node's value before step t, the first of a sequence; no chunk cuts there."""
        k, r = (nothing(here["z"], self.tape.layer.size(node)) for here in (k_here, r_here))
        for link in self.tape.layer.cell.links:
            if link.lag and link.edge in self.truth and link.source == left_by(self.tape.layer, node):
                factor = at(self.tape.factors.get(link), t)
                r = r + pull_link(self.tape, link, r_here[link.target], factor)
                k, lost = self._advance(k, pull_link(self.tape, link, k_here[link.target], factor), link.edge in kept)
                if lost is not None:
                    r = self._book(r, link, lost)
        return r

    def _advance(self, k: Array, new: Array, kept: bool) -> tuple[Array, Array | None]:
        """Add what a temporal link brings to the kept adjoint; return it and what is lost there."""
        if not self.windowed:
            return (k + new, None) if kept else (k, new)
        if not kept:
            return k, new.sum(axis=0, keepdims=True)
        return k + np.concatenate([0 * new[:1], new[:-1]]), new[-1:]

    def _book(self, r: Array, link: Link, lost: Array) -> Array:
        """Add lost paths to the label of the link."""
        here = self.index[self.number, link.edge.value]
        return np.concatenate([r[:here], (r[here] + lost)[None], r[here + 1 :]])


def _own_gradients(walk: Walk, kept: Array, dropped: Array, rule: Rule) -> dict[str, list[Array]]:
    """Return, for every parameter of a layer by its full name, what each label contributes to its residual."""
    layer, count = walk.tape.layer, dropped.shape[1]
    if rule.reach is None:
        _, r = walk.back(kept, dropped, rule.own)
        parts = []
        for i in range(count):
            adjoints = {node: a[:, i, 0] for node, a in r.items()}
            starts = {k: _of_shape(adjoints[PREFIX + k][0], shape) for k, shape in walk.tape.asked.items()}
            parts.append(named(layer, walk.number, layer_gradients(walk.tape, adjoints), starts))
        names = named(layer, walk.number, layer.shapes(), walk.tape.asked)
        return {name: [part[name] for part in parts] for name in names}
    out: dict[str, list[Array]] = {}
    for name in layer.shapes():
        masks = {k: m[:, None, :].astype(int) for k, m in reached(layer, rule.own, name, rule.reach).items()}
        _, r = walk.back(kept, dropped, rule.own, masks)
        # row r of a parameter feeds unit r: (time, labels, rows, batch, units) -> (rows, time, labels, batch)
        fed = fed_by(layer.cell, name)
        rows = np.arange(layer.size(fed[0]))
        own = {node: np.moveaxis(r[node][:, :, rows, :, rows], 0, -1) for node in fed}
        out[layer.full_name(walk.number, name)] = [
            parameter_gradient(walk.tape, name, {k: a[:, i] for k, a in own.items()}) for i in range(count)
        ]
    return out


def _of_shape(g: Array, shape: tuple[int, ...]) -> Array:
    """Return a gradient (batch, units) by an initial value of its own per sample, or one for all."""
    return g if len(shape) == 2 else np.asarray(g.sum(axis=0))
