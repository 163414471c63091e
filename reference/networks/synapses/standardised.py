"""Weight standardisation: the weight that acts is the raw one, less its mean and over its deviation, row by row.

With n weights w_1 ... w_n of one unit, c = w - mean w, r = 1 / sqrt(mean c^2 + epsilon), the weight that acts is
s = r c, and the pull-back of g to w is d - mean d with d = r (g - s mean(g s)).
"""

from __future__ import annotations

import numpy as np

from gradcert.reference.networks.synapses.mean import share
from gradcert.reference.numbers import Array, Numbers, called


def standardise(weight: Array, epsilon: Array, numbers: Numbers) -> tuple[Array, Array]:
    """Return the weight that acts, and r of every unit, (units, 1); of (units, ...) numbers.

    Examples
    --------
    >>> from gradcert.reference.numbers import FLOAT64
    >>> acts, scale = standardise(np.array([[1.0, 3.0]]), np.array(3.0), FLOAT64)
    >>> acts.tolist(), scale.tolist()
    ([[-0.5, 0.5]], [[0.5]])
    """
    rows = weight.reshape(len(weight), -1)
    centred = rows - _mean(rows)
    scale = 1 / called(numbers, "sqrt")(_mean(centred * centred) + epsilon)
    return (centred * scale).reshape(weight.shape), scale


def pulled_back(gradient: Array, acts: Array, scale: Array) -> Array:
    """Return the gradient of the raw weight, given that of the weight that acts.

    Examples
    --------
    >>> pulled_back(np.array([[1.0, 0.0]]), np.array([[-0.5, 0.5]]), np.array([[0.5]]))
    array([[ 0.1875, -0.1875]])
    """
    g, s = gradient.reshape(len(acts), -1), acts.reshape(len(acts), -1)
    d = scale * (g - s * _mean(g * s))
    return np.asarray(d - _mean(d)).reshape(gradient.shape)


def _mean(rows: Array) -> Array:
    return share(rows.sum(axis=-1, keepdims=True), rows.shape[-1])
