"""The forward pass written otherwise in one place, in a subject that returns gradients alone.

A backward pass by hand does not notice: its formulas are the right ones, at the values of a wrong forward pass. That is
what these hypotheses compute: a recorded run of changed cells, read by the factors of the claimed ones. Where a library
differentiates, the change is seen by both; that is tried for parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis, of_run
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.reference.engines import LayerTape, given_masks, joined, record, record_layer
from gradcert.reference.networks import Data, Drive, Layer, Network, Nodes
from gradcert.reference.numbers import Array, Numbers

Change = Callable[[Any, Mapping[str, Array]], Any]  # of a value, told the layer's parameters

BY: dict[str, Change] = {
    "0": lambda v, p: 0 * v,
    "-": lambda v, p: -1 * v,
    "2": lambda v, p: 2 * v,
}
CONSTANTS: dict[str, Change] = {
    "0": lambda v, p: 0 * v,
    "1": lambda v, p: 0 * v + 1,
    "1 -": lambda v, p: 1 - v,
    "-": lambda v, p: -1 * v,
    "2": lambda v, p: 2 * v,
    "squared": lambda v, p: v * v,
}


GATES = " of every gate"
PLACES = ("the last layer", "the layers below the last")


class Otherwise:
    """A cell that computes its step from changed values."""

    def __init__(
        self,
        cell: Any,
        *,
        prev: tuple[str, Change] | None = None,
        constant: tuple[str, Change] | None = None,
        call: tuple[int, str] | None = None,
    ) -> None:
        self._inner, self._prev, self._constant, self._call = cell, prev, constant, call

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # not ready yet: being copied
            raise AttributeError(name)
        return getattr(self._inner, name)

    def step(self, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        """Compute one step."""
        if self._constant is not None and self._constant[0] in p:
            name, change = self._constant
            p = {**p, name: change(p[name], p)}
        numbers: Any = n if self._call is None else _Skipping(n, *self._call)
        if self._prev is None or self._prev[0] not in prev:
            return self._inner.step(numbers, p, drive, prev)
        node, how = self._prev
        kept = prev[node]

        def driven(target: str, **sources: Array) -> Array:  # weights read what there is
            return drive(target, **{k: kept if k == node and v is changed[node] else v for k, v in sources.items()})

        changed = {**prev, node: how(kept, p)}
        return self._inner.step(numbers, p, driven, changed)


class _Skipping:
    """Numbers that apply one of the functions of a step otherwise: not at all, or with another constant."""

    def __init__(self, numbers: Numbers, which: int, how: str) -> None:
        self._numbers, self._left, self._how = numbers, which, how

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numbers, name)

    def apply(self, function: Any, x: Any) -> Any:
        """Apply a function, or leave it out."""
        self._left -= 1
        if self._left == -1:
            return x if self._how == "left out" else self._numbers.apply(function, -1 * x)
        return self._numbers.apply(function, x)


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield forward passes with one value of one kind changed in every layer that has it."""
    weights = list(dict.fromkeys(name.rpartition(".")[2] for name in bench.parameters))
    kinds = [name.partition("_")[0] + GATES for name in weights if "_" in name]
    for name in (*weights, *(kind for kind in dict.fromkeys(kinds) if kinds.count(kind) > 1)):
        for word, change in BY.items():
            for seen in (False, True):
                yield _of(f"{name} by {word}", _times(word, name), partial(_weights, name, change, seen), seen=seen)
            yield _through(name, f"{name} by {word}", _times(word, name), change)
            for place in PLACES if bench.network.depth > 1 else ():
                what = f"{_times(word, f'{name} of {place}')}"
                yield _of(f"{name} of {place} by {word}", what, partial(_weights, name, change, False, place=place))
        for seen in (False, True):
            yield _of(f"{name} turned", f"{name} transposed", partial(_weights, name, _turned, seen), seen=seen)
        yield _through(name, f"{name} turned", f"{name} transposed", _turned)
    reads = dict.fromkeys(k.source for x in bench.network.layers for k in x.cell.links if k.lag and k.source != "x")
    for node in reads:
        for word, change in BY.items():
            what = _times(word, f"{node}'")
            yield _of(f"{node}' by {word}", what, partial(_cells, prev=(node, change)))
    constants = dict.fromkeys(
        c for x in bench.network.layers for c in (*x.cell.constants(), *x.cell.trained) if c != "b"
    )
    for c in constants:
        for word, change in CONSTANTS.items():
            what = f"{c} squared" if word == "squared" else f"1 - {c}" if word == "1 -" else _times(word, c)
            what = "1" if word == "1" else what
            yield _of(f"{c} = {word}", f"{what} in the place of {c}", partial(_cells, constant=(c, change)))
        for node in reads:
            scaled: tuple[str, Change] = (node, partial(_by_constant, c))
            yield _of(f"{node}' by {c}", f"{c} {node}' in the place of {node}'", partial(_cells, prev=scaled))
    for which in range(5):
        for how in ("left out", "of the negative"):
            what = f"the {('first', 'second', 'third', 'fourth', 'fifth')[which]} function of the cell {how}"
            yield _of(f"function {which} {how}", what, partial(_cells, call=(which, how)))
    for node in reads:
        for value in (1, -1):
            yield _of(f"{node} starts at {value}", f"{node} = {value} before the first step", _starting(node, value))
    yield from _moved()


