"""How far a fixed-point run is from the real-valued rule: a bound on every intermediate of every step, as arrays.

The same recursion as proof 2 and `proofs.margin`, along one run: what each rounding and overflow did is known exactly
(the run's own integers), errors of operands grow by the rule of their operation. Comparisons are not taken on trust: a
pseudo-derivative's step that the membrane's error may cross counts with the difference of its heights. Only the spikes
are taken as equal where the caller says that they are (it has the real-valued run), else they count as errors of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import FloatFormat
from gradcert.hardware_models.description.program import Node, Program
from gradcert.hardware_models.description.simulate import Simulator

Array = np.ndarray[Any, Any]
# Each operation here and in a float64 run of the real-valued rule rounds its products and sums once per term. Both
# together are at most 2 (n + 1) u sum |terms| for a sum of n terms, u = 2**-53; the recursion carries that along too.
UNIT = 2.0**-53


def value_of(node: Node, stored: Array) -> Array:
    """Return stored integers as float64 numbers (floating-point nodes are numbers already)."""
    scale = 1.0 if isinstance(node.numeric.format, FloatFormat) else float(node.format.ulp)
    return np.asarray(stored, dtype=float) * scale


def enclose(
    program: Program,
    inputs: Sequence[Mapping[str, Any]],
    *,
    keep: Sequence[str],
    start: Mapping[str, Array] | None = None,
    frozen: tuple[str, ...] = (),
    spikes: tuple[str, Array] | None = None,
    close: list[tuple[int, ...]] | None = None,
) -> list[dict[str, tuple[Array, Array]]]:
    """Return (value, bound on |fixed - real|) of the intermediates named in `keep`, for every step.

    Parameters
    ----------
    program, inputs : the description and its inputs per step.
    keep : names of operations.
    start, frozen : states that do not start at their initial value, and states that keep their value.
    spikes : name of the spike comparison and the real-valued run's outcome (time, ...): equal spikes have no error.
    close : a list that receives (step, neuron) of the spikes that their margin alone does not certify.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> unit = trace_unit(Format.parse("u12q4"), leak=0.9, increment=16)
    >>> value, bound = enclose(unit, [{"spike": 1}, {"spike": 0}], keep=["e.next"])[-1]["e.next"]
    >>> float(value), float(bound) < 1 / 16 + 1e-3
    (0.875, True)
    """
    run = Enclosure(program, frozen=frozen, spikes=spikes)
    run.simulator.state |= dict(start or {})
    out = []
    for one in inputs:
        values, bounds = run.step(one)
        nodes = {name: program.node(name) for name in keep}
        if close is not None:
            close[:] = run.close
        out.append({name: (value_of(node, values[name]), bounds[name]) for name, node in nodes.items()})
    return out


class Enclosure:
    """A simulator with a bound beside every value."""

    def __init__(
        self, program: Program, *, frozen: tuple[str, ...] = (), spikes: tuple[str, Array] | None = None
    ) -> None:
        self.program, self.frozen, self.spikes = program, frozen, spikes
        self.simulator = Simulator(program, frozen=frozen)
        self.nodes = {n.name: n for n in program.nodes}
        self.errors = {n.name: np.zeros(program.shape(n)) for n in program.of_kind("state")}
        self.steps = 0
        # (step, index...) of spikes whose distance to the threshold does not exceed the membrane's proved error
        self.close: list[tuple[int, ...]] = []

    def step(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, Array]]:
        """Run one step; returns stored values and bounds by name."""
        values = self.simulator.step(inputs)
        bounds: dict[str, Array] = {}
        for node in self.program.nodes:
            shape = self.program.shape(node)
            if node.kind == "state":
                bounds[node.name] = self.errors[node.name]
            elif node.kind == "constant":
                stored = value_of(node, values[node.name])
                real = np.array([float(r) for r in node.real]).reshape(shape)
                bounds[node.name] = np.abs(stored - real) + UNIT * np.abs(real)
            elif node.kind in ("input", "random"):
                bounds[node.name] = np.zeros(shape)
            elif node.kind == "rename":
                bounds[node.name] = bounds[node.args[0]]
            else:
                bounds[node.name] = self._operation(node, values, bounds)
        for name, source in self.program.next.items():
            if name not in self.frozen:
                own = self.nodes[source].axes
                self.errors[name] = bounds[source].transpose([own.index(a) for a in self.nodes[name].axes])
        self.steps += 1
        return values, bounds

    def _operation(self, node: Node, values: Mapping[str, Array], bounds: Mapping[str, Array]) -> Array:
        stored = self.simulator.aligned(node, values)
        args = [value_of(self.nodes[a], stored[a]) for a in node.args]
        errors = [self.simulator.aligned(node, bounds)[a] for a in node.args]
        kind = node.kind
        if kind in ("ge", "gt"):
            return np.asarray(self._decision(node, args, errors, values), dtype=float)
        if kind == "sign":
            return np.where(np.abs(args[0]) > errors[0], 0.0, np.where(errors[0] > 0, 2.0, 0.0))
        if kind == "bernoulli":
            return np.ones(self.program.shape(node))
        terms = np.abs(args[0])
        if kind == "mul":
            exact = args[0] * args[1]
            grown = terms * errors[1] + np.abs(args[1]) * errors[0] + errors[0] * errors[1]
            terms = np.abs(exact)
        elif kind == "sum":
            exact, grown, terms = args[0].sum(-1), errors[0].sum(-1), terms.sum(-1) * args[0].shape[-1]
        elif kind in ("add", "sub"):
            exact = args[0] + args[1] if kind == "add" else args[0] - args[1]
            grown, terms = errors[0] + errors[1], terms + np.abs(args[1])
        elif kind == "select":
            chosen = args[0] == 1
            exact, grown = np.where(chosen, args[1], args[2]), np.where(chosen, errors[1], errors[2])
            other = np.maximum(errors[1], errors[2]) + np.abs(args[1] - args[2])
            grown, terms = np.where(errors[0] > 0, other, grown), 0 * terms
        elif kind in ("min", "max"):
            exact, grown = (np.minimum if kind == "min" else np.maximum)(*args), np.maximum(*errors)
        else:
            scale = 2.0**node.shift
            exact, grown = (terms if kind == "abs" else args[0]) * scale, errors[0] * scale
        local = np.abs(value_of(node, values[node.name]) - exact) + 4 * UNIT * terms
        return (grown + local) * (1 + 8 * UNIT)  # the bound's own arithmetic rounds as well

    def _decision(
        self, node: Node, args: Sequence[Array], errors: Sequence[Array], values: Mapping[str, Array]
    ) -> Array:
        distance, error = args[0] - args[1], errors[0] + errors[1]
        # a >= b survives an error up to its distance; equality survives where nothing is in error
        holds = (distance >= error) if node.kind == "ge" else (distance > error)
        open_ = ~(np.where(distance >= 0, holds, -distance > error) | (error == 0))
        if self.spikes is not None and self.spikes[0] == node.name:
            self.close += [(self.steps, *map(int, at)) for at in np.argwhere(open_)]
            return values[node.name] != self.spikes[1][self.steps]
        return open_
