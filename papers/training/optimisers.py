"""Optimisers on flat dicts of NumPy arrays: gradient descent with momentum, and Adam (Kingma & Ba, arXiv 1412.6980).

An optimiser holds its own averages, in the dtype of the parameters, and gives new parameters; it changes none in place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from gradcert.reference.numbers import Array

Arrays = Mapping[str, Array]


def clipped(gradients: Arrays, norm: float) -> dict[str, Array]:
    """Return the gradients scaled so that their norm, all together, is `norm` at most.

    Examples
    --------
    >>> import numpy as np
    >>> clipped({"w": np.array([3.0, 4.0])}, 1.0)
    {'w': array([0.6, 0.8])}
    """
    size = math.sqrt(sum(float((g.astype(float) ** 2).sum()) for g in gradients.values()))
    if size <= norm:
        return dict(gradients)
    return {name: (g * (norm / size)).astype(g.dtype) for name, g in gradients.items()}


@dataclass
class Sgd:
    """w <- w - rate m, m <- momentum m + g.

    Examples
    --------
    >>> import numpy as np
    >>> descend = Sgd(0.5)
    >>> descend({"w": np.array([1.0])}, {"w": np.array([1.0])})
    {'w': array([0.5])}
    """

    rate: float
    momentum: float = 0.0
    velocity: dict[str, Array] = field(default_factory=dict)

    def __call__(self, parameters: Arrays, gradients: Arrays) -> dict[str, Array]:
        """Return the parameters after one update."""
        out = {}
        for name, w in parameters.items():
            m = self.momentum * self.velocity.get(name, 0.0) + gradients[name]
            self.velocity[name] = m.astype(w.dtype)
            out[name] = (w - self.rate * self.velocity[name]).astype(w.dtype)
        return out


@dataclass
class Adam:
    """Adam with bias correction.

    Examples
    --------
    >>> import numpy as np
    >>> descend = Adam(0.5)
    >>> descend({"w": np.array([1.0])}, {"w": np.array([3.0])})["w"].round(6)
    array([0.5])
    """

    rate: float
    first: float = 0.9
    second: float = 0.999
    small: float = 1e-8
    count: int = 0
    mean: dict[str, Array] = field(default_factory=dict)
    square: dict[str, Array] = field(default_factory=dict)

    def __call__(self, parameters: Arrays, gradients: Arrays) -> dict[str, Array]:
        """Return the parameters after one update."""
        self.count += 1
        one, two = 1 - self.first**self.count, 1 - self.second**self.count
        out = {}
        for name, w in parameters.items():
            g = gradients[name]
            m = self.first * self.mean.get(name, 0.0) + (1 - self.first) * g
            v = self.second * self.square.get(name, 0.0) + (1 - self.second) * g * g
            self.mean[name], self.square[name] = m.astype(w.dtype), v.astype(w.dtype)
            out[name] = (w - self.rate * (m / one) / ((v / two) ** 0.5 + self.small)).astype(w.dtype)
        return out
