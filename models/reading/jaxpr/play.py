"""The recorded step, run again over a sequence in any precision: the function's own operations in their own order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcert.models.reading.jaxpr.operations import cast
from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.jaxpr.run import run
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.record import Step
from gradcert.reference.numbers import Array


@dataclass(frozen=True)
class Played:
    """A run of the recorded step.

    Attributes
    ----------
    outputs : of every output, (time, batch, units). `spikes` : node of the reading -> its spikes, likewise.
    """

    outputs: list[Array]
    spikes: dict[int, Array]


Player = Callable[[Mapping[str, Any], Any, Sequence[Any] | None], Played]


def play(reading: Reading, parameters: Mapping[str, Any], xs: Any, *, dtype: str = "float64") -> Played:
    """Run the recorded step.

    Parameters
    ----------
    parameters : name -> array. `xs` : inputs, (time, batch, ...). `dtype` : the precision of the run.
    """
    return player(reading, dtype)(parameters, xs, None)


def player(reading: Reading, dtype: str = "float64") -> Player:
    """Return what runs the recorded step, compiled once for every length: (parameters, xs, states) -> what came out.

    States are those before the first step, leaf by leaf; None for those that the step was read with.
    """
    step = reading.step
    spikes = {
        k: reading.node_of[id(t)]
        for k, t in enumerate(reading.chosen.order)
        if t.op == "spike" and id(t) in reading.node_of
    }
    order = needed(step)

    def one(held: list[Any], x: Any, own: Mapping[str, Any]) -> Any:
        values = {step.x: x} | {slot.node: held[i] for i, slot in enumerate(step.slots)}
        for k in order:
            values[k] = run(step.nodes[k], values, own, dtype)
        flat = [values[o].reshape(reading.batch, -1) for o in (*step.outputs, *spikes.values())]
        return [values[slot.update] for slot in step.slots], flat

    def all_steps(held: list[Any], xs: Any, own: Mapping[str, Any]) -> Any:
        return jax.lax.scan(lambda h, x: one(h, x, own), held, xs)[1]

    compiled, count = jax.jit(all_steps), len(step.outputs)

    def played(parameters: Mapping[str, Any], xs: Any, states: Sequence[Any] | None) -> Played:
        with double():
            start = [cast(s, dtype) for s in (states or [slot.initial for slot in step.slots])]
            own = {name: cast(p, dtype) for name, p in parameters.items()}
            found = [np.asarray(o) for o in compiled(start, cast(jnp.asarray(xs), dtype), own)]
        return Played(found[:count], dict(zip(spikes, found[count:], strict=True)))

    return played


def needed(step: Step) -> list[int]:
    """Return the nodes that outputs and states need, in order."""
    seen: set[int] = set()
    todo = [*step.outputs, *(slot.update for slot in step.slots)]
    while todo:
        k = todo.pop()
        if k not in seen:
            seen.add(k)
            todo += step.nodes[k].operands()
    return sorted(seen - {step.x} - {slot.node for slot in step.slots})
