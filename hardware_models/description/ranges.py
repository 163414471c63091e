"""Exact ranges: what an operation can produce from given ranges of its operands, before rounding and after.

The static width check, the Verilog generator, the solver back ends and the search for invariants all use these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradcert.hardware_models.arithmetic import Overflow, Rounding, bottom
from gradcert.hardware_models.description.program import Node, Program

Range = tuple[int, int]


@dataclass(frozen=True)
class Exact:
    """The exact result of an operation: its fraction bits and the range of its stored integer."""

    radix: int
    low: int
    high: int


def exact(node: Node, args: Mapping[str, tuple[Node, Range]]) -> Exact:
    """Return the exact result of a scalar operation whose operands lie in given ranges of stored integers."""
    operands = [args[a] for a in node.args]
    if node.kind in ("ge", "gt", "bernoulli"):
        return Exact(0, 0, 1)
    if node.kind == "sign":
        (low, high) = operands[0][1]
        return Exact(0, -1 if low < 0 else int(low > 0), 1 if high > 0 else -int(high < 0))
    if node.kind == "select":
        operands = operands[1:]
    radixes = [n.format.radix for n, _ in operands]
    if node.kind == "mul":
        (a, b), (c, d) = (r for _, r in operands)
        corners = (a * c, a * d, b * c, b * d)
        return Exact(sum(radixes), min(corners), max(corners))
    radix = max(radixes)
    ranges = [(r[0] << (radix - q), r[1] << (radix - q)) for (_, r), q in zip(operands, radixes, strict=True)]
    lows, highs = [r[0] for r in ranges], [r[1] for r in ranges]
    if node.kind == "add":
        return Exact(radix, sum(lows), sum(highs))
    if node.kind == "sub":
        return Exact(radix, lows[0] - highs[1], highs[0] - lows[1])
    if node.kind == "abs":
        low = 0 if lows[0] <= 0 <= highs[0] else min(abs(lows[0]), abs(highs[0]))
        return Exact(radix, low, max(abs(lows[0]), abs(highs[0])))
    if node.kind == "shift":
        return Exact(radix - node.shift, lows[0], highs[0])
    if node.kind == "min":
        return Exact(radix, min(lows), min(highs))
    if node.kind == "max":
        return Exact(radix, max(lows), max(highs))
    assert node.kind in ("cast", "select"), node.kind
    return Exact(radix, min(lows), max(highs))


def rounded(result: Exact, node: Node) -> Range:
    """Return the range after rounding to the node's radix, before overflow.

    Any rounding is between floor and ceiling, but for a random word of zero.
    """
    shift = result.radix - node.format.radix
    if shift <= 0:
        return result.low << -shift, result.high << -shift
    mode = node.numeric.rounding
    floor_low, floor_high = result.low >> shift, result.high >> shift
    if mode is Rounding.FLOOR:
        return floor_low, floor_high
    half, ceil_low, ceil_high = 1 << (shift - 1), -(-result.low >> shift), -(-result.high >> shift)
    if mode is Rounding.TOWARD_ZERO:
        return (floor_low if result.low >= 0 else ceil_low), (floor_high if result.high >= 0 else ceil_high)
    if mode is Rounding.AWAY:
        return (ceil_low if result.low > 0 else floor_low), (ceil_high if result.high > 0 else floor_high)
    if mode is Rounding.STOCHASTIC:
        source = node.numeric.source
        held = source is not None and source.hold_zero
        # a word of zero rounds even an exact value up
        top = floor_high + 1 if source is not None and source.zero and not source.strict else ceil_high
        return floor_low, max(floor_high, 0 if held and floor_high == 0 else top)
    return (result.low + half - 1) >> shift, (result.high + half) >> shift


def clipped(bounds: Range, node: Node) -> Range:
    """Return the range after overflow: cut to the format where it saturates.

    The whole format where it wraps or holds.
    """
    low, high = bottom(node.format, node.numeric.overflow), node.format.high
    if low <= bounds[0] and bounds[1] <= high:
        return bounds
    if node.numeric.overflow in (Overflow.SATURATE, Overflow.SYMMETRIC):
        return min(max(bounds[0], low), high), max(min(bounds[1], high), low)
    return low, high


def can_overflow(program: Program) -> list[str]:
    """Return the operations whose rounded result can leave their format, by interval arithmetic over one step.

    Leaves take their declared ranges; what is left out cannot overflow from any state, what is listed perhaps can.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> can_overflow(trace_unit(Format.parse("u8q0"), leak=0.99, increment=8))
    ['e.next']
    """
    found = reaches(program)
    return [
        n.name for n in program.operations if n.name in found
        and (found[n.name][0] < bottom(n.format, n.numeric.overflow) or found[n.name][1] > n.format.high)
    ]  # fmt: skip


def reaches(program: Program) -> dict[str, Range]:
    """Return what each operation can produce before overflow, by interval arithmetic over one step.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> reaches(trace_unit(Format.parse("u8q0"), leak=0.99, increment=8))["e.next"]  # of 8 bits, which end at 255
    (0, 260)
    """
    known: dict[str, tuple[Node, Range]] = {}
    out: dict[str, Range] = {}
    for node in program.nodes:
        if node.kind == "constant":
            bounds = min(node.stored), max(node.stored)
        elif node.kind in ("input", "random", "state"):
            bounds = node.bounds
        elif node.kind == "rename":
            bounds = known[node.args[0]][1]
        else:
            bounds = out[node.name] = _before_overflow(program, node, known)
            bounds = clipped(bounds, node)
        known[node.name] = node, bounds
    return out


def _before_overflow(program: Program, node: Node, known: Mapping[str, tuple[Node, Range]]) -> Range:
    if node.kind != "sum":
        return rounded(exact(node, known), node)
    assert node.axis is not None
    term, (low, high) = known[node.args[0]]
    total = rounded(Exact(term.format.radix, low, high), node)  # every partial sum is rounded, and may overflow
    reach = total
    for _ in range(program.sizes[node.axis] - 1):
        radix = max(node.format.radix, term.format.radix)
        grown = [(x << (radix - node.format.radix)) + (y << (radix - term.format.radix))
                 for x, y in zip(total, (low, high), strict=True)]  # fmt: skip
        total = rounded(Exact(radix, *grown), node)
        reach = min(reach[0], total[0]), max(reach[1], total[1])
    return reach
