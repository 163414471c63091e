"""What a command line names: what a class or a factory makes, shapes, a step of JAX and its arguments."""

from __future__ import annotations

import ast
from inspect import isclass, ismodule
from math import prod
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError

LARGEST = 2**26  # numbers of an example
Call = tuple[tuple[Any, ...], dict[str, Any]]  # arguments by place, and by name


def is_step(file: Any, found: Any, params: str | None) -> bool:
    """Return whether something is written in JAX: of flax, or a function in a file that imports JAX and no PyTorch."""
    bases = {base.__module__.partition(".")[0] for base in (found if isclass(found) else type(found)).__mro__}
    if params is not None or "flax" in bases:
        return True
    imported = {v.__name__.partition(".")[0] for v in vars(file).values() if ismodule(v)}
    return not isclass(found) and "torch" not in bases | imported and bool(imported & {"jax", "flax"})


def arguments_of(
    name: str,
    file: Any,
    found: Any,
    call: Call | None,
    params: str | None,
    example: str | None,
    state: str | None,
) -> tuple[Any, Any, Any, Any]:
    """Return what `gradcert.read` takes: the step, its parameters, an example input, a state."""
    from gradcert.models.reading import needs_jax

    needs_jax("reading a step function of JAX")
    if example is None:
        raise GradcertError("no example input", do='pass its shape, with the batch first: --example "x=(32,700)"')
    (shape,) = shapes_of(example.removeprefix("x="), "--example")[:1]
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    step = built(name, found, call) if call is not None or isclass(found) else found
    own = None if params is None else from_file(file, params, "--params")
    if state is None or not state.strip().isidentifier():
        zeros = tuple(np.zeros(s, "float32") for s in shapes_of(state, "--state")) if state else None
        return step, own, x, zeros[0] if zeros and len(zeros) == 1 else zeros
    return step, own, x, from_file(file, state.strip(), "--state")


def from_file(file: Any, name: str, option: str) -> Any:
    """Return what has a name in a file, or what a function of that name returns."""
    if not hasattr(file, name):
        raise GradcertError(f"{option} {name}, which {file.__name__}.py has not", allowed="a name in the file")
    found = getattr(file, name)
    return built(name, found, None) if callable(found) else found


def built(name: str, found: Any, call: Call | None) -> Any:
    """Return what a class or a function makes.

    Raises
    ------
    GradcertError : for whatever the user's code raises.
    """
    try:
        return found(*call[0], **call[1]) if call else found()
    except GradcertError:
        raise
    except Exception as error:  # whatever a stranger's code raises
        raise GradcertError(
            f"building {name.rpartition(':')[2].partition('(')[0]}({_said(call)}) raised "
            f"{type(error).__name__}: {error}",
            do="say its arguments: FILE.py:Model(3, 4)",
        ) from None


def _said(call: Call | None) -> str:
    args, named = call or ((), {})
    return ", ".join([*map(repr, args), *(f"{k}={v!r}" for k, v in named.items())])


def state_of(file: Any, given: str | None) -> Any:
    """Return a state of PyTorch: what has that name in a file, or zeros of the shapes given, a tuple of several."""
    import torch

    text = (given or "").strip()
    if not text:
        return None
    if text.isidentifier():
        return from_file(file, text, "--state")
    zeros = tuple(torch.zeros(*shape) for shape in shapes_of(text, "--state"))
    return zeros if len(zeros) > 1 else zeros[0]


def check_shape(what: str, shape: tuple[int, ...]) -> None:
    """Raise for a shape of more numbers than are made for an example.

    Examples
    --------
    >>> check_shape("--example", (99999999999, 9))
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: --example (99999999999, 9), which is 7.2e+12 bytes; allowed: at most ...
    """
    numbers = prod(shape)
    if numbers > LARGEST:
        raise GradcertError(
            f"{what} {shape}, which is {8.0 * numbers:.2g} bytes",
            allowed=f"at most {LARGEST} numbers, {8 * LARGEST >> 20} MiB in float64",
            do="say a smaller batch: what is read does not depend on it",
        )


def shapes_of(text: str, what: str) -> list[tuple[int, ...]]:
    """Read shapes: ``(32, 700)``, or several of them.

    Examples
    --------
    >>> shapes_of("(32,128),(32,10)", "a state")
    [(32, 128), (32, 10)]
    """
    try:
        found = ast.literal_eval(f"[{text}]")
        shapes = [tuple(int(n) for n in shape) for shape in found]
    except (ValueError, SyntaxError, TypeError):
        raise GradcertError(f"{what} {text!r}", allowed="shapes such as (32, 128), several with commas") from None
    if not shapes or any(n < 1 for shape in shapes for n in shape):
        raise GradcertError(f"{what} {text!r}", allowed="shapes such as (32, 128)")
    for shape in shapes:
        check_shape(what, shape)
    return shapes
