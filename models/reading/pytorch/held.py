"""Tensors that a module keeps between steps: buffers, plain attributes, what lies in lists, tuples, dicts, objects."""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import is_dataclass
from types import SimpleNamespace
from typing import Any

import torch

from gradcert.reference.errors import GradcertError

Slots = dict[str, tuple[Any, tuple[Any, ...]]]  # path -> a container that can be written, keys from there inwards
Held = dict[str, dict[str, Any]]  # name of a part of a module -> its attributes, tensors copied
DEEP = 3  # containers in one another


def slots(module: torch.nn.Module) -> Slots:
    """Return every place inside a module that may hold a tensor, or a number, from step to step."""
    out: Slots = {}
    for name, part in module.named_modules():
        prefix = f"{name}." if name else ""
        for key, value in list(vars(part).items()):
            if key in ("_buffers", "_memories"):  # SpikingJelly keeps states under the second name
                for inner, held in value.items():
                    _walk(out, value, (inner,), held, prefix + inner, 0)
            elif _own(key) and not key.startswith("_memories"):
                _walk(out, vars(part), (key,), value, prefix + key, DEEP)
    return out


def _own(key: str) -> bool:
    """Return whether an attribute is a module's own, and no part of what PyTorch keeps there."""
    return key not in ("_parameters", "_modules") and not (key.startswith("_") and key.endswith("hooks"))


def _walk(out: Slots, container: Any, keys: tuple[Any, ...], value: Any, path: str, depth: int) -> None:
    if isinstance(value, (torch.nn.Parameter, torch.nn.Module)):
        return
    if isinstance(value, torch.Tensor) or value is None or isinstance(value, float):
        out[path] = (container, keys)
    elif not depth:
        return
    elif isinstance(value, dict):
        for inner, held in value.items():
            _walk(out, value, (inner,), held, f"{path}.{inner}", depth - 1)
    elif isinstance(value, (list, deque)):
        for place, held in enumerate(value):
            _walk(out, value, (place,), held, f"{path}[{place}]", depth - 1)
    elif isinstance(value, tuple):  # which cannot be written: made anew
        for place, held in enumerate(value):
            _walk(out, container, (*keys, place), held, f"{path}[{place}]", depth - 1)
    elif _record(value):
        for inner, held in vars(value).items():
            _walk(out, vars(value), (inner,), held, f"{path}.{inner}", depth - 1)


def _record(value: Any) -> bool:
    """Return whether an object is a record of values: a dataclass, a namespace, one with tensors for attributes."""
    if isinstance(value, type) or not hasattr(value, "__dict__") or type(value).__module__.partition(".")[0] == "torch":
        return False
    if is_dataclass(value) or isinstance(value, SimpleNamespace):
        return True
    return any(type(v) is torch.Tensor for v in vars(value).values())


def peek(slot: tuple[Any, tuple[Any, ...]]) -> Any:
    """Return what lies in a slot, None where it is gone."""
    found, keys = slot
    try:
        for key in keys:
            found = found[key]
    except (KeyError, IndexError, TypeError):
        return None
    return found


def poke(slot: tuple[Any, tuple[Any, ...]], value: Any) -> None:
    """Put something into a slot; a tuple is made anew."""
    container, keys = slot
    container[keys[0]] = _put(container[keys[0]], keys[1:], value) if len(keys) > 1 else value


def _put(old: Any, keys: tuple[int, ...], value: Any) -> Any:
    if not keys:
        return value
    whole = [_put(part, keys[1:], value) if k == keys[0] else part for k, part in enumerate(old)]
    return type(old)(*whole) if hasattr(old, "_fields") else tuple(whole)


def remember(module: torch.nn.Module) -> Held:
    """Return what a module holds now, tensors copied: what `at` begins with."""
    parts = module.named_modules()
    return {
        # a method of the part's own is bound to it, and to nothing else that holds the same
        name: {k: _copied(v, DEEP) for k, v in vars(part).items() if _own(k) and not callable(v)}
        for name, part in parts
    }


def _copied(value: Any, depth: int) -> Any:
    if isinstance(value, (torch.nn.Parameter, torch.nn.Module)):
        return value
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if not depth:
        return value
    if isinstance(value, tuple):
        whole = [_copied(v, depth - 1) for v in value]
        return type(value)(*whole) if hasattr(value, "_fields") else tuple(whole)
    if isinstance(value, (list, dict, deque)) or _record(value):
        out = copy.copy(value)
        inner: Any = out if isinstance(out, (list, dict, deque)) else vars(out)
        for key in list(inner) if isinstance(inner, dict) else range(len(inner)):
            inner[key] = _copied(inner[key], depth - 1)
        return out
    return value


def kinds(held: Any) -> Any:
    """Return where there are tensors among what is held, and where nothing is: what a module's code may branch on.

    Examples
    --------
    >>> kinds({"": {"v": None, "z": (torch.ones(2, 3), 0.5), "name": "lif"}})
    (('', (('v', None), ('z', ((2, 3), '')), ('name', ''))),)
    """
    if held is None or isinstance(held, torch.Tensor):
        return None if held is None else tuple(held.shape)
    if isinstance(held, (list, tuple, deque)):
        return tuple(kinds(v) for v in held)
    inside = held if isinstance(held, dict) else vars(held) if _record(held) else None
    return "" if inside is None else tuple((key, kinds(v)) for key, v in inside.items())


def at(module: torch.nn.Module, held: Held) -> torch.nn.Module:
    """Return a copy of a module, with its parameters of now, that holds what it held when that was remembered."""
    parts = {name: part for name, part in module.named_modules() if name in held}
    now = {name: dict(vars(part)) for name, part in parts.items()}
    try:
        for name, part in parts.items():
            _holding(part, held[name])
        return clone(module)
    finally:
        for name, part in parts.items():
            _holding(part, now[name])


def _holding(part: torch.nn.Module, values: dict[str, Any]) -> None:
    for key in [k for k, v in vars(part).items() if _own(k) and not callable(v) and k not in values]:
        del vars(part)[key]
    vars(part).update(values)


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


def unhooked(module: torch.nn.Module) -> torch.nn.Module:
    """Return a module without backward hooks on its parts, which are no part of what it computes: itself, or a copy."""
    if any(part._backward_hooks or part._backward_pre_hooks for part in module.modules()):
        module = clone(module)
        for part in module.modules():
            part._backward_hooks.clear()
            part._backward_pre_hooks.clear()
            part._is_full_backward_hook = None
    return module


def doubled(module: torch.nn.Module) -> torch.nn.Module:
    """Return a copy in float64, tensors in plain attributes included, which ``.double()`` passes over."""
    copied = clone(module).double()
    for slot in slots(copied).values():
        value = peek(slot)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            poke(slot, value.detach().double())
    return copied
