"""What a backward pass begins with: whether its credit enters a module at its results, or elsewhere.

A loss may be about what a module keeps: spikes that a hook collects, a rate that it leaves in an attribute. No hook on
its results sees that. So `torch.autograd.backward`, which `Tensor.backward` calls, is looked over while modules are
watched, and nothing of it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from weakref import WeakSet

import torch

_ASKED: WeakSet[Any] = WeakSet()  # whose `rooted` is told what a backward pass begins with
_original: Callable[..., Any] | None = None


def listen(who: Any) -> None:
    """Tell somebody of the tensors that backward passes begin with from now on: ``who.rooted(tensors)``."""
    global _original
    _ASKED.add(who)
    if _original is None:
        _original = torch.autograd.backward
        torch.autograd.backward = _backward


def leave(who: Any) -> None:
    """Tell somebody no more; the last one puts everything back as it was."""
    global _original
    _ASKED.discard(who)
    if _original is not None and not _ASKED and torch.autograd.backward is _backward:
        torch.autograd.backward = _original
        _original = None


def _backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(tensors, Iterator):  # which can be gone through once
        tensors = tuple(tensors)
    for who in list(_ASKED):
        who.rooted([tensors] if isinstance(tensors, torch.Tensor) else list(tensors))
    assert _original is not None
    return _original(tensors, *args, **kwargs)


def now() -> int:
    """Return the number that autograd gives to the next operation."""
    found: int = torch._C._autograd._get_sequence_nr()
    return found


def entered(roots: Iterable[Any], doors: set[Any], inside: list[tuple[int, int]]) -> list[str]:
    """Return the operations of a module that credit comes to without passing its results.

    Parameters
    ----------
    roots : what a backward pass begins with. `doors` : autograd's nodes of the results. `inside` : from which number of
        an operation to which the calls of the module went.

    Examples
    --------
    >>> w = torch.ones(2, requires_grad=True)
    >>> begin = now()
    >>> hidden = w.exp()
    >>> result = (2 * hidden).view_as(w)
    >>> where = {"doors": {result.grad_fn}, "inside": [(begin, result.grad_fn._sequence_nr())]}
    >>> entered([result.sum()], **where), entered([result.sum() + hidden.sum()], **where)
    ([], ['Exp'])
    """
    found: dict[str, None] = {}
    todo = [root.grad_fn for root in roots if isinstance(root, torch.Tensor)]
    seen: set[Any] = set()
    while todo:
        node = todo.pop()
        if node is None or node in seen or node in doors:
            continue
        seen.add(node)
        number = node._sequence_nr()
        if any(begin <= number < end for begin, end in inside):
            found[node.name().rstrip("0123456789").removesuffix("Backward")] = None
            continue
        todo += [n for n, _ in node.next_functions]
    return list(found)
