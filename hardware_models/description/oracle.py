"""The Fraction oracle, and the real-valued rule: the same description on exact numbers, with and without quantisation.

`quantised=True` computes what the hardware does, on Fraction values instead of stored integers. `quantised=False` drops
every rounding and every overflow and takes constants at their real values: the rule that the hardware stands for. The
real-valued rule also runs on balls (python-flint `arb`), where long runs would make Fractions grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from gradcert.hardware_models.arithmetic import FloatFormat, Format, Overflow, quantise_fraction
from gradcert.hardware_models.description.program import Node, Program, elaborate
from gradcert.reference.errors import GradcertError

SMALL = 12  # bits of operands up to which a node's results are remembered


def ball(value: Fraction) -> Any:
    """Return an `arb` ball that contains a Fraction (exactly, where the precision allows)."""
    try:
        import flint
    except ImportError as error:
        raise GradcertError("python-flint is not installed", do="pip install python-flint") from error
    return flint.arb(flint.fmpq(value.numerator, value.denominator))


@dataclass
class Oracle:
    """Runs the elaborated program on numbers, one scalar at a time.

    Parameters
    ----------
    program : the description, with or without axes.
    quantised : whether roundings and overflows act.
    number : turns a Fraction into the number used, `Fraction` itself or `ball` (real-valued rule only).
    frozen : names of states (before elaboration) that keep their value.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> unit = trace_unit(Format.parse("u12q0"), leak_bits=8, leak=0.5, increment=8)
    >>> exact, real = Oracle(unit), Oracle(unit, quantised=False)
    >>> [str(o.step({"spike": s})["e.next"]) for s in (1, 0, 0, 0, 0) for o in (exact, real)]
    ['8', '8', '4', '4', '2', '2', '1', '1', '0', '1/2']
    """

    program: Program
    quantised: bool = True
    number: Any = Fraction
    frozen: tuple[str, ...] = ()
    overflowed: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.flat = elaborate(self.program)
        self.steps = 0
        self._nodes = {n.name: n for n in self.flat.nodes}
        fixed = [n for n in self.flat.operations if isinstance(n.numeric.format, Format)]
        self._radixes = {n.name: self._radix(n) for n in fixed}
        self.state: dict[str, Any] = {}
        for node in self.flat.of_kind("state"):
            start = self.flat.initial[node.name]
            fmt = node.numeric.format
            self.state[node.name] = self.number(start * (1 if isinstance(fmt, FloatFormat) else fmt.ulp))

    def step(self, inputs: Mapping[str, int | Fraction]) -> dict[str, Any]:
        """Run one step. Inputs are stored integers by elaborated name (`x[0,1]`), values for floating-point nodes."""
        values: dict[str, Any] = {}
        words: dict[str, int] = {}
        for node in self.flat.nodes:
            if node.kind == "state":
                values[node.name] = self.state[node.name]
            elif node.kind == "constant":
                values[node.name] = self._constant(node)
            elif node.kind in ("input", "random"):
                given = inputs[node.name]
                if node.kind == "random":
                    words[node.name] = int(given)
                values[node.name] = self.number(Fraction(given) * self._scale(node))
            else:
                drawn = words[node.args[1]] if node.kind == "bernoulli" else words.get(node.word or "")
                held = None if node.held is None else values[node.held]
                values[node.name] = self._operate(node, [values[a] for a in node.args], drawn, held)
        for name, source in self.flat.next.items():
            if name.partition("[")[0] not in self.frozen:
                self.state[name] = values[source]
        self.steps += 1
        return values

    def columns(self, leaves: Mapping[str, Sequence[int]]) -> dict[str, list[Any]]:
        """Run independent steps: every leaf, states included, has a column of stored integers, one per step.

        Nodes with few bits of operands are computed once per value.
        """
        steps = len(next(iter(leaves.values())))
        out: dict[str, list[Any]] = {}
        for node in self.flat.nodes:
            if node.kind == "constant":
                out[node.name] = [self._constant(node)] * steps
            elif node.kind in ("input", "random", "state"):
                scale = self._scale(node)
                known = {stored: self.number(Fraction(stored) * scale) for stored in set(leaves[node.name])}
                out[node.name] = [known[stored] for stored in leaves[node.name]]
            else:
                names = [*node.args, *(n for n in (node.held,) if n is not None)]
                drawn = [node.word] if node.word is not None else node.args[1:] if node.kind == "bernoulli" else []
                rows = zip(*(out[n] for n in names), *(leaves[n] for n in drawn), strict=True)
                out[node.name] = self._column(node, rows, len(node.args), node.held is not None, bool(drawn))
        return out

    def _column(self, node: Node, rows: Iterable[tuple[Any, ...]], count: int, held: bool, drawn: bool) -> list[Any]:
        def one(row: tuple[Any, ...]) -> Any:
            return self._operate(node, row[:count], int(row[-1]) if drawn else None, row[count] if held else None)

        operands = [self._nodes[n] for n in (*node.args, *(x for x in (node.word, node.held) if x is not None))]
        formats = [n.numeric.format for n in operands if n.kind != "constant"]
        if sum(f.width if isinstance(f, Format) else SMALL + 1 for f in formats) > SMALL:
            return [one(row) for row in rows]
        known: dict[tuple[Any, ...], Any] = {}
        column = []
        for row in rows:  # hashing a Fraction costs more than most operations: worth it for spikes and heights only
            if row not in known:
                known[row] = one(row)
            column.append(known[row])
        return column

    def _constant(self, node: Node) -> Any:
        fmt = node.numeric.format
        exact = fmt.round(node.real[0]) if isinstance(fmt, FloatFormat) else fmt.value(node.stored[0])
        return self.number(exact if self.quantised else node.real[0])

    @staticmethod
    def _scale(node: Node) -> Fraction:
        fmt = node.numeric.format
        return Fraction(1) if isinstance(fmt, FloatFormat) else fmt.ulp

    def _operate(self, node: Node, args: Sequence[Any], word: int | None, held: Any) -> Any:
        if node.kind == "bernoulli" and not self.quantised:
            return args[0]
        if node.kind == "bernoulli":
            magnitude = self._nodes[node.args[0]]
            return Fraction(int(args[0] / magnitude.format.ulp >= word))
        exact = _exact(node, args)
        if not self.quantised:
            return exact
        if isinstance(node.numeric.format, FloatFormat):
            return node.numeric.format.round(exact)
        result, overflowed = quantise_fraction(
            exact,
            node.format,
            radix=self._radixes[node.name],
            rounding=node.numeric.rounding,
            overflow=node.numeric.overflow,
            word=word,
            source=node.numeric.source,
            held=held if node.numeric.overflow is Overflow.HOLD else None,
        )
        if overflowed:
            self.overflowed.append((self.steps, node.name))
        return result

    def _radix(self, node: Node) -> int:
        """Fraction bits of the exact result."""
        if node.kind in ("ge", "gt", "sign", "bernoulli"):
            return 0
        radixes = [self._nodes[a].format.radix for a in node.args]
        if node.kind == "mul":
            return sum(radixes)
        if node.kind == "select":
            return max(radixes[1:])
        return max(radixes) - node.shift


def _compare(relation: str, a: Any, b: Any) -> bool:
    """Compare numbers; balls that overlap decide nothing and say so."""
    yes, no = (a >= b, a < b) if relation == "ge" else (a > b, a <= b)
    if not yes and not no:
        raise GradcertError(f"a comparison of overlapping balls {a} and {b}", do="raise flint.ctx.prec")
    return bool(yes)


def _exact(node: Node, args: Sequence[Any]) -> Any:
    kind = node.kind
    if kind in ("add", "sub", "mul"):
        return args[0] + args[1] if kind == "add" else args[0] - args[1] if kind == "sub" else args[0] * args[1]
    if kind in ("min", "max"):
        return args[0] if _compare("ge", args[1], args[0]) == (kind == "min") else args[1]
    if kind == "abs":
        return args[0] if _compare("ge", args[0], 0 * args[0]) else -args[0]
    if kind == "sign":
        zero = 0 * args[0]
        return zero + (int(_compare("gt", args[0], zero)) - int(_compare("gt", zero, args[0])))
    if kind == "shift":
        return args[0] * 2**node.shift if node.shift >= 0 else args[0] / 2**-node.shift
    if kind in ("ge", "gt"):
        return 0 * args[0] + int(_compare(kind, args[0], args[1]))
    if kind == "select":
        return args[1] if args[0] == 1 else args[2]
    assert kind == "cast", kind
    return args[0]
