"""Products and sums at the edge of the range: floats against exact rationals, and the budget between them.

``python -m scripts.attack.underflow`` draws 10^5 expressions of float32, and as many of float64, of which every product
is near the smallest number: chains of products in any association, sums of them, powers of two among the factors, and
large factors that bring a product back that has underflowed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.properties.numbers import Element, Precision
from gradcert.properties.numbers.element import constant

EDGE = {"float32": -126, "float64": -1022}  # exponents of the smallest normal numbers
DIGITS = {"float32": 24, "float64": 53}
Budget = Callable[[Element], float]


def without_underflow(e: Element) -> float:
    """Return what the budget was when it knew rounding alone."""
    if e.exact:
        return 0.0
    size = float(abs(e.ball).upper())  # of these expressions: one product, or a sum without cancellation
    return e.precision.gamma(e.count) * max(size, e.bound) + abs(e.value()) * 2.0**-53


class Draw:
    """One random expression, in three arithmetics at once.

    Attributes
    ----------
    element : on balls, in one association.
    exact : as a fraction.
    found : as a float of the dtype, in another association.
    """

    def __init__(self, dice: random.Random, dtype: str) -> None:
        self.dice, self.type, self.edge = dice, getattr(np, dtype), EDGE[dtype]
        self.precision = Precision(DIGITS[dtype])
        terms = [self._product() for _ in range(dice.choice((1, 1, 2, 3)))]
        self.element = terms[0][0]
        for element, _, _ in terms[1:]:
            self.element = self.element + element
        self.exact = sum((exact for _, exact, _ in terms), Fraction(0))
        dice.shuffle(terms)
        self.found = terms[0][2]
        for _, _, found in terms[1:]:
            self.found = self.found + found

    def _product(self) -> tuple[Element, Fraction, Any]:
        dice, count = self.dice, self.dice.choice((2, 2, 3, 4))
        # the exponents of the factors add up to the edge, or to some digits above or below it
        total = self.edge - dice.randrange(-8, 30)
        cuts = [dice.randrange(-60, 20) for _ in range(count - 1)]
        exponents = [*cuts, min(100, max(self.edge, total - sum(cuts)))]
        values = [self._factor(e) for e in exponents]
        element = constant(float(values[0]), self.precision)
        exact = Fraction(float(values[0]))
        for v in values[1:]:
            element = element * constant(float(v), self.precision)
            exact *= Fraction(float(v))
        dice.shuffle(values)
        while len(values) > 1:  # any binary tree
            a, b = values.pop(dice.randrange(len(values))), values.pop(dice.randrange(len(values)))
            values.append(a * b)
        return element, exact, values[0]

    def _factor(self, exponent: int) -> Any:
        significand = 1.0 if self.dice.random() < 0.2 else self.dice.uniform(1, 2)
        return self.type(self.dice.choice((-1, 1)) * np.ldexp(significand, exponent))


def outside(count: int, dtype: str, budget: Budget = Element.budget, *, seed: int = 0) -> int:
    """Return how many of the floats lie outside their budget."""
    dice, wrong = random.Random(seed), 0
    with np.errstate(under="ignore"):
        for _ in range(count):
            draw = Draw(dice, dtype)
            error = abs(Fraction(float(draw.found)) - Fraction(draw.element.value()))
            wrong += error > Fraction(budget(draw.element))
    return wrong


def main() -> int:
    """Draw, count, and print."""
    bad = 0
    for dtype in EDGE:
        now, before = outside(100_000, dtype), outside(100_000, dtype, without_underflow)
        print(f"{dtype}: 100000 expressions, {now} outside the budget, {before} outside the one without underflow")
        bad += now + (before == 0)
    return bad


if __name__ == "__main__":
    raise SystemExit(main())
