"""Solver terms of a description: over Int (or Real, for the real-valued rule) and over bit-vectors.

Int is the language of proofs: ranges, error bounds, conservation. Bit-vectors are for what is about bits: wrap, masks,
sign tests, concrete counterexamples, agreement with RTL (hardware.md 5, method to adopt).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from gradcert.hardware_models.arithmetic import Overflow, Rounding, aligned_fraction, bottom
from gradcert.hardware_models.description.program import Node, Program, elaborate
from gradcert.hardware_models.description.ranges import Range, exact, rounded
from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install

try:
    import z3
except ImportError as error:  # pragma: no cover - one sentence instead of a traceback deep inside a proof
    raise GradcertError("z3-solver is not installed", do=install("smt")) from error

NEAREST = tuple(mode for mode in Rounding if mode.value.startswith("nearest"))


@dataclass(frozen=True)
class Terms:
    """One step as solver terms.

    `values` holds every intermediate's stored integer, `overflow` the condition under which a value did not fit (absent
    where the static range fits), `assume` the declared ranges of inputs and words and side conditions of products.
    """

    program: Program
    values: dict[str, Any] = field(default_factory=dict)
    overflow: dict[str, Any] = field(default_factory=dict)
    assume: list[Any] = field(default_factory=list)

    def next(self) -> dict[str, Any]:
        """Return the next value of every state."""
        return {state: self.values[source] for state, source in self.program.next.items()}


def int_step(
    program: Program,
    *,
    prefix: str = "",
    state: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    box: Mapping[str, Range] | None = None,
    unlimited: Collection[str] = (),
) -> Terms:
    """Return one step over Int.

    Parameters
    ----------
    program : a fixed-point description.
    prefix : put before the names of fresh variables (one per step, when steps are chained).
    state, inputs : terms to use instead of fresh variables.
    box : ranges of all intermediates; where given, a product of two variables is a fresh variable within its McCormick
        envelope and rounding to nearest any integer within half an ulp (sound, linear abstractions), else all is exact.
    unlimited : elaborated names of operations whose value is taken as it is before overflow; `overflow` still says when
        that would not fit, and whoever asks for this has to assume that it does.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> step = int_step(trace_unit(Format.parse("u4q0"), leak=0.5, increment=3))
    >>> step.values["e.next"].sort()
    Int
    """
    flat = elaborate(program)
    nodes = {n.name: n for n in flat.nodes}
    out = Terms(flat)
    for node in flat.nodes:
        name = node.name
        if node.kind == "constant":
            out.values[name] = z3.IntVal(node.stored[0])
        elif node.kind in ("input", "random", "state"):
            given = (state if node.kind == "state" else inputs) or {}
            out.values[name] = given[name] if name in given else z3.Int(prefix + name)
            if node.kind != "state":
                low, high = node.bounds
                out.assume.extend([out.values[name] >= low, out.values[name] <= high])
        else:
            _operate(node, nodes, out, _IntAlgebra(), box, prefix, limited=name not in unlimited)
    return out


def bit_step(
    program: Program,
    *,
    prefix: str = "",
    state: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Terms:
    """Return one step over bit-vectors, every operand sign-extended to one common width that loses nothing.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> bit_step(trace_unit(Format.parse("u4q0"), leak=0.5, increment=3)).values["e.next"].sort()
    BitVec(22)
    """
    flat = elaborate(program)
    nodes = {n.name: n for n in flat.nodes}
    algebra = _BitAlgebra(common_width(flat))
    out = Terms(flat)
    for node in flat.nodes:
        name = node.name
        if node.kind == "constant":
            out.values[name] = z3.BitVecVal(node.stored[0], algebra.width)
        elif node.kind in ("input", "random", "state"):
            given = (state if node.kind == "state" else inputs) or {}
            out.values[name] = given[name] if name in given else z3.BitVec(prefix + name, algebra.width)
            low, high = node.bounds if node.kind != "state" else (node.format.low, node.format.high)
            out.assume.extend([out.values[name] >= low, out.values[name] <= high])
        else:
            _operate(node, nodes, out, algebra, None, prefix)
    return out


def common_width(flat: Program) -> int:
    """Return a width that holds every exact intermediate, aligned and with room for a rounding."""
    nodes = {n.name: n for n in flat.nodes}
    widest = 2
    for node in flat.nodes:
        widest = max(widest, node.format.width + 1)
        if node.args:
            known = {a: (nodes[a], (nodes[a].format.low, nodes[a].format.high)) for a in node.args}
            result = exact(node, known)
            grown = (result.low, result.high, *rounded(result, node))
            spread = 0 if node.kind == "mul" else _spread([nodes[a] for a in node.args])
            aligned = max(nodes[a].format.width for a in node.args) + spread
            source = node.numeric.source
            widest = max(
                widest,
                2 + max(abs(g).bit_length() for g in grown),
                aligned + 2,
                0 if source is None else source.bits + 2,
                node.format.width + 2,
            )
    return widest


def _spread(operands: list[Node]) -> int:
    radixes = [n.format.radix for n in operands]
    return max(radixes) - min(radixes)


class _IntAlgebra:
    """Integers: shifting right is division by a positive constant, which SMT-LIB defines as floor."""

    def left(self, x: Any, k: int) -> Any:
        return x * (1 << k) if k else x

    def floor(self, x: Any, k: int) -> Any:
        return x / (1 << k)

    def dropped(self, x: Any, k: int) -> Any:
        return x % (1 << k)

    def wrap(self, x: Any, node: Node) -> Any:
        return (x - node.format.low) % (1 << node.format.width) + node.format.low

    def one(self, condition: Any) -> Any:
        return z3.If(condition, 1, 0)

    def constant(self, x: int) -> Any:
        return z3.IntVal(x)


class _BitAlgebra:
    """Signed bit-vectors of one width."""

    def __init__(self, width: int) -> None:
        self.width = width

    def left(self, x: Any, k: int) -> Any:
        return x << k if k else x

    def floor(self, x: Any, k: int) -> Any:
        return x >> k  # arithmetic, on z3's signed bit-vectors

    def dropped(self, x: Any, k: int) -> Any:
        return x & ((1 << k) - 1)

    def wrap(self, x: Any, node: Node) -> Any:
        low = z3.Extract(node.format.width - 1, 0, x)
        extend = z3.SignExt if node.format.signed else z3.ZeroExt
        return extend(self.width - node.format.width, low)

    def one(self, condition: Any) -> Any:
        return z3.If(condition, z3.BitVecVal(1, self.width), z3.BitVecVal(0, self.width))

    def constant(self, x: int) -> Any:
        return z3.BitVecVal(x, self.width)


def fixed_operation(node: Node, nodes: Mapping[str, Node], out: Terms) -> None:
    """Add one fixed-point operation over Int to a step that is built elsewhere (see `float_terms`)."""
    _operate(node, nodes, out, _IntAlgebra(), None, "")


def _operate(
    node: Node,
    nodes: Mapping[str, Node],
    out: Terms,
    algebra: Any,
    box: Mapping[str, Range] | None,
    prefix: str,
    *,
    limited: bool = True,
) -> None:
    args = [out.values[a] for a in node.args]
    operands = [nodes[a] for a in node.args]
    raw, radix = _raw(node, operands, args, algebra)
    if node.kind == "mul" and box is not None and not any(n.kind == "constant" for n in operands):
        raw = z3.Int(f"{prefix}{node.name}.product")
        out.assume.extend(_envelope(raw, args[0], args[1], box[node.args[0]], box[node.args[1]]))
    shift = radix - node.format.radix
    word = None if node.word is None else out.values[node.word]
    if shift <= 0:
        exact_stored = algebra.left(raw, -shift)
    elif box is not None and node.numeric.rounding in NEAREST:
        # sound and linear: some integer within half an ulp, whatever the tie rule
        exact_stored = z3.Int(f"{prefix}{node.name}.rounded")
        gap = 2 * (raw - exact_stored * (1 << shift))
        out.assume.extend([gap <= 1 << shift, -gap <= 1 << shift])
    else:
        exact_stored = _round(raw, shift, node, word, algebra)
    low, high = bottom(node.format, node.numeric.overflow), node.format.high
    bounds = rounded(exact(node, {n.name: (n, (n.format.low, n.format.high)) for n in operands}), node)
    if low <= bounds[0] and bounds[1] <= high:
        out.values[node.name] = exact_stored
        return
    outside = z3.Or(exact_stored < low, exact_stored > high)
    out.overflow[node.name] = outside
    if not limited:
        out.values[node.name] = exact_stored
        return
    if node.numeric.overflow in (Overflow.SATURATE, Overflow.SYMMETRIC):
        most, least = algebra.constant(high), algebra.constant(low)
        fitted = z3.If(exact_stored > high, most, z3.If(exact_stored < low, least, exact_stored))
    elif node.numeric.overflow is Overflow.WRAP:
        fitted = algebra.wrap(exact_stored, node)
    else:
        assert node.held is not None
        fitted = z3.If(outside, out.values[node.held], exact_stored)
    out.values[node.name] = fitted


def _raw(node: Node, operands: list[Node], args: list[Any], algebra: Any) -> tuple[Any, int]:
    """Return the exact result and its fraction bits."""
    radixes = [n.format.radix for n in operands]
    kind = node.kind
    if kind == "mul":
        return args[0] * args[1], sum(radixes)
    if kind == "bernoulli":
        return algebra.one(args[0] >= args[1]), 0
    if kind == "sign":
        return algebra.one(args[0] > 0) - algebra.one(args[0] < 0), 0
    if kind == "abs":
        return z3.If(args[0] < 0, -args[0], args[0]), radixes[0]
    if kind in ("cast", "shift"):
        return args[0], radixes[0] - node.shift
    if kind == "select":
        radix = max(radixes[1:])
        then, otherwise = (algebra.left(a, radix - q) for a, q in zip(args[1:], radixes[1:], strict=True))
        return z3.If(args[0] == 1, then, otherwise), radix
    radix = max(radixes)
    a, b = (algebra.left(x, radix - q) for x, q in zip(args, radixes, strict=True))
    if kind in ("ge", "gt"):
        return algebra.one(a >= b if kind == "ge" else a > b), 0
    if kind in ("min", "max"):
        return z3.If(a <= b if kind == "min" else a >= b, a, b), radix
    return (a + b if kind == "add" else a - b), radix


def _round(x: Any, shift: int, node: Node, word: Any, algebra: Any) -> Any:
    mode, half = node.numeric.rounding, 1 << (shift - 1)
    if mode is Rounding.FLOOR:
        return algebra.floor(x, shift)
    if mode in (Rounding.NEAREST_UP, Rounding.NEAREST_DOWN):
        return algebra.floor(x + (half - int(mode is Rounding.NEAREST_DOWN)), shift)
    floor, dropped = algebra.floor(x, shift), algebra.dropped(x, shift)
    if mode is Rounding.STOCHASTIC:
        source = node.numeric.source
        assert source is not None
        if source.bits >= shift:
            aligned = algebra.left(dropped, source.bits - shift)
        else:
            aligned = algebra.floor(dropped, shift - source.bits)
        up = aligned > word if source.strict else aligned >= word
        return floor + algebra.one(z3.And(up, floor != 0) if source.hold_zero else up)
    if mode in (Rounding.TOWARD_ZERO, Rounding.AWAY):
        return floor + algebra.one(z3.And(dropped != 0, x < 0 if mode is Rounding.TOWARD_ZERO else x > 0))
    tie = {
        Rounding.NEAREST_EVEN: algebra.dropped(floor, 1) == 1,
        Rounding.NEAREST_AWAY: x > 0,
        Rounding.NEAREST_ZERO: x < 0,
    }[mode]
    return floor + algebra.one(z3.Or(dropped > half, z3.And(dropped == half, tie)))


def _envelope(p: Any, a: Any, b: Any, ra: Range, rb: Range) -> list[Any]:
    """McCormick's four planes around p = a b on a box."""
    (la, ha), (lb, hb) = ra, rb
    return [
        p >= la * b + lb * a - la * lb,
        p >= ha * b + hb * a - ha * hb,
        p <= ha * b + lb * a - ha * lb,
        p <= la * b + hb * a - la * hb,
    ]


