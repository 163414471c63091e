"""The NumPy integer simulator of a description: arrays of stored integers.

Int64 where the static width check allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import EventLog, FloatFormat, Format, integers, is_fast, quantise
from gradcert.hardware_models.description.program import Node, Program
from gradcert.hardware_models.description.ranges import exact
from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]


def _float_rounder(fmt: FloatFormat) -> Callable[[Array], Array]:
    if fmt.name != "bf16":
        raise GradcertError(f"floating-point format {fmt}", allowed="bf16", do="use BFLOAT16")
    try:
        import ml_dtypes
    except ImportError as error:
        raise GradcertError("ml_dtypes is not installed", do=install("bf16")) from error
    # float32 has more than 2 * 8 + 2 significant bits: rounding a sum or product to it first is innocuous
    return lambda x: x.astype(np.float32).astype(ml_dtypes.bfloat16).astype(np.float32)


@dataclass
class Simulator:
    """Runs a program step by step.

    `state` maps state names to stored integers (float32 values for floating-point nodes); `log` holds overflow events.

    Parameters
    ----------
    program : the description.
    frozen : states that keep their value (weights, while a gradient is measured).

    Examples
    --------
    >>> from gradcert.hardware_models.units import trace_unit
    >>> sim = Simulator(trace_unit(Format.parse("u12q0"), leak_bits=8, leak=0.9, increment=8))
    >>> [int(sim.step({"spike": s})["e.next"]) for s in (1, 0, 0, 1)]
    [8, 7, 6, 13]
    """

    program: Program
    frozen: tuple[str, ...] = ()
    log: EventLog = field(default_factory=EventLog)

    def __post_init__(self) -> None:
        self.state: Arrays = {}
        self.steps = 0
        self._by_name = {n.name: n for n in self.program.nodes}
        self._plan = {n.name: self._views(n) for n in self.program.operations}
        self._fast = {n.name: self._is_fast(n) for n in self.program.operations}
        self._constants = {n.name: self._constant(n) for n in self.program.of_kind("constant")}
        for node in self.program.of_kind("state"):
            start = self.program.initial.get(node.name, 0)
            self.state[node.name] = self._leaf(node, np.full(self.program.shape(node), start))

    def _views(self, node: Node) -> dict[str, tuple[tuple[int, ...], tuple[Any, ...]]]:
        """Say, per operand, how to transpose it and where to insert axes so that it lines up with the result."""
        views = {}
        for name in (*node.args, *(n for n in (node.word, node.held) if n is not None)):
            own = self._by_name[name].axes
            if node.kind == "rename":
                continue
            axes = (*node.axes, node.axis) if node.kind == "sum" and name in node.args else node.axes
            order = tuple(own.index(a) for a in axes if a in own)
            views[name] = (order, tuple(slice(None) if a in own else None for a in axes))
        return views

    def _is_fast(self, node: Node) -> bool:
        operands = [self._by_name[a] for a in node.args]
        if not all(isinstance(n.numeric.format, Format) for n in (node, *operands)):
            return True
        if node.kind in ("sum", "rename"):
            low, high, count = operands[0].format.low, operands[0].format.high, 2
            scale = 1 << max(node.format.radix - operands[0].format.radix, 0)
            reach = count * max(-low, high) * scale + max(-node.format.low, node.format.high)
            return is_fast(-reach, reach)
        result = exact(node, {n.name: (n, (n.format.low, n.format.high)) for n in operands})
        grow = 1 << max(node.format.radix - result.radix, 0)
        wide = [is_fast(n.format.low, n.format.high) for n in (node, *operands)]
        return all(wide) and is_fast(result.low * grow, result.high * grow)

    def _constant(self, node: Node) -> Array:
        shape = self.program.shape(node)
        if isinstance(node.numeric.format, FloatFormat):
            return np.array([float(node.numeric.format.round(v)) for v in node.real], np.float32).reshape(shape)
        return integers(node.stored, fast=is_fast(node.format.low, node.format.high)).reshape(shape)

    def _leaf(self, node: Node, value: Any) -> Array:
        if isinstance(node.numeric.format, FloatFormat):
            return np.asarray(value, dtype=np.float32)
        array = integers(value, fast=is_fast(node.format.low, node.format.high))
        low, high = node.bounds
        if array.shape != self.program.shape(node):
            raise GradcertError(
                f"{node.name} of shape {array.shape}", allowed=str(self.program.shape(node)), do="reshape it"
            )
        if array.size and (array.min() < low or array.max() > high):
            raise GradcertError(f"{node.name} outside its range", allowed=f"{low} .. {high}", do="quantise it first")
        return array

    def step(self, inputs: Mapping[str, Any]) -> Arrays:
        """Run one step; returns every intermediate by name and moves the states on."""
        values: Arrays = dict(self._constants)
        for node in self.program.nodes:
            if node.kind in ("input", "random"):
                if node.name not in inputs:
                    raise GradcertError(f"no value for {node.name}", do=f"pass inputs[{node.name!r}]")
                values[node.name] = self._leaf(node, inputs[node.name])
            elif node.kind == "state":
                values[node.name] = self.state[node.name]
            elif node.kind != "constant":
                values[node.name] = self._evaluate(node, values)
        for name, source in self.program.next.items():
            if name not in self.frozen:
                target = self._by_name[name].axes
                own = self._by_name[source].axes
                self.state[name] = values[source].transpose([own.index(a) for a in target])
        self.steps += 1
        return values

    def run(self, inputs: Iterable[Mapping[str, Any]], keep: tuple[str, ...]) -> dict[str, list[Array]]:
        """Run many steps and return the history of the intermediates named in `keep`."""
        history: dict[str, list[Array]] = {name: [] for name in keep}
        for one in inputs:
            values = self.step(one)
            for name in keep:
                history[name].append(values[name])
        return history

    def aligned(self, node: Node, values: Mapping[str, Array]) -> Arrays:
        """Return the operands of an operation, and its word and held value, with axes that line up with its own."""
        return {
            k: values[k].transpose(order)[index] for k, (order, index) in self._plan[node.name].items() if k in values
        }

    def _evaluate(self, node: Node, values: Arrays) -> Array:
        if node.kind == "rename":
            return values[node.args[0]]
        aligned = self.aligned(node, values)
        operands = [self._by_name[a] for a in node.args]
        if any(isinstance(n.numeric.format, FloatFormat) for n in (node, *operands)):
            return self._float(node, [_real(n, aligned[n.name]) for n in operands])
        fast = self._fast[node.name]
        parts = [aligned[a] if fast else aligned[a].astype(object) for a in node.args]
        word = None if node.word is None else aligned[node.word]
        held = None if node.held is None else aligned[node.held]
        if node.kind == "sum":
            total = parts[0][..., 0]
            for i in range(max(1, parts[0].shape[-1] - 1)):
                term = parts[0][..., i + 1] if parts[0].shape[-1] > 1 else None
                radix = operands[0].format.radix
                if term is None:
                    both = total
                elif i == 0:
                    both = total + term
                else:
                    common = max(radix, node.format.radix)
                    both, radix = (total << (common - node.format.radix)) + (term << (common - radix)), common
                total = self._store(node, both, radix, word, held)
            return total
        radixes = [n.format.radix for n in operands]
        if node.kind in ("mul", "sign", "abs", "shift", "bernoulli", "cast"):
            raw, radix = _plain(node, parts, radixes)
        else:
            common = max(radixes[1:] if node.kind == "select" else radixes)
            if node.kind == "select":
                then, otherwise = (p << (common - q) for p, q in zip(parts[1:], radixes[1:], strict=True))
                raw, radix = np.where(parts[0] == 1, then, otherwise), common
            else:
                a, b = (p << (common - q) if common > q else p for p, q in zip(parts, radixes, strict=True))
                raw, radix = _PAIRS[node.kind](a, b), 0 if node.kind in ("ge", "gt") else common
        return self._store(node, raw, radix, word, held)

    def _store(self, node: Node, raw: Array, radix: int, word: Array | None, held: Array | None) -> Array:
        n = node.numeric
        stored, overflowed = quantise(
            raw,
            radix,
            node.format,
            rounding=n.rounding,
            overflow=n.overflow,
            word=word,
            source=n.source,
            held=held,
        )
        if overflowed is not None:
            self.log.record(self.steps, node.name, n.overflow.value, overflowed, raw)
        return stored

    def _float(self, node: Node, parts: list[Array]) -> Array:
        if isinstance(node.numeric.format, Format):
            if node.kind not in ("ge", "gt", "sign"):
                raise GradcertError(f"{node.name}: {node.kind} from floating to fixed point", do="compare, do not cast")
            raw = np.sign(parts[0]) if node.kind == "sign" else _PAIRS[node.kind](parts[0], parts[1])
            return np.asarray(raw).astype(np.int64)
        rounder = _float_rounder(node.numeric.format)
        if node.kind == "sum":
            total = rounder(parts[0][..., 0])
            for i in range(1, parts[0].shape[-1]):
                total = rounder(total + parts[0][..., i])
            return total
        if node.kind == "select":
            return rounder(np.where(parts[0] == 1, parts[1], parts[2]))
        if node.kind in ("abs", "shift", "cast"):
            return rounder(np.abs(parts[0]) if node.kind == "abs" else parts[0] * np.float32(2.0**node.shift))
        return rounder(parts[0] * parts[1] if node.kind == "mul" else _PAIRS[node.kind](parts[0], parts[1]))


_PAIRS: dict[str, Callable[[Array, Array], Array]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "min": np.minimum,
    "max": np.maximum,
    "ge": lambda a, b: (a >= b).astype(np.int64),
    "gt": lambda a, b: (a > b).astype(np.int64),
}


def _plain(node: Node, parts: list[Array], radixes: list[int]) -> tuple[Array, int]:
    if node.kind == "mul":
        return parts[0] * parts[1], sum(radixes)
    if node.kind == "sign":
        return np.sign(parts[0]), 0
    if node.kind == "bernoulli":
        return (parts[0] >= parts[1]).astype(np.int64), 0
    return (np.abs(parts[0]) if node.kind == "abs" else parts[0]), radixes[0] - node.shift


def _real(node: Node, array: Array) -> Array:
    """Return float32 values; exact, since every fixed-point operand of a floating-point node has at most 24 bits."""
    if isinstance(node.numeric.format, FloatFormat):
        return array
    return (array * 2.0**-node.format.radix).astype(np.float32)
