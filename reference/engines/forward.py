"""The forward engine: the gradient of any row of the rule table, online, with eligibility traces.

At every step each trace moves on by one step of the kept edges and takes in the immediate derivative; the step's
learning signal, pulled back within the step, is contracted with it. Nothing of the past is stored but the traces.

``eps^t = J eps^(t-1) + F^t + Jz (explicit path of z^(t-1))``, ``dE/dw = sum_t L^t . eps^t`` (mathematics.md 0.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from gradcert.reference.checks import check_size
from gradcert.reference.engines.credit import Signals, auxiliary, scaled, signals
from gradcert.reference.engines.reverse import check_asked
from gradcert.reference.engines.step import Step, absorb, across, entering, immediate, within
from gradcert.reference.engines.structure import reached, ways
from gradcert.reference.engines.sweep import error_node, named, pull_use, spread, weights_down
from gradcert.reference.engines.tangent import ONE, Operator, Tangent, applied, at_start, contracted, projected, summed
from gradcert.reference.engines.tape import (
    asked,
    drive_at,
    drives,
    given_masks,
    joined,
    left_by,
    local_parameters,
    prepared,
    record,
    restarted,
    starting,
)
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import (
    PREFIX,
    Data,
    Edge,
    Layer,
    Network,
    Parameters,
    check_data,
    check_forwards,
    check_parameters,
    check_problem,
)
from gradcert.reference.networks.arrays import check_array
from gradcert.reference.networks.synapses.part import placed
from gradcert.reference.numbers import FLOAT64, Array, Floats, Numbers
from gradcert.reference.rules import Feedback, Rule, check_feedback

NOTHING: frozenset[Edge] = frozenset()  # of the edges through time: what is left are the links within a step

Trace = dict[str, Tangent]  # carried node -> tangent
Key = tuple[int, str, int]  # layer of the parameter, its local name, age (0 where the rule has no window)


class Learner:
    """A stepwise learner: ``step(x, y)`` for each time step, ``gradients()`` at any time.

    Parameters
    ----------
    network, parameters : the network and its flat parameter dict.
    rule : a row of the rule table.
    steps : length of the sequence, needed where the loss is a mean over time or counts the last step alone.
    batch : number of samples.
    numbers, feedback, data : as for the reverse engine; weights, begins and masks of the whole sequence.
    said : what the loss says of the whole sequence (`signals`), for a loss whose credit at a step needs other steps.

    Raises
    ------
    GradcertError : for such a loss without `said`: no learner that walks with the sequence can know it.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> from gradcert.reference.networks import Layer
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3),))
    >>> learner = Learner(network, network.parameters(), rule=RULES["ottt"], steps=5, batch=1)
    >>> for t in range(5):
    ...     output = learner.step(np.ones((1, 2)), np.zeros((1, 3)))
    >>> learner.gradients()["layers.0.W"].shape
    (3, 2)
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        *,
        rule: Rule,
        steps: int,
        batch: int,
        numbers: Numbers = FLOAT64,
        feedback: Feedback | None = None,
        said: Signals | None = None,
        **data: Unpack[Data],
    ) -> None:
        check_parameters(network, parameters, numbers)
        check_size("steps", steps)
        check_size("batch", batch)
        check_data(network, (steps, batch), numbers, **data)
        check_asked(rule, data)
        check_forwards(network, "a learner that walks with the sequence,")
        if said is None and not network.loss.stepwise:
            raise GradcertError(
                f"a learner that is online with the loss {network.loss}",
                allowed="a loss of every step or of the last, without rates",
                do="forward.gradients(...), which runs the sequence once to know the loss, and then learns from it",
            )
        self.data, self.said = data, said
        initial, network = data.get("initial") or {}, prepared(network, data.get("masks"))
        self.network, self.rule, self.numbers = network, rule, numbers
        self.steps, self.batch, self.t = steps, batch, 0
        self.feedback = check_feedback(network, rule, feedback, numbers)
        self.p = [local_parameters(layer, i, parameters, numbers) for i, layer in enumerate(network.layers)]
        self.own = [ways(layer, rule.own).carried for layer in network.layers]
        above = [rule.kept_above(layer.cell.name) for layer in network.layers]
        self.above = [NOTHING if rule.feedback in ("target", "local") else kept for kept in above]
        self.upper = [ways(layer, kept).carried for layer, kept in zip(network.layers, self.above, strict=True)]
        zero = [numbers.zeros((batch, layer.units)) for layer in network.layers]
        self.start = [starting(layer, i, initial, zero[i]) for i, layer in enumerate(network.layers)]
        self.asked = [asked(layer, i, initial) if data.get("initial_gradient") else {} for i, layer in self._layers()]
        self.before: list[Step] = [self._rest(i, values) for i, values in enumerate(zero)]
        self.traces: list[dict[Key, Trace]] = [{} for _ in network.layers]  # [layer where the nodes are][parameter]
        self.total = self._nothing()
        self.masks: dict[tuple[int, str], dict[str, Array]] = {}
        self.readouts = auxiliary(network, data.get("readouts"))

    def _layers(self) -> list[tuple[int, Layer]]:
        return list(enumerate(self.network.layers))

    def _nothing(self) -> dict[str, Array]:
        """Return gradients of zeros."""
        shapes = dict(self.network.shapes())
        for i, asked_for in enumerate(self.asked):
            shapes |= named(self.network.layers[i], i, {}, asked_for)
        return {name: self.numbers.zeros(shape) for name, shape in shapes.items()}

    def _rest(self, i: int, zero: Array) -> Step:
        layer, prev = self.network.layers[i], self.start[i]
        before = starting(layer, i, {}, zero)
        x = self.numbers.zeros((self.batch, layer.inputs))
        return Step(layer, self.p[i], x, before, prev, layer.cell.factors(self.numbers, self.p[i], before, prev))

    def step(self, x: Array, y: Array) -> Array:
        """Take one step: input (batch, n_in) and target (batch, n_out); return the output (batch, n_out)."""
        self._check(x, y)
        crossing = self.t > 0 and not (self.rule.chunk and self.t % self.rule.chunk == 0)
        if not crossing:
            self.traces = [{} for _ in self.network.layers]
        begins = self.data.get("begins")
        new = np.full(self.batch, self.t == 0) if begins is None or self.t == 0 else begins[self.t]
        if self.t and new.any():
            self._restart(new)
        now = self._forward(x)
        traces = self._advance(now, crossing, new)
        self._credit(now, traces, y)
        self.before, self.traces = now, traces
        self.t += 1
        return now[-1].now["z"]

    def _restart(self, new: Array) -> None:
        """Begin a new sequence in some of the samples: nodes as at the start, traces empty."""
        self.traces = [
            {key: {c: tangent.without(new) for c, tangent in trace.items()} for key, trace in traces.items()}
            for traces in self.traces
        ]
        self.before = [
            replace(step, now=restarted(step.now, start, new))
            for step, start in zip(self.before, self.start, strict=True)
        ]

    def _check(self, x: Any, y: Any) -> None:
        """Raise unless a step fits; shapes and kinds alone, which is cheap: NaN shows in the gradient."""
        wanted = (self.batch, self.network.inputs), (self.batch, self.network.layers[-1].units)
        for what, value, shape in zip(("input", "target"), (x, y), wanted, strict=True):
            real = isinstance(self.numbers, Floats)
            if not isinstance(value, np.ndarray) or value.shape != shape or (real and value.dtype.kind != "f"):
                check_array(f"the {what} of step {self.t + 1}", value, shape, self.numbers)

    def gradients(self) -> dict[str, Array]:
        """Return the gradient accumulated so far, with the keys and shapes of the parameters."""
        return {name: value.copy() for name, value in self.total.items()}

    def take(self) -> dict[str, Array]:
        """Return the gradient accumulated since the last call, and start from zero again; traces are kept."""
        taken = self.gradients()
        self.total = self._nothing()
        return taken

    def replace(self, parameters: Parameters) -> None:
        """Go on with other parameters; membranes and traces carry on as they are, with mixed weights."""
        self.p = [local_parameters(layer, i, parameters, self.numbers) for i, layer in enumerate(self.network.layers)]

    def _forward(self, x: Array) -> list[Step]:
        now: list[Step] = []
        outputs: dict[int, Array] = {}
        for i, layer in enumerate(self.network.layers):
            prev, p, here = self.before[i].now, self.p[i], joined(outputs, self.network.sources(i), x)
            if any(link.source == "x" and link.lag for link in layer.links):
                raise GradcertError("the forward engine has no delayed inputs", do="use the reverse engine")
            masks = {k: mask[self.t][None] for k, mask in given_masks(layer, i, self.data.get("masks")).items()}
            known, rest = drives(layer, p, here[None], given=masks)
            nodes = layer.cell.step(self.numbers, p, drive_at(known, rest, 0), prev)
            now.append(Step(layer, p, here, prev, nodes, layer.cell.factors(self.numbers, p, prev, nodes)))
            outputs[i] = nodes["z"]
        return now

    def _advance(self, now: list[Step], crossing: bool, new: Array) -> list[dict[Key, Trace]]:
        """Move every trace on by one step: inside its own layer, and where edges above are kept, up the stack."""
        traces: list[dict[Key, Trace]] = [{} for _ in now]
        given: list[dict[Key, Tangent]] = []  # tangents of the output of every layer so far
        for m, step in enumerate(now):
            arriving = self._tangents_into(m, given)
            outputs: dict[Key, Tangent] = {}
            wanted = any(self.upper[k] for k in range(m + 1, len(now)))
            if self.own[m] or wanted:
                fresh = self._own(m, step, crossing, wanted, new)
                for key, nodes in fresh.items():
                    traces[m][key] = {c: nodes[c] for c in self.own[m] if c in nodes}
                    if wanted and "z" in nodes:
                        outputs[key] = nodes["z"]
            for key, nodes in self._above(m, step, arriving, crossing).items():
                traces[m][key] = {c: nodes[c] for c in self.upper[m] if c in nodes}
                if wanted and "z" in nodes:
                    outputs[key] = nodes["z"]
            given.append(outputs)
        return traces

    def _tangents_into(self, m: int, given: list[dict[Key, Tangent]]) -> dict[Key, Tangent]:
        """Return the tangents of a layer's input; with direct feedback those that are broadcast, of every output."""
        if self.rule.feedback == "direct":
            return {key: tangent for outputs in given for key, tangent in outputs.items()}
        sources = self.network.sources(m)
        if len(sources) == 1:
            return given[sources[0]] if sources[0] >= 0 else {}
        start, width = 0, sum(self.network.width(s) for s in sources)
        out: dict[Key, Tangent] = {}
        for source in sources:
            for key, tangent in given[source].items() if source >= 0 else ():
                whole = placed(np.moveaxis(tangent.full(), 1, -1), start, width)
                out[key] = summed(out.get(key), Tangent("full", np.moveaxis(whole, -1, 1), tangent.synapse))
            start += self.network.width(source)
        return out

    def _own(self, m: int, step: Step, crossing: bool, wanted: bool, new: Array) -> dict[Key, Trace]:
        """Advance the traces of a layer's own parameters."""
        layer, kept = step.layer, self.rule.own
        carried, derived = self.own[m], ways(layer, kept).derived
        targets = tuple(dict.fromkeys((*carried, "z"))) if wanted else carried
        moves = {c: across(self.before[m], step, kept, c) for c in carried} if crossing else {}
        out: dict[Key, Trace] = {}
        for (source, name, age), trace in self.traces[m].items():
            if source == m and crossing and self._alive(age + 1):
                key = (m, name, self._age(age + 1))
                _advance_trace(out, key, trace, moves, targets)
        late: dict[str, dict[str, Operator]] = {}  # several parameters act on one node
        at_once: dict[str, dict[str, Operator]] = {}
        if crossing and self._alive(1):
            for name, node, tangent in immediate(self.before[m]):
                if node in derived:
                    if node not in late:
                        late[node] = across(self.before[m], step, kept, node)
                    _inject(out, (m, name, self._age(1)), tangent.without(new), late[node], targets)
        links = ways(layer, NOTHING).links
        for name, node, tangent in immediate(step):
            if node not in at_once:
                at_once[node] = within(step, links, {node: ONE})
            _inject(out, (m, name, 0), tangent, at_once[node], targets)
        if self.asked[m] and new.any() and self._alive(1):
            for name, shape in self.asked[m].items():
                moved = entering(step, kept, left_by(layer, name))
                _inject(out, (m, PREFIX + name, self._age(1)), at_start(new, shape, step.x), moved, targets)
        if self.rule.reach is not None:
            out = {key: self._masked(m, layer, key[1], trace) for key, trace in out.items()}
            if wanted and "z" not in carried:
                self._follow(m, step, carried, out)
        return out

    def _follow(self, m: int, step: Step, carried: tuple[str, ...], traces: dict[Key, Trace]) -> None:
        """Let the tangents of the output follow from those of carried nodes, which have been confined to units."""
        links = tuple(k for k in ways(step.layer, NOTHING).links if k.target not in carried)
        moves = {c: within(step, links, {c: ONE}) for c in carried}
        for key, trace in traces.items():
            trace.pop("z", None)
            for c in [c for c in trace if c in moves]:
                _inject(traces, key, trace[c], moves[c], ("z",))
        for name, node, tangent in immediate(step):
            if node not in carried:
                _inject(traces, (m, name, 0), tangent, within(step, links, {node: ONE}), ("z",))

    def _above(self, m: int, step: Step, arriving: dict[Key, Tangent], crossing: bool) -> dict[Key, Trace]:
        """Advance the traces that lower layers' parameters have in this layer."""
        out: dict[Key, Trace] = {}
        direct = self.rule.feedback == "direct"
        if direct and m < len(self.network.layers) - 1:
            return out
        wanted = any(self.upper[k] for k in range(m + 1, len(self.network.layers)))
        targets = tuple(dict.fromkeys((*self.upper[m], "z"))) if wanted else self.upper[m]
        if not targets:
            return out
        kept = self.above[m]
        moves = {c: across(self.before[m], step, kept, c) for c in self.upper[m]} if crossing else {}
        for (source, name, age), trace in self.traces[m].items():
            if source < m and crossing and self._alive(age + 1):
                _advance_trace(out, (source, name, self._age(age + 1)), trace, moves, targets)
        links = ways(step.layer, NOTHING).links
        down = weights_down(step.layer, m, step.p, self.rule, self.feedback)
        if direct:
            moved = within(step, links, {error_node(step.layer): ONE})
            for key, tangent in arriving.items():
                _inject(out, key, _broadcast(self._matrix(key[0]), tangent), moved, targets)
            return out
        for link in step.layer.links:
            if link.source != "x" or link.weight is None:
                continue
            moved = within(step, links, {link.target: ONE})
            for key, tangent in arriving.items():
                pushed = projected(step.layer.synapse(link.weight), down[link.weight], tangent)
                _inject(out, key, pushed, moved, targets)
        return out

    def _credit(self, now: list[Step], traces: list[dict[Key, Trace]], y: Array) -> None:
        """Contract the step's learning signal with the traces."""
        arriving, last = self._arriving(now, y), len(now) - 1
        if not arriving:
            return
        down: dict[int, Array] = {last: arriving.get(last, 0 * now[-1].now["z"])}
        broadcast: Array | None = None
        for m in reversed(range(len(now))):
            step = now[m]
            if self.rule.feedback in ("direct", "target") and m < last:
                delta = np.matmul(broadcast, self._matrix(m))  # type: ignore[arg-type]
            elif self.rule.feedback == "local" and m < last:
                delta = self._local(m, step, y)
            else:
                delta = down.pop(m)
            if m in arriving and m < last:
                delta = delta + arriving[m]
            self._contract(m, step, traces[m], absorb(step, delta, self.own[m]), own=True)
            above = absorb(step, delta, self.upper[m])
            self._contract(m, step, traces[m], above, own=False)
            if self.rule.feedback == "target":
                broadcast = self._projected(y)
            elif self.rule.feedback == "direct" and m == last > 0:
                node = error_node(step.layer)
                broadcast = above.get(node, 0 * step.now[node])
            elif self.rule.feedback in ("symmetric", "random") and max(self.network.sources(m)) >= 0:
                spread(self._down(m, step, above), self.network, m, down)

    def _arriving(self, now: list[Step], y: Array) -> dict[int, Array]:
        """Return the credit that arrives at the output of each layer that the loss is about, at this step."""
        if self.said is not None:
            return {m: g[self.t] for m, g in self.said.arriving.items()}
        loss, weights = self.network.loss, self.data.get("weights")
        delta = loss.at_step(loss.error(now[-1].now["z"], y, self.numbers), self.t, self.steps, weights)
        out = {} if delta is None else {len(now) - 1: delta}
        for term in loss.activity:
            for m in term.numbers_of(len(now)):
                g = term.at_step(now[m].now["z"], self.t, self.steps, self.numbers, weights)
                out[m] = out[m] + g if m in out else g
        for m, readout in self.readouts.items():
            own = self._through(readout, m, now[m], y)
            if own is not None:
                out[m] = out[m] + own if m in out else own
        return out

    def _projected(self, y: Array) -> Array:
        """Return what a target projection multiplies."""
        if self.said is not None:
            return np.asarray(self.said.target[self.t])
        signal = self.network.loss.at_step(y, self.t, self.steps, self.data.get("weights"))
        return 0 * y if signal is None else signal

    def _local(self, m: int, step: Step, y: Array) -> Array:
        """Return the credit of a layer's own loss, under a rule with local feedback."""
        if self.said is not None:
            return np.asarray(self.said.local[m][self.t])
        credit = self._through(self._matrix(m), m, step, y)
        return 0 * step.now["z"] if credit is None else credit

    def _through(self, readout: Array, m: int, step: Step, y: Array) -> Array | None:
        """Return the credit of a layer's own loss through its fixed readout; None where the loss is silent."""
        loss, strength = self.network.loss.of_layer(m)
        error = loss.error(np.matmul(step.now["z"], readout.T), y, self.numbers)
        delta = loss.at_step(error, self.t, self.steps, self.data.get("weights"))
        if delta is None:
            return None
        return np.asarray(np.matmul(delta if strength == 1 else scaled(delta, strength, self.numbers), readout))

    def _down(self, m: int, step: Step, credit: Mapping[str, Array]) -> Array:
        """Return the credit at a layer's input, but for what its traces hold: input that a carried node takes in."""
        total = 0 * step.x
        down = weights_down(step.layer, m, step.p, self.rule, self.feedback)
        for link in step.layer.links:
            if link.source == "x" and link.weight and link.target in credit and link.target not in self.upper[m]:
                total = total + step.layer.synapse(link.weight).pull_input(down[link.weight], credit[link.target])
        return total

    def _contract(
        self, m: int, step: Step, traces: Mapping[Key, Trace], credit: Mapping[str, Array], *, own: bool
    ) -> None:
        carried = self.own[m] if own else self.upper[m]
        for (origin, name, _), trace in traces.items():
            if (origin == m) == own:
                for c, tangent in trace.items():
                    if c in carried and c in credit:
                        self._add(origin, name, contracted(credit[c], tangent))
        if not own:
            return
        for link in step.layer.links:
            if link.weight is not None and link.target in credit and link.target not in carried:
                synapse = step.layer.synapse(link.weight)
                if synapse.shape:
                    self._add(m, link.weight, synapse.pull_weight(credit[link.target], step.source(link)))
        for use in step.layer.uses:
            if use.target in credit and use.target not in carried:
                self._add(m, use.parameter, pull_use(credit[use.target], step.factors[use]))

    def _add(self, layer: int, name: str, g: Array) -> None:
        own = self.network.layers[layer]
        start = name.startswith(PREFIX)
        key = (PREFIX if start else "") + own.full_name(layer, name.removeprefix(PREFIX))
        self.total[key] = self.total[key] + own.collected(name, g, self.p[layer])

    def _matrix(self, m: int) -> Array:
        """Return the feedback matrix of a layer."""
        return self.feedback[self.network.layers[m].matrix_name(m)]

    def _alive(self, age: int) -> bool:
        return self.rule.window is None or age < self.rule.window

    def _age(self, age: int) -> int:
        return 0 if self.rule.window is None else age

    def _masked(self, m: int, layer: Layer, name: str, trace: Trace) -> Trace:
        """Confine a trace to the units that its parameter may reach (SnAp-n)."""
        if (m, name) not in self.masks:
            self.masks[m, name] = reached(layer, self.rule.own, name, self.rule.reach or 1)
        masks = self.masks[m, name]
        return {c: t.confined(masks[c].T) if c in masks else t for c, t in trace.items()}


