"""Is a SymPy expression zero? Expanded in a polynomial ring over the rationals, which is a proof and fast.

Symbols and applied undefined functions are the generators. A negative power of anything is a generator too, with the
relation x * (1/x) = 1, which is used when an element is compared with 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy
from flint import Ordering, fmpq, fmpq_mpoly_ctx

from gradcert.reference.errors import GradcertError


def generators(expressions: Iterable[Any]) -> list[Any]:
    """Return the symbols and function values that the expressions are polynomials in."""
    seen: set[Any] = set()
    found: set[Any] = set()
    stack = list(expressions)
    while stack:
        e = stack.pop()
        if e in seen:
            continue
        seen.add(e)
        if e.is_Symbol or e.is_Function or isinstance(e, sympy.Indexed | sympy.KroneckerDelta | sympy.Sum):
            found.add(e)
        elif e.is_Pow and e.exp.is_Integer and e.exp < 0:
            found.add(1 / e.base)
            stack.append(e.base)
        else:
            stack.extend(e.args)
    return sorted(found, key=str)


class Ring:
    """Polynomials in a fixed set of generators.

    Parameters
    ----------
    expressions : whatever will be converted; their generators are the ring's.

    Examples
    --------
    >>> x, y = sympy.symbols("x y")
    >>> ring = Ring([x, y])
    >>> ring((x + y) ** 2 - x**2 - y**2 - 2 * x * y) == 0
    True
    """

    def __init__(self, expressions: Iterable[Any]) -> None:
        self.generators = generators(expressions)
        names = [f"g{i}" for i in range(max(1, len(self.generators)))]
        self.context = fmpq_mpoly_ctx.get(names, Ordering.lex)
        self.zero, self.one = self.context.constant(0), self.context.constant(1)
        self._known: dict[Any, Any] = dict(zip(self.generators, self.context.gens(), strict=False))
        self._inverses = [(g, i) for i, g in enumerate(self.generators) if g.is_Pow]

    def __call__(self, expression: Any) -> Any:
        """Convert an expression."""
        known = self._known
        e = sympy.sympify(expression)
        if e in known:
            return known[e]
        stack = [e]
        while stack:
            top = stack[-1]
            missing = [] if top.is_Rational else [a for a in top.args if a not in known]
            if missing and not top.is_Pow:
                stack.extend(missing)
                continue
            if top.is_Pow and top.exp > 0 and top.base not in known:
                stack.append(top.base)
                continue
            known[top] = self._node(top)
            stack.pop()
        return known[e]

    def _node(self, e: Any) -> Any:
        if e.is_Rational:
            return self.context.constant(fmpq(int(e.p), int(e.q)))
        if e.is_Add:
            total = self.zero
            for a in e.args:
                total = total + self._known[a]
            return total
        if e.is_Mul:
            product = self.one
            for a in e.args:
                product = product * self._known[a]
            return product
        if e.is_Pow and e.exp.is_Integer:
            return (self._known[e.base] if e.exp > 0 else self._known[1 / e.base]) ** abs(int(e.exp))
        raise GradcertError(
            f"the expression {e} is no polynomial in the ring's generators", allowed="sums and products"
        )

    def vanishes(self, element: Any) -> bool:
        """Return whether an element is 0, quotients included: it is multiplied by its denominators first."""
        for inverse, position in self._inverses:
            if element == 0:
                return True
            degree = element.degrees()[position]
            if degree:
                base, total = self(1 / inverse), self.zero
                for exponents, coefficient in element.to_dict().items():
                    power = exponents[position]
                    rest = tuple(0 if i == position else n for i, n in enumerate(exponents))
                    total = total + self.context.from_dict({rest: coefficient}) * base ** (degree - power)
                element = total
        return bool(element == 0)


def is_zero(expression: Any) -> bool:
    """Return whether an expression expands to 0.

    Examples
    --------
    >>> x = sympy.Symbol("x")
    >>> is_zero((x + 1) * (x - 1) - x**2 + 1), is_zero(x / (1 + x) + 1 / (1 + x) - 1), is_zero(x + 1)
    (True, True, False)
    """
    e = sympy.sympify(expression)
    ring = Ring([e])
    return ring.vanishes(ring(e))