def _times(word: str, name: str) -> str:
    return {"0": f"{name} left out", "-": f"-{name} in the place of {name}", "2": f"{name} counted twice"}.get(
        word, word
    )


def _of(what: str, label: str, run: Callable[[Bench], Bench | None], *, seen: bool = False) -> Hypothesis:
    place = "forward and backward" if seen else "in the forward pass"
    return of_run("forward", f"{what}{' and back' if seen else ''}", f"{label} {place}", run)


def _called(name: str, parameter: str) -> bool:
    """Return whether a parameter has a name, or is of a kind that every gate has."""
    local = parameter.rpartition(".")[2]
    return (
        local.partition("_")[0] == name.removesuffix(GATES) and "_" in local if name.endswith(GATES) else local == name
    )


def _through(name: str, what: str, label: str, change: Change) -> Hypothesis:
    """Return a change of a parameter that a library differentiates: through the change, which is its own adjoint."""
    run = partial(_weights, name, change, True)

    def compute(bench: Bench) -> Gradient | None:
        found = run(bench)
        if found is None:
            return None
        mine = [k for k in bench.parameters if _called(name, k)]
        return {k: change(g, {}) if k in mine else g for k, g in found.gradients().items()}

    where = "in the forward pass, differentiated as it is"
    return Hypothesis("forward", f"{what}, differentiated", f"{label} {where}", compute, forward=run)


def _turned(value: Any, _: Any) -> Any:
    return value.T if np.ndim(value) == 2 and value.shape[0] == value.shape[1] else value


def _weights(name: str, change: Change, seen: bool, bench: Bench, *, place: str = "") -> Bench | None:
    last = f"layers.{bench.network.depth - 1}."
    mine = [k for k in bench.parameters if _called(name, k)]
    mine = [k for k in mine if not place or k.startswith(last) == (place == PLACES[0])]
    changed = {**bench.parameters, **{k: change(bench.parameters[k], {}) for k in mine}}
    if seen:
        return bench.again(parameters=changed)
    return read_as_claimed(bench, bench.tape.network, changed, bench.inputs)


def _by_constant(c: str, v: Array, p: Mapping[str, Array]) -> Array:
    # one of another population of the layer, of another size, says nothing of this node
    return v * p[c] if c in p and np.shape(p[c]) in ((), np.shape(v)[-1:]) else v


def _otherwise(cell: Any, **how: Any) -> Any:
    return Otherwise(cell, **how)


def _cells(bench: Bench, **how: Any) -> Bench | None:
    net = bench.tape.network
    layers = tuple(replace(x, cell=_otherwise(x.cell, **how)) for x in net.layers)
    return read_as_claimed(bench, replace(net, layers=layers), bench.parameters, bench.inputs)


