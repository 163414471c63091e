"""The declarative description: one learning step as a list of typed intermediates.

A program is data. Every intermediate (node) says what is computed from what, in which format, with which rounding and
overflow, from which random source. The order of the nodes is the order of operations; where a state is read before or
after its update is visible in which name an operation takes. Simulators, oracles, solver terms and Verilog are all
derived from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product

from gradcert.hardware_models.arithmetic import FloatFormat, Format, Overflow, Rounding, Stochastic
from gradcert.reference.errors import GradcertError

LEAVES = ("input", "random", "state", "constant")
OPERATIONS = {
    "add": "a + b",
    "sub": "a - b",
    "mul": "a * b",
    "min": "the smaller of a and b",
    "max": "the larger of a and b",
    "abs": "|a|",
    "sign": "-1, 0 or 1",
    "shift": "a * 2**k",
    "cast": "a, in another format",
    "ge": "1 where a >= b, else 0",
    "gt": "1 where a > b, else 0",
    "select": "b where a is 1, c where it is 0",
    "sum": "the sum over one axis, element by element from the first, each partial sum in the node's format",
    "rename": "a, seen along other axes",
    "bernoulli": "1 where the stored integer a >= the random word b; the real-valued rule has a itself, a probability",
}
AnyFormat = Format | FloatFormat


@dataclass(frozen=True)
class Numeric:
    """How a result is stored: format, rounding, overflow, random source, and the axes along which a word is shared.

    Examples
    --------
    >>> str(Numeric(Format.parse("s8q4")))
    's8q4 floor saturate'
    """

    format: AnyFormat
    rounding: Rounding = Rounding.FLOOR
    overflow: Overflow = Overflow.SATURATE
    source: Stochastic | None = None
    shared: tuple[str, ...] = ()

    def __str__(self) -> str:
        if isinstance(self.format, FloatFormat):
            return f"{self.format} nearest, ties to even"
        source = "" if self.source is None else f" ({self.source.generator}, {self.source.bits} bits)"
        return f"{self.format} {self.rounding.value}{source} {self.overflow.value}"


@dataclass(frozen=True)
class Node:
    """One intermediate. `args` are names of earlier nodes; `word` and `held` serve stochastic rounding and hold."""

    name: str
    kind: str
    numeric: Numeric
    args: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    word: str | None = None
    held: str | None = None
    shift: int = 0
    low: int | None = None
    high: int | None = None
    axis: str | None = None
    stored: tuple[int, ...] = ()
    real: tuple[Fraction, ...] = ()

    @property
    def format(self) -> Format:
        """The fixed-point format; an error for a floating-point node."""
        if not isinstance(self.numeric.format, Format):
            raise GradcertError(
                f"{self.name} is {self.numeric.format}",
                allowed="fixed point",
                do="use the NumPy or the Fraction simulator for floating-point profiles",
            )
        return self.numeric.format

    @property
    def bounds(self) -> tuple[int, int]:
        """The declared range of the stored integer; the format's range where none was declared."""
        return (
            self.format.low if self.low is None else self.low,
            self.format.high if self.high is None else self.high,
        )


@dataclass(frozen=True)
class Program:
    """A learning step: nodes in order, axis sizes, the node that each state takes as its next value, initial states."""

    name: str
    sizes: Mapping[str, int]
    nodes: tuple[Node, ...]
    next: Mapping[str, str]
    initial: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def node(self, name: str) -> Node:
        """Return a node by name."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise GradcertError(f"node {name!r}", allowed=", ".join(n.name for n in self.nodes), do=f"see {self.name}")

    def has(self, name: str) -> bool:
        """Return whether there is a node of that name."""
        return any(node.name == name for node in self.nodes)

    def of_kind(self, *kinds: str) -> list[Node]:
        """Return the nodes of some kinds, in order."""
        return [node for node in self.nodes if node.kind in kinds]

    @property
    def operations(self) -> list[Node]:
        """The nodes that compute something."""
        return [node for node in self.nodes if node.kind not in LEAVES]

    @property
    def is_fixed(self) -> bool:
        """Whether every node is fixed point."""
        return all(isinstance(node.numeric.format, Format) for node in self.nodes)

    def shape(self, node: Node) -> tuple[int, ...]:
        """Return the array shape of a node."""
        return tuple(self.sizes[a] for a in node.axes)

    def change(self, name: str, **fields: object) -> Program:
        """Return the program with some fields of one node replaced (mutations, width searches)."""
        old = self.node(name)
        new = replace(old, **fields)  # type: ignore[arg-type]
        return replace(self, nodes=tuple(new if n is old else n for n in self.nodes))


def with_lanes(program: Program, lanes: int) -> Program:
    """Return the program run on `lanes` independent copies at once.

    Every node but the constants gets a leading axis.
    """
    nodes = [n if n.kind == "constant" else replace(n, axes=("lane", *n.axes)) for n in program.nodes]
    return replace(program, sizes={"lane": lanes, **program.sizes}, nodes=tuple(nodes))


def elaborate(program: Program) -> Program:
    """Return the program with all axes unrolled: scalar nodes `name[i,j]`, sums as chains of additions.

    Examples
    --------
    >>> from gradcert.hardware_models.description.build import Builder
    >>> b = Builder("dot", {"i": 3})
    >>> total = b.sum("y", b.input("x", Format.parse("s4q0"), ("i",)), "i", Numeric(Format.parse("s5q0")))
    >>> [n.name for n in elaborate(b.program()).nodes]
    ['x[0]', 'x[1]', 'x[2]', 'y.0', 'y']
    """
    axes_of = {n.name: n.axes for n in program.nodes}
    nodes: list[Node] = []

    def label(name: str, at: Mapping[str, int]) -> str:
        axes = axes_of[name]
        return f"{name}[{','.join(str(at[a]) for a in axes)}]" if axes else name

    for node in program.nodes:
        for position, index in enumerate(product(*(range(program.sizes[a]) for a in node.axes))):
            at = dict(zip(node.axes, index, strict=True))
            if node.kind == "rename":
                at |= dict(zip(axes_of[node.args[0]], index, strict=True))
            flat = replace(
                node,
                name=label(node.name, dict(zip(node.axes, index, strict=True))),
                axes=(),
                axis=None,
                word=None if node.word is None else label(node.word, at),
                held=None if node.held is None else label(node.held, at),
                stored=node.stored[position : position + 1],
                real=node.real[position : position + 1],
            )
            if node.kind != "sum":
                kind = "cast" if node.kind == "rename" else node.kind
                nodes.append(replace(flat, kind=kind, args=tuple(label(a, at) for a in node.args)))
                continue
            assert node.axis is not None
            terms = [label(node.args[0], at | {node.axis: i}) for i in range(program.sizes[node.axis])]
            total = terms[0]
            for i, term in enumerate(terms[1:] or [None]):
                last = i >= len(terms) - 2
                name = flat.name if last else f"{flat.name}.{i}"
                if term is None:
                    nodes.append(replace(flat, kind="cast", args=(total,)))
                else:
                    nodes.append(replace(flat, kind="add", name=name, args=(total, term)))
                total = name
    next_, initial = {}, {}
    for state in program.of_kind("state"):
        for index in product(*(range(program.sizes[a]) for a in state.axes)):
            at = dict(zip(state.axes, index, strict=True))
            next_[label(state.name, at)] = label(program.next[state.name], at)
            initial[label(state.name, at)] = program.initial.get(state.name, 0)
    return Program(program.name, {}, tuple(nodes), next_, initial, program.notes)
