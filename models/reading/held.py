"""Tensors that a module keeps between steps: buffers, plain attributes, what lies in lists, tuples and dicts."""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

import torch

from gradcert.reference.errors import GradcertError

Slots = dict[str, tuple[Any, Any]]  # path -> (container, key)


def slots(module: torch.nn.Module) -> Slots:
    """Return every place inside a module that may hold a tensor, or a number, from step to step."""
    out: Slots = {}
    for name, part in module.named_modules():
        prefix = f"{name}." if name else ""
        for key, value in list(vars(part).items()):
            if key in ("_buffers", "_memories"):  # SpikingJelly keeps states under the second name
                for inner, held in value.items():
                    _walk(out, value, inner, held, prefix + inner, 0)
            elif key not in ("_parameters", "_modules") and not key.startswith("_memories") and not _hooks(key):
                _walk(out, vars(part), key, value, prefix + key, 3)
    return out


def _hooks(key: str) -> bool:
    return key.startswith("_") and key.endswith("hooks")


def _walk(out: Slots, container: Any, key: Any, value: Any, path: str, depth: int) -> None:
    if isinstance(value, (torch.nn.Parameter, torch.nn.Module)):
        return
    if isinstance(value, torch.Tensor) or value is None or isinstance(value, float):
        out[path] = (container, key)
    elif isinstance(value, dict) and depth:
        for inner, held in value.items():
            _walk(out, value, inner, held, f"{path}.{inner}", depth - 1)
    elif isinstance(value, (list, deque)) and depth:
        for inner, held in enumerate(value):
            _walk(out, value, inner, held, f"{path}[{inner}]", depth - 1)
    elif isinstance(value, tuple) and any(isinstance(v, torch.Tensor) for v in value):
        for inner in range(len(value)):
            out[f"{path}[{inner}]"] = (container, (key, inner))


def peek(slot: tuple[Any, Any]) -> Any:
    """Return what lies in a slot, None where it is gone."""
    container, key = slot
    try:
        return container[key[0]][key[1]] if isinstance(key, tuple) else container[key]
    except (KeyError, IndexError, TypeError):
        return None


def poke(slot: tuple[Any, Any], value: Any) -> None:
    """Put something into a slot; a tuple is made anew."""
    container, key = slot
    if not isinstance(key, tuple):
        container[key] = value
        return
    old = container[key[0]]
    whole = [value if k == key[1] else part for k, part in enumerate(old)]
    container[key[0]] = type(old)(*whole) if hasattr(old, "_fields") else tuple(whole)


def clone(module: torch.nn.Module) -> torch.nn.Module:
    """Copy a module that may be in use: tensors with a history cannot be copied, so they lose it for the time being."""
    live = [(slot, value) for slot in slots(module).values() if _has_history(value := peek(slot))]
    for slot, value in live:
        poke(slot, value.detach())
    try:
        return copy.deepcopy(module)
    except (TypeError, RuntimeError) as error:
        raise GradcertError(
            f"{type(module).__name__} cannot be copied: {str(error).partition(chr(10))[0]}",
            do="keep out of its attributes what cannot be: generators, files, tensors with a history in other objects",
        ) from error
    finally:
        for slot, value in live:
            poke(slot, value)


def _has_history(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.grad_fn is not None


def doubled(module: torch.nn.Module) -> torch.nn.Module:
    """Return a copy in float64, tensors in plain attributes included, which ``.double()`` passes over."""
    copied = clone(module).double()
    for slot in slots(copied).values():
        value = peek(slot)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            poke(slot, value.detach().double())
    return copied