def _advance_trace(
    out: dict[Key, Trace],
    key: Key,
    trace: Trace,
    moves: Mapping[str, Mapping[str, Operator]],
    targets: tuple[str, ...],
) -> None:
    for c, tangent in trace.items():
        _inject(out, key, tangent, moves[c], targets, last=True)


def _inject(
    out: dict[Key, Trace],
    key: Key,
    tangent: Tangent,
    moved: Mapping[str, Operator],
    targets: tuple[str, ...],
    *,
    last: bool = False,
) -> None:
    trace = out.setdefault(key, {})
    reached = [node for node in targets if node in moved]
    for node in reached:
        final = last and node == reached[-1]
        trace[node] = summed(trace.get(node), applied(moved[node], tangent, last=final))


def _broadcast(matrix: Array, tangent: Tangent) -> Tangent:
    full = tangent.full()
    product = np.matmul(matrix, full.reshape(*full.shape[:2], -1))
    return Tangent("full", product.reshape(full.shape[0], matrix.shape[0], *full.shape[2:]), tangent.synapse)


def gradients(
    network: Network,
    parameters: Parameters,
    inputs: Array,
    targets: Array,
    *,
    rule: Rule,
    numbers: Numbers = FLOAT64,
    feedback: Feedback | None = None,
    **data: Unpack[Data],
) -> dict[str, Array]:
    """Return the gradient that a rule computes, by the forward engine; arguments as for the reverse engine.

    A loss whose credit at a step needs other steps (`Loss.stepwise`) is known once the sequence has been run; the
    learner then walks through it with eligibility traces as always.

    Examples
    --------
    >>> from gradcert.reference.networks import Snu
    >>> from gradcert.reference.networks import Layer
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Snu(), inputs=2, units=3),))
    >>> x, y = np.ones((5, 4, 2)), np.zeros((5, 4, 3))
    >>> gradients(network, network.parameters(), x, y, rule=RULES["ostl"])["layers.0.H"].shape
    (3, 3)
    """
    check_problem(network, parameters, inputs, targets, numbers)
    steps, batch = inputs.shape[:2]
    said = None
    if not network.loss.stepwise:
        check_data(network, (steps, batch), numbers, **data)
        tape = record(network, parameters, inputs, numbers=numbers, **data)
        said = signals(tape, targets, rule, check_feedback(network, rule, feedback, numbers))
    learner = Learner(
        network,
        parameters,
        rule=rule,
        steps=steps,
        batch=batch,
        numbers=numbers,
        feedback=feedback,
        said=said,
        **data,
    )
    for x, y in zip(inputs, targets, strict=True):
        learner.step(x, y)
    return learner.gradients()
