"""The first state of a module that has to be given one: zeros, of the shapes that it takes and returns, by trying."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import torch

from gradcert.models.reading.pytorch.held import clone
from gradcert.models.reading.pytorch.recorder import Double

MOST = 5  # tensors of a state
BATCH = 7  # samples: more than those, so that a tensor is not taken apart into a state of so many
TRIES = 800


def first_state(module: Any, x: Any) -> Any:
    """Return zeros that a module takes as its state and returns in the same shapes; None where it needs none.

    Parameters
    ----------
    x : an input of one step, (batch, ...).

    Examples
    --------
    >>> class Leaky(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.fc = torch.nn.Linear(3, 4)
    ...     def forward(self, x, state):
    ...         v, z = state
    ...         v = 0.9 * v + self.fc(x) - z
    ...         return v, (v, torch.sigmoid(v))
    >>> [tuple(t.shape) for t in first_state(Leaky(), torch.zeros(2, 3))]
    [(2, 4), (2, 4)]
    """
    takes = list(inspect.signature(module.forward).parameters.values())[1:]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in takes if p.kind in kinds and p.default is p.empty]
    if not needed:
        return None
    sizes = dict.fromkeys(n for p in module.parameters() for n in reversed(p.shape[-2:]))
    sizes |= dict.fromkeys(n for part in module.modules() for n in _sizes(part))
    counts = [len(needed)] if len(needed) > 1 else range(1, MOST + 1)
    copied, many = clone(module).double(), x[:1].repeat_interleave(BATCH, 0).double()
    choices = (c for n in counts for c in itertools.product(sizes, repeat=n))
    for shapes in itertools.islice(choices, TRIES):
        tried, zeros = (tuple(torch.zeros(b, n, dtype=torch.float64) for n in shapes) for b in (BATCH, len(x)))
        for alone in (True, False) if len(zeros) == 1 else (False,):  # a tensor, or a tuple of one
            state = tried[0] if alone else tried
            if _takes(copied, many, (state,) if len(needed) == 1 else tried, shapes):
                return zeros[0] if alone else zeros
    return None


def _sizes(part: Any) -> list[int]:
    own = (getattr(part, name, None) for name in ("out_features", "hidden_size"))
    return [n for n in own if isinstance(n, int)]


def _takes(module: Any, x: Any, given: tuple[Any, ...], shapes: tuple[int, ...]) -> bool:
    """Return whether a module takes a state and returns one of the same shapes, its tensors last."""
    try:
        with torch.no_grad(), Double():
            result = module(x, *given)
    except Exception:  # whatever a stranger's code raises
        return False
    flat = [t for t in torch.utils._pytree.tree_flatten(result)[0] if isinstance(t, torch.Tensor)]
    back = flat[len(flat) - len(shapes) :]
    return len(flat) >= len(shapes) and [tuple(t.shape) for t in back] == [(len(x), n) for n in shapes]
