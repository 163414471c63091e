"""What the literal implementations share; written apart from the reference, which they are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[[Any], Any]


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e^-x) without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(np.asarray(x).dtype)


FUNCTIONS: dict[str, tuple[Function, Function]] = {  # name: function, derivative
    "identity": (lambda x: x, np.ones_like),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x >= 0).astype(x.dtype)),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
}


def pseudo(surrogate: Any, fault: str = "") -> Function:
    """Return the pseudo-derivative of a spike; `fault` names one of mathematics.md 14.9."""
    s = dict(surrogate.scales)
    forms: dict[str, Function] = {
        "triangle": lambda x: s["scale"] * np.maximum(0, 1 - np.abs(x) / s["width"]),
        "rect": lambda x: s["scale"] * (2 * s["scale"] * np.abs(x) < 1),
        "piecewise_leaky_relu": lambda x: np.where(np.abs(x) < s["width"], 1 / (2 * s["width"]), s["outside"]),
        "tanh": lambda x: 1 - np.tanh(x) ** 2,
        "sigmoid": lambda x: s["scale"] * sigmoid(s["scale"] * x) * sigmoid(-s["scale"] * x),
        "atan": lambda x: (s["scale"] / 2) / (1 + (np.pi * s["scale"] * x / 2) ** 2),
        "fast_sigmoid": lambda x: 1 / (s["slope"] * np.abs(x) + 1) ** 2,
        "super_spike_outside": lambda x: s["scale"] / (1 + np.abs(x)) ** 2,
        "exponential": lambda x: np.exp(-s["scale"] * np.abs(x)),
        "multi_gaussian": lambda x: _multi_gaussian(x, **s),
    }
    wrong: dict[str, Function] = {
        "T45 gamma": lambda x: np.maximum(0, 1 - np.abs(x) / s["width"]),
        "T115": lambda x: 1 / (1 + s["scale"] * np.abs(x)) ** 2,
        "T118": lambda x: s["scale"] * np.exp(-s["scale"] * x) / (np.exp(-s["scale"] * x) + 1) ** 2,
        "T119 clipped": lambda x: np.maximum(0, _multi_gaussian(x, **s)),
        "T119 width": lambda x: _multi_gaussian(x, **{**s, "sigma": 0.3 if s["sigma"] == 0.5 else 0.5}),
        "T120": lambda x: np.where(x < 0, s["scale"], -s["scale"]),
        "T121": lambda x: 0 * x,
    }
    return wrong.get(fault) or forms[surrogate.name]


def _multi_gaussian(x: Any, *, scale: float, sigma: float, side: float) -> Any:
    def normal(u: Any, s: float) -> Any:
        return np.exp(-(u**2) / (2 * s**2)) / (s * np.sqrt(2 * np.pi))

    lobes = normal(x - sigma, 6 * sigma) + normal(x + sigma, 6 * sigma)
    return scale * ((1 + side) * normal(x, sigma) - side * lobes)


def loss_error(loss: Any, z: Any, y: Any) -> Any:
    """Return the derivative of the loss of one step with respect to the output, before reduction."""
    if loss.kind == "squared_error":
        return z - y
    weights = np.exp(z - z.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True) * y.sum(axis=-1, keepdims=True) - y


def steps_counted(loss: Any, steps: int, batch: int) -> int:
    """Return what the sum over time and batch is divided by."""
    time = steps if loss.time == "mean" and loss.when == "every" else 1
    return time * (batch if loss.batch == "mean" else 1)


def errors(problem: Any, outputs: Any) -> Any:
    """Return dE/do, (time, batch, n_out)."""
    loss, (steps, batch) = problem.network.loss, problem.inputs.shape[:2]
    delta = loss_error(loss, outputs, problem.targets) / steps_counted(loss, steps, batch)
    if loss.when == "last":
        delta = np.concatenate([0 * delta[:-1], delta[-1:]])
    return delta


def local(problem: Any, i: int) -> dict[str, Any]:
    """Return the parameters of a layer by local name, constants of the cell included."""
    layer, prefix = problem.network.layers[i], f"layers.{i}."
    dtype = problem.inputs.dtype
    constants = {k: np.broadcast_to(v, (layer.units,)).astype(dtype) for k, v in layer.cell.constants().items()}
    own = {k.removeprefix(prefix): v for k, v in problem.parameters.items() if k.startswith(prefix)}
    defaults = {"b": np.zeros(layer.units, dtype=dtype), "H": np.zeros((layer.units, layer.units), dtype=dtype)}
    return {**defaults, **constants, **own}
