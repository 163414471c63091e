"""Random inputs and states of a description, and its arrays as flat stored integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import FloatFormat, round_floats
from gradcert.hardware_models.description.program import Program

Array = np.ndarray[Any, Any]


def random_inputs(program: Program, steps: int, seed: int) -> list[dict[str, Array]]:
    """Draw inputs and words uniformly from their declared ranges, one in eight at an end of its range.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> random_inputs(trace_unit(Format.parse("u4q0"), leak=0.5), 2, seed=0)[0].keys()
    dict_keys(['spike'])
    """
    rng = np.random.default_rng(seed)
    out = []
    leaves = program.of_kind("input", "random")
    for _ in range(steps):
        one = {}
        for node in leaves:
            shape = program.shape(node)
            if isinstance(node.numeric.format, FloatFormat):
                one[node.name] = round_floats(rng.normal(size=shape), node.numeric.format).astype(np.float32)
                continue
            low, high = node.bounds
            drawn = rng.integers(low, high, shape, dtype=np.int64, endpoint=True)
            ends = np.where(rng.random(shape) < 0.5, low, high)
            one[node.name] = np.where(rng.random(shape) < 1 / 8, ends, drawn)
        out.append(one)
    return out


def random_states(program: Program, seed: int) -> dict[str, Array]:
    """Draw a state of every size: uniform over the format, shifted right by a random number of bits.

    One in eight at an end.

    Examples
    --------
    >>> from gradcert.hardware_models.arithmetic import Format
    >>> from gradcert.hardware_models.units import trace_unit
    >>> random_states(trace_unit(Format.parse("u4q0"), leak=0.5), seed=0)["e"].dtype
    dtype('int64')
    """
    rng = np.random.default_rng([seed, 1])
    out = {}
    for node in program.of_kind("state"):
        if isinstance(node.numeric.format, FloatFormat):
            scale = np.exp2(rng.integers(-8, 4, program.shape(node)))
            real = rng.normal(size=program.shape(node)) * scale
            out[node.name] = round_floats(real, node.numeric.format).astype(np.float32)
            continue
        low, high = node.bounds
        drawn = rng.integers(low, high, program.shape(node), dtype=np.int64, endpoint=True)
        drawn >>= rng.integers(0, node.format.width, program.shape(node))
        ends = np.where(rng.random(program.shape(node)) < 0.5, low, high)
        out[node.name] = np.where(rng.random(program.shape(node)) < 1 / 8, ends, drawn)
    return out


def flatten(program: Program, arrays: Mapping[str, Array], names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Return stored integers by elaborated name."""
    flat: dict[str, Any] = {}
    for node in program.nodes:
        if node.name not in arrays or (names is not None and node.name not in names):
            continue
        array = np.asarray(arrays[node.name])
        for index in np.ndindex(array.shape):
            label = f"{node.name}[{','.join(map(str, index))}]" if index else node.name
            flat[label] = array[index].item() if hasattr(array[index], "item") else array[index]
    return flat
