"""The random task of the ledger and of the sweep: spikes, targets and weights in a profile's formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import FloatFormat
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import AnyFormat, Program
from gradcert.hardware_models.description.random import random_inputs

Array = np.ndarray[Any, Any]
KEYS = {"W": "layers.0.W", "H": "layers.0.H", "Wo": "layers.1.W"}


@dataclass(frozen=True)
class Task:
    """A random task in the profile's formats: stored integers per step, and stored weights."""

    inputs: Sequence[Mapping[str, Array]]
    weights: Mapping[str, Array]


def units_of(fmt: AnyFormat) -> float:
    """Return the value of one stored unit (1 for floating point)."""
    return 1.0 if isinstance(fmt, FloatFormat) else float(fmt.ulp)


def task(p: Profile, step: Program, *, steps: int, seed: int) -> Task:
    """Draw spikes (three in ten), targets and weights that make the neurons fire, in the profile's formats."""
    rng = np.random.default_rng(seed)
    given = [dict(one) for one in random_inputs(step, steps, seed)]
    names = [n for n in KEYS if any(node.name == n for node in step.nodes)]
    weights = {}
    for name in names:
        node = step.node(name)
        fmt = node.numeric.format
        unit = units_of(fmt)
        drawn = rng.normal(0, spread(p, step, name), step.shape(node)) / unit
        if isinstance(fmt, FloatFormat):
            weights[name] = np.array([float(fmt.round(Fraction(float(v)))) for v in drawn.ravel()]).reshape(drawn.shape)
        else:
            weights[name] = np.clip(np.rint(drawn), fmt.low, fmt.high).astype(np.int64)
    if "H" in weights and step.name.partition("/")[2].startswith("e-prop"):
        np.fill_diagonal(weights["H"], 0)
    target = step.node("target")
    for one in given:
        one["x"] = (rng.random(step.shape(step.node("x"))) < 0.3).astype(np.int64)
        fmt = target.numeric.format
        wanted = rng.choice([-1.0, 0.0, 1.0], step.shape(target)) / units_of(fmt)
        one["target"] = wanted if isinstance(fmt, FloatFormat) else np.clip(wanted, fmt.low, fmt.high).astype(np.int64)
        if "window_end" in one:
            one["window_end"] = np.array(0)
        if p.update == "pulses":
            one.update(weights)
    return Task(given, weights)


def spread(p: Profile, step: Program, name: str) -> float:
    """Return the standard deviation of the task's weights: neurons fire, and nothing explodes.

    Input weights of 0.6 thresholds make neurons fire. Lateral weights keep the gain of one trip around the recurrence
    below one, or BPTT's gradient would grow like gain ** steps: sqrt(neurons) x spread x highest pseudo-derivative is
    one half. Readout weights keep a leaky readout, a sum of random terms that grows like the root of its length, of
    order one. None is below two units of the weight's format, or
    most weights would be zero.
    """
    fmt = p["weight"].format
    least = 0.0 if isinstance(fmt, FloatFormat) else 2 * float(fmt.ulp)
    if name == "H":
        peak = float(max(abs(h) for h in p.surrogate.heights))
        return max(least, min(0.6 * float(p.threshold), 0.5 / peak / step.sizes["post"] ** 0.5))
    if name == "Wo":
        leaky = any(node.name == "o" for node in step.nodes)
        return max(least, 0.6 * ((1 - float(p.readout_leak)) ** 0.5 if leaky else 1))
    return max(least, 0.6 * float(p.threshold))


def started(step: Program, weights: Mapping[str, Array]) -> dict[str, Array]:
    """Return the states that go with loaded weights: the weights, and FPTT's running means, which start at them."""
    states = {n.name: n for n in step.of_kind("state")}
    out = {name: np.asarray(stored) for name, stored in weights.items() if name in states}
    for name, stored in weights.items():
        mean = states.get(f"{name}.mean")
        if mean is not None:
            fmt = mean.numeric.format
            shift = 0 if isinstance(fmt, FloatFormat) else fmt.radix - step.node(name).format.radix
            out[mean.name] = np.asarray(stored) if shift == 0 else np.asarray(stored) << shift
    return out
