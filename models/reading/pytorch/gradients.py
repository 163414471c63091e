"""The reference gradient of a rule for a module, on its own parameters, inputs and spikes, by the reference engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from gradcert.models.reading.network.passes import AS_CODED, Columns, Run, passed, row_of
from gradcert.models.reading.network.written import Written
from gradcert.models.reading.pytorch.collect import COLLECT
from gradcert.models.reading.pytorch.play import Played, play
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.spikes import fired
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array


def run(
    written: Written,
    parameters: Mapping[str, Any],
    xs: Any,
    states: list[Any] | None = None,
    *,
    dtype: str = "float64",
    played: Played | None = None,
) -> Run:
    """Run a module's recorded step over a sequence, and the networks around the same spikes.

    Parameters
    ----------
    parameters : name in the module -> tensor, in the module's own dtype.
    xs : inputs, (time, batch, ...), in that dtype.
    states : before the first step; by default those that the module begins with.
    dtype : of the reference.
    played : what the recorded step gave on these, where it was run before.
    """
    played = play(written.reading, parameters, xs, states) if played is None else played
    inputs = xs.detach().reshape(*xs.shape[:2], -1).cpu().numpy().astype(dtype)
    double = {name: p.detach().double() for name, p in parameters.items()}
    arrays = written.arrays(double, dtype)
    initial = initials(written, states, xs.shape[1], dtype)
    masks = {name: played.masks[k].cpu().numpy().astype(dtype) for name, k in written.masks.items()}
    columns = columns_of(written, played)
    return passed(
        written, parameters, inputs, initial=initial, masks=masks, columns=columns, arrays=arrays, played=played
    )


def columns_of(written: Written, played: Played) -> Columns | None:
    """Return the spikes of every layer, in the order of computation; None where the module's own are not known."""
    if any(k not in played.spikes for nodes in written.spiking for k in nodes):
        return None
    return tuple(tuple(fired(played.spikes[k].cpu().numpy()) for k in nodes) for nodes in written.spiking)


def initials(written: Written, states: list[Any] | None, batch: int, dtype: str) -> dict[str, Array]:
    """Return node values before the first step."""
    found = written.initial if states is None else written.initial_of(states)
    return {
        name: (np.broadcast_to(v, (batch, v.shape[-1])) if v.ndim > 1 and len(v) == 1 else v).astype(dtype)
        for name, v in found.items()
    }


def delta_of(
    loss: Callable[..., Any], target: Any, reading: Reading, outputs: Any, output: int = 0
) -> tuple[float, Array]:
    """Return a loss, and its derivative with respect to the outputs of all steps, (time, batch, units).

    Parameters
    ----------
    loss : (outputs, target) -> number; its outputs are what the module returns, those of all steps in one tensor,
        (time, batch, ...), for a module that takes one step.
    outputs : of all steps, (time, batch, units).
    """
    leaf = outputs.detach().double().requires_grad_()
    shape = reading.step.nodes[reading.step.outputs[output]].shape
    with torch.enable_grad():
        given = leaf if not reading.collects else COLLECT[reading.collects[output]](leaf)
        if not reading.collects and len(shape) > 2:
            given = given.reshape(*leaf.shape[:2], *shape[1:])
        value = loss(given, target.double() if torch.is_tensor(target) and target.is_floating_point() else target)
    if not torch.is_tensor(value) or value.dim():
        raise GradcertError(
            f"a loss that returns {tuple(value.shape) if torch.is_tensor(value) else type(value).__name__}",
            allowed="a tensor with one number",
        )
    (found,) = torch.autograd.grad(value, leaf)
    return value.item(), found.numpy()


__all__ = ["AS_CODED", "Run", "columns_of", "delta_of", "initials", "row_of", "run"]
