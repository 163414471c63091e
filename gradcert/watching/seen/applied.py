"""Trainers that own their loop, loss and optimiser: what a call applied.

An optimiser's step is made where the trainer makes it, and what it found is remembered before. So the training is the
same to the last bit as without a watch. A gradient is a gradient at one set of weights: of a call that takes several
steps it is that of the steps before the module is called again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch.optim.optimizer import register_optimizer_step_pre_hook

from gradcert.watching.seen.calls import Calls


@dataclass
class Applied:
    """What optimisers applied in one call.

    Attributes
    ----------
    given : the sum of the gradients of all steps before the module was called again, by parameter's name.
    steps : how many steps there were; `later` : how many of them came after that.
    """

    given: dict[str, Any]
    steps: int = 0
    later: int = 0


@contextmanager
def applied(parameters: dict[str, Any], calls: Calls) -> Iterator[Applied]:
    """Remember what every optimiser of these parameters, whoever made it, finds at its first step."""
    out = Applied(dict.fromkeys(parameters))

    def before(optimiser: Any, *_: Any) -> None:
        its = {id(p) for group in optimiser.param_groups for p in group["params"]}
        mine = {n: p for n, p in parameters.items() if id(p) in its}
        if not mine:
            return
        out.steps += 1
        if calls.closed and not calls.on:
            out.later += 1
            return
        for name, p in mine.items():
            if p.grad is not None:
                g = p.grad.detach().clone()
                out.given[name] = g if out.given[name] is None else out.given[name] + g
        calls.closed = True

    handle = register_optimizer_step_pre_hook(before)
    try:
        yield out
    finally:
        handle.remove()
