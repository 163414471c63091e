"""The Poisson loss of counts y whose logarithm of the rate is o, and its derivative, as a claim takes them."""

import numpy as np


def loss(o, y):
    """Return -log of the probability of y, less what does not depend on o."""
    return np.exp(o) - y * o


def slope(o, y):
    """Return its derivative by o."""
    return np.exp(o) - y
