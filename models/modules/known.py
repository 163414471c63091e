"""Cells that were read and are gradcert's own by another name: a leaky integrator, LIF, a linear layer."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from gradcert.models.equations.expression import derivative
from gradcert.models.reading.network.layer import INTEGRATOR
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Integrator, Lif, Rnn
from gradcert.reference.numbers import FLOAT64, Array

Found = tuple[Any, dict[str, str]]  # the cell, and its names of the parameters -> those of the one that was read
# Two neurons that are one differ by the rounding of a few operations on numbers below 3; others by a share of them.
CLOSE = 1e-12


def integrator(cell: Any) -> Found | None:
    """Return the leaky integrator that a cell is, by which rules know a leaky readout."""
    recipe = cell.recipe
    if cell.name != INTEGRATOR or len(recipe.equations) != 2 or cell.trained != recipe.parameters:
        return None
    names, (a, z) = _weights(cell), recipe.equations
    if names is None or "H" in names or a.node != "a" or a.rest != "0":
        return None
    found = {name: derivative(z.rest, name) for name in ("a", "z_prev")}
    if any(e is None or e.free_symbols for e in found.values()):
        return None
    gain, kappa = float(found["a"]), float(found["z_prev"])
    if not 0 <= kappa <= 1 or gain not in (1.0, 1.0 - kappa):
        return None
    return Integrator(kappa=kappa, gain="one" if gain == 1.0 else "one_minus_kappa", bias="b" in names), names


def known(cell: Any) -> Found | None:
    """Return the cell of gradcert that one that was read is, if it is one that NIR has; None for another."""
    return integrator(cell) or _linear(cell) or _lif(cell)


def _weights(cell: Any) -> dict[str, str] | None:
    """Return the names of W, H and b; None where there are others."""
    recipe = cell.recipe
    summed = [e for e in recipe.equations if e.weighted]
    if len(summed) != 1 or set(cell.trained) != set(summed[0].biases) or len(summed[0].biases) > 1:
        return None
    called = {("x", 0): "W", ("z", 1): "H"}
    names = {called.get((source, lag), ""): weight for weight, source, lag in summed[0].weighted}
    if "" in names or "W" not in names or len(names) != len(summed[0].weighted):
        return None
    return names | ({"b": summed[0].biases[0]} if summed[0].biases else {})


def _linear(cell: Any) -> Found | None:
    names, equations = _weights(cell), cell.recipe.equations
    rest = [e.rest for e in equations]
    if names is None or "H" in names or rest not in (["0"], ["0", "+ a"]):
        return None
    return Rnn(activation="identity", recurrent=False, bias="b" in names), names


def _lif(cell: Any) -> Found | None:
    """Return the LIF that computes the same potential: conventions are tried on numbers."""
    names, recipe = _weights(cell), cell.recipe
    if names is None or not recipe.spikes or not {"v", "z"} <= set(recipe.nodes) or len(recipe.nodes) > 3:
        return None
    if recipe.equations[-1].rest.replace(" ", "") not in ("+spike(v-threshold)", "spike(v-threshold)"):
        return None
    rng = np.random.default_rng(0)
    v, a = rng.uniform(-2, 2, (2, 1, 16))
    z = (rng.uniform(0, 1, (1, 16)) < 0.5).astype(float)
    rested, kicked = _potential(cell, 0 * v, 0 * v, 0 * v), _potential(cell, 0 * v, 0 * v + 1, 0 * v)
    leak = float((_potential(cell, 0 * v + 1, 0 * v, 0 * v) - rested).flat[0])
    for reset, gain in product(("hard", "hard_with_input", "none", "subtract_before_leak", "subtract_after_leak"),
                               ("one", "one_minus_leak")):  # fmt: skip
        try:
            value = float(kicked.flat[0]) / (leak if reset == "hard" and leak else 1) if "hard" in reset else 0.0
            made = Lif(
                leak=leak, threshold=cell.threshold, reset=reset, reset_value=value, gain=gain,
                rest=float(rested.flat[0]) / (1 - leak) if leak < 1 and float(rested.flat[0]) else 0.0,
                surrogate=cell.surrogate, strict=cell.strict, recurrent="H" in names, bias="b" in names,
            )  # fmt: skip
        except GradcertError:  # a leak that is none
            return None
        if float(np.abs(_potential(made, v, z, a) - _potential(cell, v, z, a)).max()) <= CLOSE:
            return made, names
    return None


def _potential(cell: Any, v: Array, z: Array, a: Array) -> Array:
    """Return v of a step after v and z, with a weighted sum a."""
    prev = {node: 0 * v for node in cell.nodes} | {"v": v, "z": z}
    return np.asarray(cell.step(FLOAT64, dict(cell.constants()), lambda *_, **__: a, prev)["v"])
