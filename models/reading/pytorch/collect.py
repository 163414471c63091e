"""What a module that takes whole sequences returns of the values of its steps: all of them, the last, a sum, a mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from gradcert.reference.errors import GradcertError

SUMMED = "the last step over the number of steps"
COLLECT: dict[str, Callable[[Any], Any]] = {
    "every step": lambda o: o,
    "every step, samples first": lambda o: o.transpose(0, 1),
    "the last step": lambda o: o[-1],
    SUMMED: lambda o: o[-1] / len(o),
    "the sum over steps": lambda o: o.sum(0),
    "the mean over steps": lambda o: o.mean(0),
    "the maximum over steps": lambda o: o.amax(0),
}
CLOSE = 1e-9  # as in `check`: right ones differ by roundings, wrong ones by a share of the values


def ways(result: Any, outputs: Any) -> list[str]:
    """Return all the ways in which a result comes from the outputs of all steps, (time, batch, units).

    They are several where a network is silent.

    Raises
    ------
    GradcertError : if in none of the ways that are known.

    Examples
    --------
    >>> outputs = torch.arange(6.0).reshape(3, 1, 2)
    >>> ways(outputs.sum(0), outputs)
    ['the sum over steps']
    """
    flat = result.detach().reshape(-1)
    size = max(float(flat.abs().max()), 1.0)
    found = []
    for name, collect in COLLECT.items():
        mine = collect(outputs).reshape(-1)
        if mine.shape == flat.shape and float((mine - flat).abs().max()) <= CLOSE * size:
            found.append(name)
    if found:
        return found
    raise GradcertError(
        f"a module that returns {tuple(result.shape)} of steps of {tuple(outputs.shape)}",
        allowed=", ".join(COLLECT),
        do="return the outputs of all steps, without the value before the first step, and collect them outside",
    )


def spread(how: str, gradient: Any, outputs: Any) -> Any:
    """Return what a gradient at the result is at the outputs of all steps.

    Examples
    --------
    >>> outputs = torch.arange(6.0).reshape(3, 1, 2)
    >>> spread("the last step", torch.ones(1, 2), outputs)[:, 0].tolist()
    [[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]
    """
    leaf = outputs.detach().clone().requires_grad_()
    with torch.enable_grad():
        result = COLLECT[how](leaf)
    return torch.autograd.grad(result, leaf, gradient.reshape(result.shape))[0]
