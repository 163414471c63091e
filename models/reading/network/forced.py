"""Spikes that are given: the engine computes everything else around the spikes that the module itself had.

Two right programs in single precision may disagree about a spike whose potential is at its threshold, and about all
that follows from it. The gradient is judged on the module's own spikes, so that what is left to disagree about are
roundings. That these spikes are
right is a question of its own: `margins` says how far from its threshold a potential was that disagrees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcert.reference.numbers import Activation, Array, Floats


@dataclass(frozen=True)
class Forced(Floats):
    """Floats in which every step function returns what it is given.

    Attributes
    ----------
    given : the spikes, step by step, layer after layer.
    margins : gets, for every call, how far an argument is on the wrong side of its threshold at most.
    """

    given: Any = None
    margins: list[float] = field(default_factory=list)

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return activation(x), the given spikes of a step function."""
        if activation.step is None or self.given is None:
            return super().apply(activation, x)
        spikes: Array = np.asarray(next(self.given), dtype=x.dtype)
        own = super().apply(activation, x)
        wrong = own != spikes
        self.margins.append(float(np.abs(x[wrong]).max()) if wrong.any() else 0.0)
        return spikes
