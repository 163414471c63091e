"""Trainers that own their loop, loss and optimiser, asked for a gradient: what a call would have applied.

While a call runs, an optimiser's step is put off: it finds no gradients, and what it would have found is remembered. So
the gradient of a call is a gradient at one set of weights also where the trainer steps at every time step. In a watched
training nothing is put off (`gradcert.watching.seen.applied`). Where weights are written directly the gradient is the
difference over the learning rate, and its rounding is allowed for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook


@dataclass
class Recorded:
    """What optimisers would have applied in one call.

    Attributes
    ----------
    parameters : those that are watched, by name.
    steps : optimiser, and parameter of it -> its gradient, for every step that was put off.
    """

    parameters: dict[str, Any]
    steps: list[tuple[Any, dict[Any, Any]]] = field(default_factory=list)

    def total(self) -> dict[str, Any]:
        """Return the sum of the gradients of all steps, by the names of the watched parameters."""
        out: dict[str, Any] = dict.fromkeys(self.parameters)
        for name, p in self.parameters.items():
            for _, found in self.steps:
                if p in found:
                    out[name] = found[p] if out[name] is None else out[name] + found[p]
        return out


@contextmanager
def recording(parameters: dict[str, Any]) -> Iterator[Recorded]:
    """Put off the steps of every optimiser, whoever made it, and remember what it would have applied."""
    out = Recorded(parameters)
    hidden: dict[int, dict[Any, Any]] = {}

    def before(optimiser: Any, *_: Any) -> None:
        every = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
        out.steps.append((optimiser, {p: p.grad.detach().clone() for p in every}))
        hidden[id(optimiser)] = {p: p.grad for p in every}
        for p in every:
            p.grad = None

    def after(optimiser: Any, *_: Any) -> None:
        for p, g in hidden.pop(id(optimiser), {}).items():
            p.grad = g

    handles = [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
    try:
        yield out
    finally:
        for handle in handles:
            handle.remove()


def differences(
    before: dict[str, Any], parameters: dict[str, Any], rate: float
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the gradients that weights were written with, and what their rounding may be off by.

    Parameters
    ----------
    before : the weights before. `rate` : the learning rate.
    """
    import torch

    given, rounding = {}, {}
    for name, p in parameters.items():
        old, new = before[name].double(), p.detach().double()
        given[name] = (old - new) / rate
        largest = float(torch.maximum(old.abs(), new.abs()).max()) if old.numel() else 0.0
        rounding[name] = torch.finfo(p.dtype).eps / 2 * largest / rate
    return given, rounding
