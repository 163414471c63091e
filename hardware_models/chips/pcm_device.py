"""Phase-change memory pairs: the devices (hardware.md 1.7; constants read in srnn-pcm at 2d91783).

A synapse is the difference of two conductances in microsiemens, each the mean of `devices` cells. A SET pulse only
adds; its
mean falls with the conductance and with the pulse history, its spread grows with both. Reading sees drift and noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError

Array = np.ndarray[Any, Any]
LOWEST, HIGHEST = 0.1, 12.0  # conductance range, uS
STEP = 0.75  # nominal conductance step of a pulse, uS
MEMORY = math.exp(-1 / 2.6)  # what a pulse leaves of the history term
MEAN = (-0.084, 0.880, 1.40)  # mean step = m G + c + a P
SPREAD = (0.091, 0.260, 2.15)
READ_NOISE = (0.03, 0.13)  # standard deviation = 0.03 G + 0.13
DRIFT, REFERENCE_SECONDS = 0.04, 38.6
SCHEMES = ("sign", "stochastic", "devices", "accumulate", "update-ready")


@dataclass
class PcmPairs:
    """An array of synapses.

    Parameters
    ----------
    shape : of the weight matrix.
    devices : cells per polarity, pulsed round robin by the scheme `devices`.
    seed : of the device noise; `noise=False` makes every pulse its mean and every read exact.

    Examples
    --------
    >>> pairs = PcmPairs((2, 3), noise=False)
    >>> pairs.pulse(np.ones((2, 3), bool), positive=True)
    >>> bool((pairs.conductance[0] > pairs.conductance[1]).all())
    True
    """

    shape: tuple[int, ...]
    devices: int = 1
    seed: int = 0
    noise: bool = True
    conductance: Array = field(init=False)
    history: Array = field(init=False)
    written: Array = field(init=False)
    turn: Array = field(init=False)
    remainder: Array = field(init=False)

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise GradcertError(f"{self.devices} devices per polarity", allowed="1 or more", do="pass devices=1")
        whole = (2, self.devices, *self.shape)
        self.random = np.random.default_rng(self.seed)
        self.conductance = np.full(whole, LOWEST)
        self.history = np.ones(whole)
        self.written = np.zeros(whole)
        self.turn = np.zeros((2, *self.shape), dtype=np.int64)
        self.remainder = np.zeros(self.shape)

    def _normal(self, spread: Array) -> Array:
        return self.random.normal(size=spread.shape) * spread if self.noise else np.zeros_like(spread)

    def pulse(self, where: Array, *, positive: bool, seconds: float = 0.0) -> None:
        """Give one SET pulse to the selected synapses' next cell of one polarity, round robin."""
        side = 0 if positive else 1
        chosen = where & (np.arange(self.devices).reshape(-1, *(1,) * len(self.shape)) == self.turn[side])
        g, p = self.conductance[side], self.history[side]
        p[chosen] *= MEMORY
        mean = MEAN[0] * g[chosen] + MEAN[1] + MEAN[2] * p[chosen]
        spread = SPREAD[0] * g[chosen] + SPREAD[1] + SPREAD[2] * p[chosen]
        g[chosen] = np.clip(g[chosen] + mean + self._normal(spread), LOWEST, HIGHEST)
        self.written[side][chosen] = seconds
        self.turn[side][where] = (self.turn[side][where] + 1) % self.devices

    def weights(self, *, seconds: float | None = None) -> Array:
        """Read the difference of mean conductances; with a time, after drift and with read noise."""
        g = self.conductance
        if seconds is not None:
            age = np.maximum(seconds - self.written, 1e-3)  # drift is a power law from the first millisecond on
            g = g * (age / REFERENCE_SECONDS) ** -DRIFT
            g = np.clip(g + self._normal(READ_NOISE[0] * g + READ_NOISE[1]), LOWEST, HIGHEST)
        mean = g.mean(axis=1)
        return np.asarray(mean[0] - mean[1])

    def reset(self, where: Array, *, seconds: float = 0.0) -> None:
        """RESET both polarities of the selected synapses."""
        for side in (0, 1):
            self.conductance[side][:, where] = LOWEST
            self.history[side][:, where] = 1.0
            self.written[side][:, where] = seconds

    def refresh(self, *, level: float = 9.0, seconds: float = 0.0) -> Array:
        """Rewrite synapses of which one side passed `level` while the pair nearly cancels; returns which."""
        mean = self.conductance.mean(axis=1)
        chosen = (mean.max(axis=0) > level) & (np.abs(mean[0] - mean[1]) < level / 4)
        kept = np.where(chosen, mean[0] - mean[1], 0.0)
        self.reset(chosen, seconds=seconds)
        self._pulses(np.trunc(kept * self.devices / STEP).astype(np.int64), seconds)
        return chosen

    def _pulses(self, count: Array, seconds: float) -> None:
        for k in range(int(np.abs(count).max(initial=0))):
            self.pulse(count > k, positive=True, seconds=seconds)
            self.pulse(-count > k, positive=False, seconds=seconds)

    def update(self, change: Array, scheme: str, *, seconds: float = 0.0, scale: float = 10.0) -> Array:
        """Ask for a change of conductance (uS) by one of five schemes; returns the pulses given, signed.

        ``sign`` one pulse in the change's direction; ``stochastic`` one pulse with probability |change| / scale;
        ``devices`` whole steps of one cell, round robin; ``accumulate`` floor-divided by 1/8 step, remainder kept;
        ``update-ready`` as `devices`, but a pair that cannot make the step is reset first.
        """
        if scheme not in SCHEMES:
            raise GradcertError(f"update scheme {scheme!r}", allowed=", ".join(SCHEMES), do="choose one of them")
        if scheme == "sign":
            count = np.sign(change).astype(np.int64)
        elif scheme == "stochastic":
            hit = np.abs(change) / scale > self.random.random(self.shape)
            count = np.where(hit, np.sign(change), 0).astype(np.int64)
        elif scheme == "accumulate":
            self.remainder = self.remainder + change / STEP
            count = np.floor(self.remainder / 0.125).astype(np.int64)
            self.remainder = self.remainder - 0.125 * count
        else:
            if scheme == "update-ready":
                side = np.where(change > 0, self.conductance.mean(axis=1)[0], self.conductance.mean(axis=1)[1])
                full = np.abs(change) > HIGHEST - 2 - side
                old = self.weights()
                self.reset(full, seconds=seconds)
                change = np.where(full, old + change, change)
            count = np.trunc(change * self.devices / STEP).astype(np.int64)
        self._pulses(count, seconds)
        return count
