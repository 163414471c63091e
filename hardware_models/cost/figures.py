"""Figures: what truncation does to a slow trace, and the asymmetry of PCM's floor."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import RECKON, Format, Rounding, Stochastic
from gradcert.hardware_models.description.program import with_lanes
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.units import trace_unit
from gradcert.reference.errors import GradcertError
from gradcert.reference.installing import install

Array = np.ndarray[Any, Any]
ALPHA = Fraction(0x7FEF, 1 << 15)


def new_figure(columns: int = 1) -> tuple[Any, Any]:
    """Return (figure, axes) of matplotlib without a display."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise GradcertError("matplotlib is not installed", do=install("plots")) from error
    figure = Figure(figsize=(5.5 * columns, 4), layout="constrained")
    return figure, figure.subplots(1, columns)


def trace_decay(start: int = 64, steps: int = 2000, *, runs: int = 300, seed: int = 0) -> dict[str, Array]:
    """Return ReckOn-style traces of `start` without spikes: real, truncated, and the mean of `runs` stochastic ones.

    The stochastic runs use the published 15-bit generator from random seeds. hardware.md 1.1 sampled 49.2 after 500
    steps and
    22.4 after 2000; the real decay, and the exact mean (`proofs.dead_zone.expected_decay`), are 49.4 and 22.7.

    Examples
    --------
    >>> bool(trace_decay(steps=64, runs=2)["truncated"][-1] == 0)
    True
    """
    source = Stochastic("lfsr15", 15, hold_zero=True)
    fmt = Format(False, 12)
    floor = Simulator(trace_unit(fmt, leak=ALPHA))
    floor.state["e"] = np.array(start)
    lanes = Simulator(with_lanes(trace_unit(fmt, leak=ALPHA, rounding=Rounding.STOCHASTIC, source=source), runs))
    lanes.state["e"] = np.full(runs, start)
    seeds = np.random.default_rng(seed).integers(1, 1 << 15, runs)
    words = np.stack([RECKON["lfsr15"].cycles(steps, int(s))[:, 0] for s in seeds], axis=1)
    truncated, mean = [start], [float(start)]
    quiet = np.zeros(runs, dtype=np.int64)
    for row in words:
        truncated.append(int(floor.step({"spike": 0})["e.next"]))
        mean.append(float(lanes.step({"spike": quiet, "e.leaked.word": row})["e.next"].mean()))
    real = start * float(ALPHA) ** np.arange(steps + 1)
    return {"real": real, "truncated": np.array(truncated), "stochastic": np.array(mean)}


def first_pulse(gradient: Fraction, *, pulse: Fraction = Fraction(1, 8), toward_zero: bool = False) -> int:
    """Return how many updates of `gradient` an accumulator needs until it releases its first pulse.

    With floor division a positive sum waits until it reaches a whole pulse, a negative one acts at once
    (hardware.md 1.7).

    Examples
    --------
    >>> first_pulse(Fraction(1, 10**6)), first_pulse(Fraction(-1, 10**6))
    (125000, 1)
    >>> first_pulse(Fraction(-1, 10**6), toward_zero=True)
    125000
    """
    if gradient == 0:
        raise GradcertError("an update of zero never releases a pulse", do="give a non-zero update")
    steps = -((-pulse) // abs(gradient))  # ceiling: the first sum of at least one pulse
    return int(steps) if gradient > 0 or toward_zero else 1


def pulses_released(gradient: Fraction, updates: int, *, radix: int = 30, toward_zero: bool = False) -> Array:
    """Return the sum of released pulses after each update, from the accumulator itself.

    The second way to `first_pulse`.

    The accumulator has `radix` fraction bits and the update is rounded to nearest at that radix.
    """
    from gradcert.hardware_models.arithmetic import drop_bits, integers

    step = round(gradient * 2**radix)
    mode = Rounding.TOWARD_ZERO if toward_zero else Rounding.FLOOR
    total, released, out = 0, 0, []
    for _ in range(updates):
        total += step
        pulses = int(drop_bits(integers([total]), radix - 3, mode)[0])
        total -= pulses << (radix - 3)
        released += pulses
        out.append(released)
    return np.array(out)
