"""Running error bounds and the margin certificate of a run.

Alongside a fixed-point run, a bound on |fixed - real| is carried through every intermediate, in exact rationals. A
comparison whose distance exceeds the bound of its operands comes out the same in the real-valued rule: certified.
Where it
does not, the (step, comparison) is listed; from there on the bounds hold on the assumption that it came out the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from gradcert.hardware_models.description.oracle import Oracle
from gradcert.hardware_models.description.program import Node, Program
from gradcert.hardware_models.description.random import flatten


@dataclass(frozen=True)
class Close:
    """A comparison that is not certified: step, name, distance of the operands and proved error of that distance."""

    step: int
    name: str
    distance: Fraction
    error: Fraction


@dataclass
class Margin:
    """Result of `certify_run`: uncertified comparisons, and the error bound of every intermediate after each step."""

    close: list[Close] = field(default_factory=list)
    bounds: list[dict[str, Fraction]] = field(default_factory=list)
    values: list[dict[str, Fraction]] = field(default_factory=list)

    @property
    def certified(self) -> bool:
        """Whether every comparison of the run is certified, so that all bounds are unconditional."""
        return not self.close


def certify_run(
    program: Program,
    inputs: Sequence[Mapping[str, Any]],
    *,
    frozen: tuple[str, ...] = (),
    start: Mapping[str, Any] | None = None,
) -> Margin:
    """Run a fixed-point description and bound its distance from the real-valued rule, intermediate by intermediate.

    Parameters
    ----------
    program : the description; random updates by probability have no real-valued counterpart per step and get a bound
        of one.
    inputs : stored integers per step, as for the simulator.
    frozen : states that keep their value.
    start : stored integers, as arrays by name, of states that do not start at their initial value (trained weights).

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> unit = trace_unit(Format.parse("u12q4"), leak=0.9, increment=16)
    >>> run = certify_run(unit, [{"spike": 1}, {"spike": 0}])
    >>> run.certified, float(run.bounds[-1]["e.next"]) < 1 / 16 + 1e-3
    (True, True)
    """
    oracle = Oracle(program, frozen=frozen)
    nodes = {n.name: n for n in oracle.flat.nodes}
    for name, stored in flatten(program, start or {}).items():
        oracle.state[name] = nodes[name].format.value(int(stored))
    errors: dict[str, Fraction] = {n.name: Fraction(0) for n in oracle.flat.of_kind("state")}
    out = Margin()
    for step, one in enumerate(inputs):
        values = oracle.step(flatten(program, one))
        bound: dict[str, Fraction] = {}
        for node in oracle.flat.nodes:
            if node.kind == "state":
                bound[node.name] = errors[node.name]
            elif node.kind == "constant":
                bound[node.name] = abs(node.format.value(node.stored[0]) - node.real[0])
            elif node.kind in ("input", "random"):
                bound[node.name] = Fraction(0)
            else:
                bound[node.name] = _bound(node, nodes, values, bound, step, out)
        for name, source in oracle.flat.next.items():
            if name.partition("[")[0] not in frozen:
                errors[name] = bound[source]
        out.bounds.append(bound)
        out.values.append(values)
    return out


def _bound(
    node: Node,
    nodes: Mapping[str, Node],
    values: Mapping[str, Fraction],
    bound: Mapping[str, Fraction],
    step: int,
    out: Margin,
) -> Fraction:
    args = [values[a] for a in node.args]
    errors = [bound[a] for a in node.args]
    kind = node.kind
    if kind in ("ge", "gt"):
        distance, error = args[0] - args[1], errors[0] + errors[1]
        # a >= b survives an error up to its margin; equality of margin and error survives only where the sign allows it
        safe = distance - error >= 0 if distance >= 0 and kind == "ge" else abs(distance) > error or error == 0
        if not safe:
            out.close.append(Close(step, node.name, distance, error))
        return Fraction(0)
    if kind == "sign":
        if abs(args[0]) <= errors[0] and errors[0]:
            out.close.append(Close(step, node.name, args[0], errors[0]))
        return Fraction(0)
    if kind == "bernoulli":
        return Fraction(1)
    if kind == "mul":
        grown = abs(args[0]) * errors[1] + abs(args[1]) * errors[0] + errors[0] * errors[1]
        exact = args[0] * args[1]
    elif kind == "select":
        chosen = 1 if args[0] == 1 else 2
        grown, exact = errors[chosen], args[chosen]
    elif kind in ("min", "max"):
        grown, exact = max(errors), min(args) if kind == "min" else max(args)
    elif kind in ("add", "sub"):
        grown, exact = sum(errors, Fraction(0)), args[0] + args[1] if kind == "add" else args[0] - args[1]
    else:
        scale = Fraction(2) ** node.shift
        grown, exact = errors[0] * scale, (abs(args[0]) if kind == "abs" else args[0]) * scale
    # what rounding and overflow did here is known exactly: this run's own values
    return grown + abs(values[node.name] - exact)
