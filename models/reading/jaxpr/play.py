"""The recorded step, run again over a sequence in any precision: the function's own operations in their own order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.jaxpr.run import cast, run
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


def play(reading: Reading, parameters: Mapping[str, Any], xs: Any, *, dtype: str = "float64") -> Played:
    """Run the recorded step.

    Parameters
    ----------
    parameters : name -> array. `xs` : inputs, (time, batch, ...). `dtype` : the precision of the run.
    """
    step = reading.step
    spikes = {
        k: reading.node_of[id(t)]
        for k, t in enumerate(reading.chosen.order)
        if t.op == "spike" and id(t) in reading.node_of
    }
    order = needed(step)
    outputs: list[list[Array]] = [[] for _ in step.outputs]
    fired: dict[int, list[Array]] = {k: [] for k in spikes}
    with double():
        now = [cast(slot.initial, dtype) for slot in step.slots]
        fixed: dict[int, Any] = {}
        for x in xs:
            values = {**fixed, step.x: cast(x, dtype)} | {slot.node: now[i] for i, slot in enumerate(step.slots)}
            for k in order:
                if k not in values:
                    values[k] = run(step.nodes[k], values, parameters, dtype)
            fixed = fixed or {k: values[k] for k in order if k not in reading.moving}
            for i, o in enumerate(step.outputs):
                outputs[i].append(np.asarray(values[o]).reshape(reading.batch, -1))
            for k, node in spikes.items():
                fired[k].append(np.asarray(values[node]).reshape(reading.batch, -1))
            now = [values[slot.update] for slot in step.slots]
    return Played([np.stack(o) for o in outputs], {k: np.stack(v) for k, v in fired.items()})


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
