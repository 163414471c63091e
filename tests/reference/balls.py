"""Ball arithmetic as a number system: two computations of one number overlap, and nothing needs a tolerance.

Every result encloses what exact arithmetic would give. If two enclosures are disjoint, the numbers differ; if they
overlap and are narrower than WIDTH of the larger of the two arrays, they agree to that many digits.
"""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
from flint import arb, ctx

BITS = 200
# 200 bits are 60 digits; the nets of these tests lose fewer than 20 of them, and no wrong formula hides in the rest
WIDTH = arb(10) ** -40


@contextmanager
def precision(bits):
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def ball(value):
    return value if isinstance(value, arb) else arb(value.item() if isinstance(value, np.generic) else value)


class Balls:
    name = "balls"

    @property
    def pi(self):
        return arb.pi()

    def zeros(self, shape):
        return self.array(np.zeros(shape))

    def array(self, values):
        values = np.asarray(values)
        out = np.empty(values.shape, dtype=object)
        for index in np.ndindex(values.shape):
            out[index] = ball(values[index])
        return out

    def apply(self, activation, x):
        return activation.value(x, self)

    def slope(self, activation, x):
        return activation.derivative(x, self)

    def exp(self, x):
        return each(arb.exp, x)

    def tanh(self, x):
        return each(arb.tanh, x)

    def absolute(self, x):
        return each(abs, x)

    def where(self, a, relation, b, then, otherwise):
        a, b, then, otherwise = np.broadcast_arrays(*(np.asarray(q, dtype=object) for q in (a, b, then, otherwise)))
        out = np.empty(a.shape, dtype=object)
        for index in np.ndindex(a.shape):
            out[index] = ball((then if decided(a[index] - b[index], relation) else otherwise)[index])
        return out


def decided(x, relation):
    """Whether x relation 0; an undecided comparison is an error, never a guess."""
    x = ball(x)
    if x.contains(0) and x != 0:
        raise ArithmeticError(f"the sign of {x} is not known")
    return {"<": x < 0, "<=": x <= 0, ">": x > 0, ">=": x >= 0}[relation]


def each(f, x):
    x = np.asarray(x, dtype=object)
    out = np.empty(x.shape, dtype=object)
    for index in np.ndindex(x.shape):
        out[index] = f(ball(x[index]))
    return out


def size(array):
    """The largest absolute value of an array, as a float."""
    return max((float(abs(ball(v)).upper()) for v in np.ravel(array)), default=0.0)


def agree(mine, theirs):
    """Whether all entries overlap; raise if the enclosures are too wide to say."""
    if np.shape(mine) != np.shape(theirs):
        return False
    scale = ball(max(size(mine), size(theirs)))
    for a, b in zip(np.ravel(mine), np.ravel(theirs), strict=True):
        a, b = ball(a), ball(b)
        if max(a.rad(), b.rad()) > WIDTH * scale:
            raise ArithmeticError(f"enclosures {a}, {b} are too wide")
        if not a.overlaps(b):
            return False
    return True


BALLS = Balls()