def _starting(node: str, value: int) -> Callable[[Bench], Bench | None]:
    def run(bench: Bench) -> Bench | None:
        batch = bench.inputs.shape[1]
        initial = {
            f"layers.{i}.{node}": bench.numbers.zeros((batch, x.units)) + value
            for i, x in enumerate(bench.network.layers)
            if node in x.cell.nodes
        }
        data: Data = {**bench.data, "initial": initial}
        tape = record(bench.tape.network, bench.parameters, bench.inputs, numbers=bench.numbers, **data)
        return replace(bench, tape=tape, data=data)

    return run


def read_as_claimed(bench: Bench, network: Network, parameters: Mapping[str, Array], inputs: Array) -> Bench | None:
    """Run changed layers; read what they have computed by the claimed cells and the given parameters."""
    layers = []
    for right, (_, new) in zip(bench.tape.layers, _run(bench, network.layers, parameters, inputs), strict=True):
        factors = right.layer.cell.factors(bench.numbers, right.p, new.prev, new.now)
        layers.append(replace(right, x=new.x, prev=new.prev, now=new.now, factors=factors))
    return replace(bench, tape=replace(bench.tape, layers=tuple(layers)))


def _moved() -> Iterator[Hypothesis]:
    """Yield inputs and targets of another step or sample, with the wrap-around of a negative index."""
    for axis, what in ((0, "step"), (1, "sample")):
        for by, word in ((1, "before"), (-1, "after")):
            for which in ("inputs", "targets"):

                def run(bench: Bench, axis: int = axis, by: int = by, which: str = which) -> Bench | None:
                    values = getattr(bench, which)
                    if values.shape[axis] < 2:
                        return bench
                    other = {which: np.roll(values, by, axis=axis)}
                    if which == "targets":
                        return bench.again(targets=other["targets"])
                    given = (bench.tape.network, bench.parameters, other["inputs"])
                    tape = record(*given, numbers=bench.numbers, **bench.data)
                    return replace(bench, tape=tape, inputs=other["inputs"])

                label = f"the {which} of the {what} {word}, wrapped around"
                yield of_run("timing", f"{which} of the {what} {word}", label, run)
    for by, word in ((1, "before"), (-1, "after")):
        for scope, but in (("every layer", 0), ("every layer but the last", 1)):
            for seen in (False, True):
                what = f"the input of the step {word}, wrapped around, in {scope}"
                label = f"{what}{', forward and backward' if seen else ', in the forward pass'}"
                yield of_run("timing", what + (" and back" if seen else ""), label, partial(_rolled, by, but, seen))


def _rolled(by: int, but: int, seen: bool, bench: Bench) -> Bench:
    """Run the layers, all but some at the top on their inputs of another step."""
    net, layers = bench.tape.network, list[LayerTape]()

    def moved(i: int, x: Array) -> Array:
        return np.roll(x, by, axis=0) if i < net.depth - but else x

    for x, tape in _run(bench, net.layers, bench.parameters, bench.inputs, moved):
        tape = replace(tape, asked=bench.tape.layers[len(layers)].asked)
        layers.append(tape if seen else replace(tape, x=x))
    return replace(bench, tape=replace(bench.tape, layers=tuple(layers)))


def _run(
    bench: Bench, layers: Sequence[Layer], parameters: Mapping[str, Array], inputs: Array,
    moved: Callable[[int, Array], Array] = lambda i, x: x,
) -> Iterator[tuple[Array, LayerTape]]:  # fmt: skip
    """Run layers that stand for those of the bench, whose cells have their masks already; yield input and record."""
    net, data, outputs = bench.tape.network, bench.data, dict[int, Array]()
    for i, (right, layer) in enumerate(zip(net.layers, layers, strict=True)):
        x = right.turned(joined(outputs, net.sources(i), inputs))
        given = {node: right.turned(mask) for node, mask in given_masks(right, i, data.get("masks")).items()}
        initial, begins = data.get("initial") or {}, data.get("begins")
        tape = record_layer(layer, i, parameters, moved(i, x), bench.numbers, initial, begins=begins, given=given)
        outputs[i] = tape.leaving
        yield x, tape
