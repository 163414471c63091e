"""Writing descriptions: a builder that names every intermediate and checks what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from gradcert.hardware_models.arithmetic import FloatFormat, Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.description.program import OPERATIONS, AnyFormat, Node, Numeric, Program
from gradcert.reference.errors import GradcertError

BIT = Numeric(Format(False, 1, 0))


def _drops_bits(kind: str, args: tuple[Node, ...], shift: int, numeric: Numeric) -> bool:
    """Return whether the exact result has more fraction bits than its format: else no rounding and no random word."""
    formats = [n.numeric.format for n in (args[1:] if kind == "select" else args)]
    if not isinstance(numeric.format, Format):
        return True
    radixes = [f.radix for f in formats if isinstance(f, Format)]
    if len(radixes) < len(formats) or kind in ("ge", "gt", "sign", "bernoulli"):
        return False
    return (sum(radixes) if kind == "mul" else max(radixes)) - shift > numeric.format.radix


class Builder:
    """Collects the nodes of one program, in order of operation.

    Examples
    --------
    >>> b = Builder("leak", {})
    >>> state = b.state("e", Format.parse("u8q4"))
    >>> leak = b.constant("a", Format.parse("u8q8"), Fraction(9, 10))
    >>> b.next(state, b.mul("e.next", leak, state, Numeric(Format.parse("u8q4"))))
    >>> [n.name for n in b.program().operations]
    ['e.next']
    """

    def __init__(self, name: str, sizes: Mapping[str, int]) -> None:
        self.name, self.sizes = name, dict(sizes)
        self._nodes: dict[str, Node] = {}
        self._next: dict[str, str] = {}
        self._initial: dict[str, int] = {}
        self._notes: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name]

    def _add(self, node: Node) -> Node:
        if node.name in self._nodes:
            raise GradcertError(f"two nodes called {node.name!r}", do="give each intermediate its own name")
        if any(a not in self.sizes for a in node.axes):
            raise GradcertError(f"axes {node.axes}", allowed=str(tuple(self.sizes)), do="declare the axis size")
        self._nodes[node.name] = node
        return node

    def input(
        self, name: str, fmt: AnyFormat, axes: tuple[str, ...] = (), *, low: int | None = None, high: int | None = None
    ) -> Node:
        """Declare an input and the range of its stored integer."""
        return self._add(Node(name, "input", Numeric(fmt), axes=axes, low=low, high=high))

    def random(self, name: str, source: Stochastic, axes: tuple[str, ...] = ()) -> Node:
        """Declare a random word; zero is excluded where it would round up and the generator never gives it."""
        fmt = Format(False, source.bits, 0)
        return self._add(
            Node(name, "random", Numeric(fmt, source=source), axes=axes, low=int(not (source.strict or source.zero)))
        )

    def state(
        self,
        name: str,
        fmt: AnyFormat,
        axes: tuple[str, ...] = (),
        *,
        initial: int = 0,
        low: int | None = None,
        high: int | None = None,
    ) -> Node:
        """Declare a register and its initial stored integer."""
        self._initial[name] = initial
        return self._add(Node(name, "state", Numeric(fmt), axes=axes, low=low, high=high))

    def next(self, state: Node, value: Node) -> None:
        """Say which node a state takes at the end of the step: same axes (in any order) and same format."""
        if set(state.axes) != set(value.axes) or state.numeric.format != value.numeric.format:
            raise GradcertError(
                f"state {state.name} {state.axes} {state.numeric.format} fed by {value.name} {value.axes} "
                f"{value.numeric.format}",
                allowed="the same axes and format",
                do="cast, sum or select first",
            )
        self._next[state.name] = value.name

    def constant(
        self,
        name: str,
        fmt: AnyFormat,
        real: Fraction | int | Sequence[Fraction | int],
        axes: tuple[str, ...] = (),
    ) -> Node:
        """Declare a constant by its real value; it is stored rounded to nearest (ties to even), which must fit."""
        values = tuple(Fraction(v) for v in (real if isinstance(real, Sequence) else (real,)))
        if isinstance(fmt, FloatFormat):
            return self._add(Node(name, "constant", Numeric(fmt), axes=axes, real=values))
        stored = tuple(round(v / fmt.ulp) for v in values)
        if any(not fmt.low <= s <= fmt.high for s in stored):
            raise GradcertError(f"constant {name} = {values} in {fmt}", do="use a wider format or another radix")
        return self._add(Node(name, "constant", Numeric(fmt), axes=axes, stored=stored, real=values))

    def _operation(
        self,
        kind: str,
        name: str,
        args: tuple[Node, ...],
        numeric: Numeric,
        *,
        axes: tuple[str, ...] | None = None,
        held: Node | None = None,
        shift: int = 0,
        axis: str | None = None,
    ) -> Node:
        assert kind in OPERATIONS
        if axes is None:
            reach = args if held is None else (*args, held)
            axes = tuple(dict.fromkeys(a for arg in reach for a in arg.axes))
        if not _drops_bits(kind, args, shift, numeric):
            numeric = replace(numeric, rounding=Rounding.FLOOR, source=None, shared=())
        word = None
        if numeric.rounding is Rounding.STOCHASTIC:
            if numeric.source is None:
                raise GradcertError(f"{name} rounds stochastically without a source", do="give Numeric a source")
            word_axes = tuple(a for a in axes if a not in numeric.shared)
            word = self.random(f"{name}.word", numeric.source, word_axes).name
        if numeric.overflow is Overflow.HOLD and held is None:
            raise GradcertError(f"{name} holds on overflow without an old value", do="pass held=")
        names = tuple(a.name for a in args)
        held_name = held.name if held is not None and numeric.overflow is Overflow.HOLD else None
        return self._add(Node(name, kind, numeric, names, axes, word, held_name, shift, axis=axis))

    def add(self, name: str, a: Node, b: Node, numeric: Numeric, *, held: Node | None = None) -> Node:
        """Return a + b."""
        return self._operation("add", name, (a, b), numeric, held=held)

    def sub(self, name: str, a: Node, b: Node, numeric: Numeric, *, held: Node | None = None) -> Node:
        """Return a - b."""
        return self._operation("sub", name, (a, b), numeric, held=held)

    def mul(self, name: str, a: Node, b: Node, numeric: Numeric) -> Node:
        """Return a * b."""
        return self._operation("mul", name, (a, b), numeric)

    def minimum(self, name: str, a: Node, b: Node, numeric: Numeric) -> Node:
        """Return the smaller of a and b."""
        return self._operation("min", name, (a, b), numeric)

    def maximum(self, name: str, a: Node, b: Node, numeric: Numeric) -> Node:
        """Return the larger of a and b."""
        return self._operation("max", name, (a, b), numeric)

    def abs(self, name: str, a: Node, numeric: Numeric) -> Node:
        """Return |a|."""
        return self._operation("abs", name, (a,), numeric)

    def sign(self, name: str, a: Node) -> Node:
        """Return -1, 0 or 1."""
        return self._operation("sign", name, (a,), Numeric(Format(True, 2, 0)))

    def shift(self, name: str, a: Node, k: int, numeric: Numeric) -> Node:
        """Return a * 2**k."""
        return self._operation("shift", name, (a,), numeric, shift=k)

    def cast(self, name: str, a: Node, numeric: Numeric, *, held: Node | None = None) -> Node:
        """Return a in another format."""
        return self._operation("cast", name, (a,), numeric, held=held)

    def ge(self, name: str, a: Node, b: Node) -> Node:
        """Return 1 where a >= b."""
        return self._operation("ge", name, (a, b), BIT)

    def gt(self, name: str, a: Node, b: Node) -> Node:
        """Return 1 where a > b."""
        return self._operation("gt", name, (a, b), BIT)

    def select(self, name: str, condition: Node, then: Node, otherwise: Node, numeric: Numeric) -> Node:
        """Return `then` where the condition is 1."""
        return self._operation("select", name, (condition, then, otherwise), numeric)

    def sum(self, name: str, a: Node, axis: str, numeric: Numeric) -> Node:
        """Return the sum over one axis, accumulated from the first element, each partial sum stored."""
        return self._operation("sum", name, (a,), numeric, axes=tuple(x for x in a.axes if x != axis), axis=axis)

    def rename(self, name: str, a: Node, axes: tuple[str, ...]) -> Node:
        """Return a seen along other axes of the same sizes (a spike as a neuron's output.

        Then as a synapse's input).
        """
        if tuple(self.sizes[x] for x in a.axes) != tuple(self.sizes[x] for x in axes):
            raise GradcertError(f"{name}: axes {a.axes} renamed to {axes}", do="use axes of equal sizes")
        return self._operation("rename", name, (a,), Numeric(a.numeric.format), axes=axes)

    def bernoulli(self, name: str, magnitude: Node, word: Node) -> Node:
        """Return 1 with the probability that the magnitude stands for."""
        return self._operation("bernoulli", name, (magnitude, word), BIT)

    def note(self, text: str) -> None:
        """Add a sentence to the description."""
        self._notes.append(text)

    def program(self) -> Program:
        """Return the finished program."""
        missing = [n for n, node in self._nodes.items() if node.kind == "state" and n not in self._next]
        if missing:
            raise GradcertError(f"states without a next value: {missing}", do="call next() for each")
        return Program(
            self.name, self.sizes, tuple(self._nodes.values()), self._next, self._initial, tuple(self._notes)
        )