def real_step(
    program: Program,
    *,
    prefix: str = "real.",
    state: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any],
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the real-valued rule over Real, in units of value (not of ulp); random words have no part in it.

    Parameters
    ----------
    program : a description; of a floating-point one the values are meant.
    prefix, state : names for, or terms of, the states.
    inputs : stored integers (Int terms) or values (Real terms) by elaborated name.
    given : terms to use for some operations instead of computing them: spikes and slopes that are known to agree. A
        function is called with the values so far.
    """
    flat = elaborate(program)
    values: dict[str, Any] = {}
    for node in flat.nodes:
        if node.kind == "constant":
            real = node.real[0]
            values[node.name] = z3.Q(real.numerator, real.denominator)
        elif node.kind == "state":
            values[node.name] = (state or {}).get(node.name, z3.Real(prefix + node.name))
        elif node.kind == "input":
            value, ulp = inputs[node.name], getattr(node.numeric.format, "ulp", Fraction(1))
            values[node.name] = value if z3.is_real(value) else z3.ToReal(value) * z3.Q(ulp.numerator, ulp.denominator)
        elif given is not None and node.name in given:
            known = given[node.name]
            values[node.name] = known(values) if callable(known) else known
        elif node.kind != "random":
            values[node.name] = _real(node, [values[a] for a in node.args if a in values])
    return values


def _real(node: Node, args: list[Any]) -> Any:
    kind, zero, one = node.kind, z3.RealVal(0), z3.RealVal(1)
    if kind in ("cast", "bernoulli"):
        return args[0]
    if kind == "shift":
        return args[0] * z3.Q(1 << max(node.shift, 0), 1 << max(-node.shift, 0))
    if kind == "sign":
        return z3.If(args[0] > 0, one, z3.If(args[0] < 0, -one, zero))
    if kind == "abs":
        return z3.If(args[0] < 0, -args[0], args[0])
    if kind == "select":
        return z3.If(args[0] == 1, args[1], args[2])
    a, b = args
    if kind in ("ge", "gt"):
        return z3.If(a >= b if kind == "ge" else a > b, one, zero)
    if kind in ("min", "max"):
        return z3.If(a <= b if kind == "min" else a >= b, a, b)
    return a + b if kind == "add" else a - b if kind == "sub" else a * b


__all__ = ["Terms", "aligned_fraction", "bit_step", "common_width", "fixed_operation", "int_step", "real_step"]
