"""A step function of JAX named on the command line: its parameters, state and example input."""

from __future__ import annotations

from inspect import isclass, ismodule
from typing import Any

import numpy as np

from gradcert.commands.modules import built, shapes_of
from gradcert.reference.errors import GradcertError


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
    call: str | None,
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
