"""The recorded step, run again over a sequence in any dtype: the module's own operations, in the module's own order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._pytree import tree_map

from gradcert.models.reading.pytorch.recorder import Double, default_dtype
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.record import Node, Ref
from gradcert.reference.errors import GradcertError


@dataclass(frozen=True)
class Played:
    """A run of the recorded step.

    Attributes
    ----------
    outputs : of every output of the module, (time, batch, units).
    spikes : node of the reading -> its spikes, (time, batch, units).
    states : of every slot, its last value.
    masks : node of the record -> what was drawn there, (time, batch, units).
    """

    outputs: list[Any]
    spikes: dict[int, Any]
    states: list[Any]
    masks: dict[int, Any]


def play(reading: Reading, parameters: Mapping[str, Any], xs: Any, states: list[Any] | None = None) -> Played:
    """Run the recorded step.

    Parameters
    ----------
    parameters : name in the module -> tensor; their dtype is the run's.
    xs : inputs, (time, batch, ...).
    states : of every slot before the first step; by default those that the module begins with.
    """
    dtype = next(iter(parameters.values())).dtype if parameters else torch.float64
    nodes = reading.step.nodes
    order = _needed(reading)
    ready = {k: _runner(_prepared(nodes[k], dtype), parameters, dtype) for k in order}
    spikes = {k: reading.node_of[id(t)] for k, t in enumerate(reading.chosen.order) if id(t) in reading.node_of}
    spikes = {k: node for k, node in spikes.items() if reading.chosen.order[k].op == "spike"}
    now = starting(reading, xs.shape[1], dtype) if states is None else list(states)
    outputs: list[list[Any]] = [[] for _ in reading.step.outputs]
    fired: dict[int, list[Any]] = {k: [] for k in spikes}
    drawn: dict[int, list[Any]] = {k: [] for k in reading.masks}
    fixed: dict[int, Any] = {}
    with torch.no_grad(), default_dtype(dtype):  # what the step itself makes is of the run's dtype
        for x in xs:
            values = dict(fixed)
            values[reading.step.x] = reading.way.entering(x)
            values |= {slot.node: now[i] for i, slot in enumerate(reading.step.slots)}
            for k in order:
                if k not in values:
                    values[k] = ready[k](values)
            if not fixed:
                fixed = {k: values[k] for k in order if k not in reading.moving}
            for i, o in enumerate(reading.step.outputs):
                outputs[i].append(values[o])
            for k, node in spikes.items():
                fired[k].append(values[node])
            for k in drawn:
                drawn[k].append(values[k])
            now = [values[slot.update] for slot in reading.step.slots]
    batch = xs.shape[1]
    flat = [torch.stack(o).reshape(len(xs), batch, -1) for o in outputs]
    spiked, masks = ({k: torch.stack(v).reshape(len(xs), batch, -1) for k, v in of.items()} for of in (fired, drawn))
    return Played(flat, spiked, now, masks)


def starting(reading: Reading, batch: int, dtype: Any) -> list[Any]:
    """Return the states that the module begins with, for any number of samples."""
    out = []
    for slot in reading.step.slots:
        value = slot.initial.to(dtype)
        if value.dim() and value.shape[0] == reading.batch != batch:
            if not bool((value == value[:1]).all()):
                raise GradcertError(
                    f"{slot.name} begins with other values in every sample", allowed=f"{reading.batch} samples"
                )
            value = value[:1].expand(batch, *value.shape[1:])
        out.append(value)
    return out


def _needed(reading: Reading) -> list[int]:
    """Return the nodes that outputs and states need, in order."""
    seen: set[int] = set()
    todo = [*reading.step.outputs, *(slot.update for slot in reading.step.slots)]
    while todo:
        k = todo.pop()
        if k not in seen:
            seen.add(k)
            todo += reading.step.nodes[k].operands()
    return sorted(seen)


def _prepared(node: Node, dtype: Any) -> Node:
    """Return a node whose arguments name the run's dtype, where the record has float64 for single precision."""
    if dtype is torch.float64:
        return node

    def flip(value: Any) -> Any:
        return dtype if value is torch.float64 else value

    made = Node(node.kind, node.name, node.op, tree_map(flip, node.args), tree_map(flip, node.kwargs))
    made.value, made.shape, made.floating = node.value, node.shape, node.floating
    return made


def _runner(node: Node, parameters: Mapping[str, Any], dtype: Any) -> Callable[[Mapping[int, Any]], Any]:
    """Return what runs one node on the values of its operands; what is the same at every step is found out here."""
    if node.kind in ("parameter", "constant", "buffer"):
        value = parameters.get(node.name, node.value) if node.kind == "parameter" else node.value
        fixed = value.to(dtype) if value is not None and value.is_floating_point() else value
        return lambda values: fixed
    plain = all(isinstance(v, Ref) or not isinstance(v, (list, tuple, dict)) for v in node.args)
    places = [(k, v.node) for k, v in enumerate(node.args) if isinstance(v, Ref)]
    template, run = list(node.args), _operation(node, dtype)

    def several(values: Mapping[int, Any]) -> Any:
        return run(*_filled(node.args, values), **_filled(node.kwargs, values))

    def simple(values: Mapping[int, Any]) -> Any:
        args = template.copy()
        for place, operand in places:
            args[place] = values[operand]
        return run(*args)

    return simple if plain and not node.kwargs else several


def _filled(arguments: Any, values: Mapping[int, Any]) -> Any:
    return tree_map(lambda v: values[v.node] if isinstance(v, Ref) else v, arguments)


def _operation(node: Node, dtype: Any) -> Callable[..., Any]:
    """Return a node's operation; what it would write is a copy."""
    if node.kind == "item":
        return lambda part: part[node.op]
    if node.kind == "function":

        def function(*args: Any) -> Any:
            with Double():
                return node.op.apply(*args)

        own: Callable[..., Any] = node.op.apply
        return function if dtype is torch.float64 else own
    if not node.name.endswith("_"):
        found: Callable[..., Any] = node.op
        return found
    written = [s.alias_info is not None and s.alias_info.is_write for s in node.op._schema.arguments]

    def copying(*args: Any, **kwargs: Any) -> Any:
        both = zip(args, written, strict=False)
        return node.op(*(a.clone() if w and isinstance(a, torch.Tensor) else a for a, w in both), **kwargs)

    return copying
