"""How a module is made: its class or factory, the arguments that are given, and those that are its sizes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from gradcert.models.modules.errors import UnreadError
from gradcert.models.modules.named import check_shape
from gradcert.models.reading.pytorch.held import clone
from gradcert.models.reading.pytorch.recorder import default_dtype

GUESSES = (5, 7, 6, 4, 3)  # of whole numbers that an argument without a value is tried with


@dataclass(frozen=True)
class Build:
    """What makes a module.

    Attributes
    ----------
    make : a class or a factory; None for a module that exists.
    given : arguments by name. `sizes` : those of them that are whole numbers, which may be sizes.
    module : the one that exists.
    """

    make: Any = None
    given: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    module: Any = None
    loose: tuple[Any, ...] = ()

    def __call__(self, sizes: Mapping[str, int] | None = None) -> Any:
        """Return a new module, always with the same random weights.

        Raises
        ------
        UnreadError : if it cannot be made.
        """
        if self.make is None:
            return clone(self.module)
        with torch.random.fork_rng(devices=[]), default_dtype(torch.float64):  # so that a 0.9 kept in a tensor is 0.9
            torch.manual_seed(0)
            try:
                made = self.make(*self.loose, **{**self.given, **self.sizes, **(sizes or {})})
            except Exception as error:  # whatever a stranger's code raises
                said = ", ".join(f"{k}={v}" for k, v in {**self.sizes, **(sizes or {})}.items())
                raise UnreadError(
                    f"building {_name(self.make)}({said}) raised {type(error).__name__}: {error}",
                    do=f"say its arguments: {_name(self.make)}(3, 4)",
                ) from None
        if not isinstance(made, torch.nn.Module):
            raise UnreadError(f"{_name(self.make)} returns a {type(made).__name__}", allowed="a torch.nn.Module")
        return made

    @property
    def name(self) -> str:
        """What the module is called."""
        return _name(self.make) if self.make is not None else type(self.module).__name__


def maker(found: Any) -> Build:
    """Return how a module is made.

    Parameters
    ----------
    found : a class, a factory, a `functools.partial` of one with its arguments, or a module.

    Examples
    --------
    >>> maker(functools.partial(torch.nn.RNNCell, 3, 4)).sizes
    {'input_size': 3, 'hidden_size': 4}
    """
    if isinstance(found, torch.nn.Module):
        return Build(module=found)
    made = found.func if isinstance(found, functools.partial) else found
    args, named = (found.args, found.keywords) if isinstance(found, functools.partial) else ((), {})
    try:
        bound = inspect.signature(made).bind_partial(*args, **named)
    except (TypeError, ValueError) as error:
        raise UnreadError(f"the arguments of {_name(made)}: {error}") from None
    given, sizes, guesses = dict(bound.arguments), {}, list(GUESSES)
    for name, p in inspect.signature(made).parameters.items():
        if p.kind is p.VAR_POSITIONAL and name in given:
            return Build(made, dict(named), loose=tuple(args))
        if p.kind is p.VAR_KEYWORD:
            given |= given.pop(name, {})
            continue
        value = given.get(name, p.default)
        if value is p.empty and p.kind is not p.VAR_POSITIONAL and guesses:
            value = guesses.pop(0)  # that they are whole numbers is tried
        if type(value) is int:
            given.pop(name, None)
            sizes[name] = value
    return Build(made, given, sizes)


def example(shape: tuple[int, ...]) -> Any:
    """Return an example input of a shape, always the same.

    Examples
    --------
    >>> tuple(example((2, 3)).shape)
    (2, 3)
    """
    check_shape("the example", shape)
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def inputs(module: Any) -> list[int]:
    """Return sizes that an input may have: that of the first layer which says its inputs, then those of parameters.

    Examples
    --------
    >>> inputs(torch.nn.RNNCell(3, 4))
    [3, 4]
    """
    said = [getattr(p, "in_features", None) or getattr(p, "input_size", None) for p in module.modules()]
    first = [n for n in said if isinstance(n, int)][:1]
    both = [(p.shape[1], p.shape[0]) for p in module.parameters() if p.dim() == 2]
    sides = [n for sizes in both for n in sizes]
    beside = [i - o for i, o in both if i > o]  # of a weight that reads the input and the state, one after the other
    return list(dict.fromkeys([*first, *beside, *sides]))


def _name(made: Any) -> str:
    return str(getattr(made, "__name__", type(made).__name__))
