"""Between two calls: the numbers of a state may be handed on with another history, which the numbers do not show."""

from __future__ import annotations

from typing import Any

import torch

NEAR = 8  # roundings, of its own size, by which a number that was put together again may miss what it was
SAME = 1e-3  # of a share, by which it may be another one at another entry: it is measured in the state's own dtype
FEW = 3  # entries that have to be as they were, for a state that is changed to be told apart from another one


def near(a: Any, b: Any) -> bool:
    """Return whether two tensors are the same numbers but for a few roundings: ``0.1 * h + 0.9 * h.detach()``."""
    fits = a.shape == b.shape and a.dtype == b.dtype and a.is_floating_point()
    return fits and bool(_near(a.detach(), b.detach()).all())


def _near(a: Any, b: Any) -> Any:
    return (a - b).abs() <= NEAR * torch.finfo(a.dtype).eps * b.abs()


def left(value: Any, before: Any) -> Any:
    """Return which entries of a state are as they were, where that says something: a spike is 0 or 1 by chance."""
    value, before = value.detach(), before.detach()
    return _near(value, before) & (before != 0) & (before.abs() != 1)


def scaled(value: Any, before: Any) -> bool:
    """Return whether a state is another one times a number: what it was made of, though its history is gone."""
    some = (before.detach() != 0) & (before.detach().abs() != 1)
    if int(some.sum()) < FEW:
        return False
    ratio = (value.detach()[some] / before.detach()[some]).double()
    return bool(ratio[0] != 0) and bool(((ratio - ratio[0]).abs() <= SAME * ratio[0].abs()).all())


def back(value: Any, before: Any, g: Any) -> Any:
    """Return what comes back to a state as a call returned it of what comes back to it as the next call is given it."""
    (found,) = torch.autograd.grad(value, before, g, retain_graph=True, allow_unused=True)
    return torch.zeros_like(before) if found is None else found.detach()


def shares(value: Any, before: Any) -> Any:
    """Return, by entry, what comes back of 1; None where entries are mixed."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(2):
        probe = (torch.rand(value.shape, generator=generator, dtype=torch.float64) + 0.5).to(value)
        found.append((back(value, before, probe) / probe).double())
    one, other = found
    return one if bool(((one - other).abs() <= SAME * one.abs().clamp(min=1)).all()) else None


def partial(share: Any) -> bool:
    """Return whether some of what comes back is lost, or more than all of it comes."""
    return share is None or bool(((share - 1).abs() > SAME).any())


def number(share: Any) -> float | None:
    """Return the number that every entry is multiplied by; None where it is not one."""
    if share is None or not share.numel() or float(share.max() - share.min()) > SAME:
        return None
    return float(f"{float(share.mean()):.4g}")
