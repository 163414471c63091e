"""A bound is a majorant, monomial by monomial: then it holds for every real value, by the triangle inequality.

`Absolute` is SymPy as a number system with an absolute value: |x| of a polynomial is the polynomial with every
coefficient replaced by its absolute value, each symbol s standing for |s| from then on. If |c_m| <= C_m for every
monomial m of R and of R_abs, then |R(s)| <= R_abs(|s|) for all real s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ring import Ring
from gradcert.derivations.algebra.symbols import Symbols, each
from gradcert.derivations.proving.proof import Result
from gradcert.reference.numbers import Array


def formal_absolute(x: Any) -> Any:
    """Return the polynomial with the absolute values of the coefficients.

    Examples
    --------
    >>> a, b = sympy.symbols("a b")
    >>> formal_absolute(a * (1 - 2 * b))
    2*a*b + a
    """
    terms = [t.as_coeff_Mul() for t in sympy.Add.make_args(sympy.expand(x))]
    return sympy.Add(*(abs(c) * m for c, m in terms))


@dataclass(frozen=True)
class Absolute(Symbols):
    """Symbols with a formal absolute value."""

    def absolute(self, x: Array) -> Array:
        """Return |x|, formally."""
        return each(formal_absolute, x)


def majorised(claim: str, values: dict[str, Any], bounds: dict[str, Any]) -> Result:
    """Check that every coefficient of a bound is at least the absolute value of the same coefficient."""
    flat = [sympy.sympify(e) for g in (*values.values(), *bounds.values()) for e in np.asarray(g, dtype=object).flat]
    ring = Ring(flat)
    failed, count = [], 0
    for name, value in values.items():
        for index, e in np.ndenumerate(np.asarray(value, dtype=object)):
            small, large = ring(e).to_dict(), ring(np.asarray(bounds[name], dtype=object)[index]).to_dict()
            count += 1
            if any(abs(c) > large.get(m, 0) for m, c in small.items()) or any(c < 0 for c in large.values()):
                failed.append(f"{name}{list(index)}")
    return Result(claim, count, tuple(failed), 0.0)
