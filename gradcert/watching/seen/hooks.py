"""Hooks on gradients in somebody's training: what they leave is judged, so that a module is read without them.

A hook on a parameter acts after all that the module does, and one on a part of it is no part of its forward pass: both
are left out of a copy. A hook that the forward pass itself puts on a value cannot be: it is run on the nine steps of a
reading, where gradients are compared, and is refused if it changes them.
"""

from __future__ import annotations

from typing import Any

import torch

from gradcert.models.reading.forward import forward_alone
from gradcert.models.reading.network.written import Written
from gradcert.models.reading.pytorch.held import clone
from gradcert.models.reading.pytorch.reader import read_network
from gradcert.reference.errors import GradcertError

INSIDE = "a hook on the result of"  # what `models.reading` says of one that the forward pass puts on a value


def hooked(module: torch.nn.Module) -> tuple[str, ...]:
    """Return the parameters on whose gradients there are hooks.

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 2)
    >>> _ = layer.bias.register_hook(print)
    >>> hooked(layer)
    ('bias',)
    """
    kinds = ("_backward_hooks", "_post_accumulate_grad_hooks")
    return tuple(name for name, p in module.named_parameters() if any(getattr(p, kind, None) for kind in kinds))


def parts_hooked(module: torch.nn.Module) -> tuple[str, ...]:
    """Return the parts of a module on which there are backward hooks, "the module" for all of it."""
    parts = module.named_modules()
    return tuple(name or "the module" for name, p in parts if p._backward_hooks or p._backward_pre_hooks)


def unhooked(module: torch.nn.Module) -> torch.nn.Module:
    """Return a module without hooks on gradients: itself, or a copy."""
    if not (hooked(module) or parts_hooked(module)):
        return module
    copied = clone(module)  # of which the parameters have none
    for part in copied.modules():
        part._backward_hooks.clear()
        part._backward_pre_hooks.clear()
    return copied


def read(module: torch.nn.Module, x: Any, state: Any, time: int | str | None, output: int) -> Written:
    """Return a module as networks, as `read_network`, whatever hooks look at gradients.

    Raises
    ------
    GradcertError : as `read_network`; for a hook inside the forward pass, if it changes what comes back.
    """
    own = unhooked(module)
    try:
        return read_network(own, x, state, time, output)
    except GradcertError as error:
        if f"no output {output} " in error.given or f"output {output} of a module with " in error.given:
            raise GradcertError(
                f"output={output}, and no result {output} beside the state",
                allowed="what the loss reads, of what a step returns before its state, counted from 0",
                do="leave output= out: what comes back to a state is judged too",
            ) from None
        if not error.given.startswith(INSIDE):
            raise
        try:
            with forward_alone():
                return read_network(own, x, state, time, output)
        except GradcertError:
            raise error from None
