"""Modules as step functions: flax's, of both kinds. Their parameters are made with key 0 where none are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from gradcert.reference.errors import GradcertError


@dataclass(frozen=True)
class StepFunction:
    """A step function with what it is called on.

    Attributes
    ----------
    function : (params, state, x), (params, x), without params where they are None; or its own order.
    params, state : to begin with. `title` : what it is called. `notes` : what was not given.
    """

    function: Callable[..., Any]
    params: Any
    state: Any
    title: str
    notes: tuple[str, ...] = ()


def is_flax(module: Any) -> bool:
    """Return whether something is an instance of a class of flax's."""
    return any(base.__module__.partition(".")[0] == "flax" for base in type(module).__mro__)


def as_step(function: Any, params: Any, x: Any, state: Any) -> StepFunction:
    """Return what was given as a step function."""
    if is_flax(function):
        return _nnx(function, x, state) if _is_nnx(function) else _linen(function, params, x, state)
    if not callable(function):
        raise GradcertError(f"a {type(function).__name__}", allowed="a step function, or a module of flax")
    return StepFunction(function, params, state, getattr(function, "__name__", type(function).__name__))


def _is_nnx(module: Any) -> bool:
    return any(base.__module__.startswith("flax.nnx") for base in type(module).__mro__)


def _carry(module: Any, state: Any, *given: Any) -> Any:
    """Return the state that a recurrent cell begins with."""
    if state is not None or not hasattr(module, "initialize_carry"):
        return state
    return module.initialize_carry(*given)


def _linen(module: Any, params: Any, x: Any, state: Any) -> StepFunction:
    key = jax.random.key(0)
    state = _carry(module, state, key, x.shape)
    notes: tuple[str, ...] = ()
    if params is None:
        params = module.init(key, x) if state is None else module.init(key, state, x)
        notes = ("no parameters were given: made with key 0",)
    if "params" not in params:
        raise GradcertError(f"variables of {sorted(params)}", allowed="those of module.init: {'params': ...}")
    rest = {name: held for name, held in params.items() if name != "params"}

    def apply(own: Any, *given: Any) -> Any:
        return module.apply({**rest, "params": own}, *given)

    return StepFunction(apply, params["params"], state, type(module).__name__, notes)


def _nnx(module: Any, x: Any, state: Any) -> StepFunction:
    from flax import nnx

    parts: Any = nnx.split(module, nnx.Param, ...)
    definition, own, rest = parts

    def apply(params: Any, *given: Any) -> Any:
        return nnx.merge(definition, params, rest)(*given)

    return StepFunction(apply, own, _carry(module, state, x.shape, nnx.Rngs(0)), type(module).__name__)
