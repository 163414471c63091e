"""A problem, run forward in some number system, on which hypotheses are computed: floats to try, balls to prove."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.unrolled.graph import Graph, gradients, graph_of, initial_gradients, sweep
from gradcert.certify.problems import PRECISIONS, data_on_balls, parameters_on_balls, stored
from gradcert.properties.numbers import Balls
from gradcert.reference.engines import (
    LayerTape,
    Tape,
    arriving,
    credit_below,
    error_node,
    named,
    projected_signal,
    record,
    spread,
    tape_gradients,
    weights_down,
)
from gradcert.reference.networks import PREFIX, Data, Network, Problem
from gradcert.reference.numbers import FLOAT64, Array, Numbers
from gradcert.reference.rules import Rule, check_feedback

GraphEdit = Callable[[Graph, LayerTape, Tape], Graph]


@dataclass(frozen=True, eq=False)
class Bench:
    """A recorded problem.

    Attributes
    ----------
    network, parameters, inputs, targets, feedback, data : the problem, in numbers; data is what there is beside.
    numbers : the number system.
    rule : the claimed row.
    tape : the forward pass.
    """

    network: Network
    parameters: Mapping[str, Array]
    inputs: Array
    targets: Array
    feedback: Mapping[str, Array]
    numbers: Numbers
    rule: Rule
    tape: Tape = field(repr=False)
    data: Data = field(default_factory=Data)

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.inputs)

    @property
    def delta(self) -> Array:
        """The gradient of the loss at the outputs, (time, batch, n_out)."""
        return self.credit[self.network.depth - 1]

    @cached_property
    def credit(self) -> dict[int, Array]:
        """What the loss says to each layer, (time, batch, units), by number: at the outputs, and about activity."""
        return arriving(self.tape, self.targets)

    def again(
        self,
        *,
        network: Network | None = None,
        parameters: Mapping[str, Array] | None = None,
        targets: Any = None,
        data: Data | None = None,
    ) -> Bench:
        """Run a changed problem forward."""
        return _recorded(
            network or self.network,
            parameters or self.parameters,
            self.inputs,
            self.targets if targets is None else targets,
            self.feedback,
            self.numbers,
            self.rule,
            self.data if data is None else data,
        )

    def gradients(self, rule: Rule | None = None) -> dict[str, Array]:
        """Return the gradient of a row, the claimed one by default, by the reference engine."""
        return tape_gradients(self.tape, self.targets, rule=rule or self.rule, feedback=self.feedback)


def on_floats(problem: Problem, rule: Rule) -> Bench:
    """Return the problem in float64."""
    return _bench(problem, rule, FLOAT64, lambda values: np.asarray(values, dtype=float), problem.floats().data)


def on_balls(problem: Problem, rule: Rule, dtype: str) -> Bench:
    """Return the problem on balls, within `working_precision`; see `gradcert.certify.problems.expect`."""
    balls = Balls(PRECISIONS[dtype])
    return _bench(problem, rule, balls, balls.exactly, data_on_balls(problem, balls))


def _bench(problem: Problem, rule: Rule, numbers: Numbers, convert: Callable[[Any], Array], data: Data) -> Bench:
    feedback = {name: convert(value) for name, value in problem.feedback.items()}
    return _recorded(
        problem.network,
        parameters_on_balls(problem.parameters, numbers)
        if isinstance(numbers, Balls)
        else {name: convert(value) for name, value in problem.parameters.items()},
        convert(problem.inputs),
        convert(problem.targets),
        check_feedback(problem.network, rule, feedback),
        numbers,
        rule,
        data,
    )


def _recorded(
    network: Network,
    parameters: Mapping[str, Array],
    inputs: Array,
    targets: Array,
    feedback: Mapping[str, Array],
    numbers: Numbers,
    rule: Rule,
    data: Data,
) -> Bench:
    runs = stored(network) if isinstance(numbers, Balls) else network
    tape = record(runs, parameters, inputs, numbers=numbers, **data)
    return Bench(network, parameters, inputs, targets, feedback, numbers, rule, tape, data)


@dataclass(frozen=True)
class Edit:
    """What is done differently, layer by layer; see `edited`.

    Attributes
    ----------
    own : edits the graph of the parameters' own layer.
    down : edits the graph that carries credit to the layers below.
    error : changes the gradient at the outputs.
    signal : changes the learning signal that arrives at a layer, for its own parameters; told the layer's index.
    below : changes the learning signal on its way to the layer below.
    weights : changes the matrices that carry credit down.
    broadcast : changes the signal that a fixed matrix sends to every layer.
    share : takes a part of the adjoints that parameters are fed with.
    """

    own: GraphEdit | None = None
    down: GraphEdit | None = None
    error: Callable[[Array, Bench], Array] | None = None
    signal: Callable[[Array, int, Bench], Array] | None = None
    below: Callable[[Array, Array, int, Bench], Array] | None = None
    weights: Callable[[dict[str, Array], int, Bench], dict[str, Array]] | None = None
    broadcast: Callable[[Array, Bench], Array] | None = None
    share: Callable[[Array], Array] | None = None


def edited(bench: Bench, edit: Edit) -> dict[str, Array] | None:
    """Return the gradient of the claimed row with an edit; None for rows that are no sum over one graph.

    Follows `gradcert.reference.engines.tape_gradients`, layer by layer from the top.
    """
    rule, tape = bench.rule, bench.tape
    if rule.window is not None or rule.reach is not None or rule.feedback == "local":
        return None
    last = tape.network.depth - 1
    error = edit.error(bench.delta, bench) if edit.error else bench.delta
    arrived = {last: error}  # credit at the outputs of layers, from all those above
    out: dict[str, Array] = {}
    broadcast: Array | None = None
    for i in reversed(range(tape.network.depth)):
        layer = tape.layers[i]
        if i < last and rule.feedback in ("direct", "target"):
            if broadcast is None:
                broadcast = _broadcast(bench, error, edit)
                broadcast = edit.broadcast(broadcast, bench) if edit.broadcast else broadcast
            delta = np.matmul(broadcast, bench.feedback[layer.layer.matrix_name(i)])
        else:
            delta = arrived.pop(i)
        delta = _with_own(delta, i, bench) if i < last else delta
        own = graph_of(layer, rule.own, chunk=rule.chunk)
        own = edit.own(own, layer, tape) if edit.own else own
        arriving = edit.signal(delta, i, bench) if edit.signal else delta
        arriving, delta = layer.layer.turned(arriving), layer.layer.turned(delta)
        adjoints = sweep(own, arriving)
        if edit.share:
            adjoints = {node: edit.share(values) for node, values in adjoints.items()}
        out.update(named(layer.layer, i, gradients(own, adjoints), initial_gradients(own, layer, adjoints)))
        if rule.feedback in ("direct", "target") or max(tape.network.sources(i)) < 0:
            continue
        above = graph_of(layer, rule.kept_above(layer.layer.cell.name), chunk=rule.chunk)
        above = edit.down(above, layer, tape) if edit.down else above
        down = weights_down(layer.layer, i, layer.p, rule, bench.feedback)
        down = edit.weights(down, i, bench) if edit.weights else down
        credit = layer.layer.turned(credit_below(layer, sweep(above, delta), down))
        passed = edit.below(credit, layer.layer.turned(delta), i, bench) if edit.below else credit
        spread(passed, tape.network, i, arrived)
    starts = [name for name in out if name.startswith(PREFIX)]
    return {name: out[name] for name in (*tape.network.shapes(), *starts)}


def _with_own(credit: Array, i: int, bench: Bench) -> Array:
    """Return the credit that comes down to a layer, with what the loss says of the layer's own activity."""
    return credit + bench.credit[i] if i in bench.credit else credit


def _broadcast(bench: Bench, delta: Array, edit: Edit) -> Array:
    last = bench.tape.layers[-1]
    if bench.rule.feedback == "direct":
        graph = graph_of(last, bench.rule.kept_above(last.layer.cell.name))
        graph = edit.down(graph, last, bench.tape) if edit.down else graph
        return last.layer.turned(sweep(graph, last.layer.turned(delta))[error_node(last.layer)])
    return projected_signal(bench.tape, bench.targets)
