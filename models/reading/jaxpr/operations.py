"""One equation of a jaxpr as an operation on arrays; run in another precision, its parameters follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

# Equations that are another jaxpr, written out where they stand.
INLINED = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr",
           "remat": "jaxpr", "checkpoint": "jaxpr", "remat2": "jaxpr"}  # fmt: skip
CUSTOM = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")
LOOPS = ("scan", "while", "cond")


@dataclass(frozen=True)
class Operation:
    """An equation.

    Attributes
    ----------
    alone : a jaxpr with this equation alone.
    numbers : place among its variables -> the number that stands there; the others are its operands.
    """

    alone: ClosedJaxpr
    numbers: Mapping[int, Any] = field(default_factory=dict)

    @property
    def equation(self) -> Any:
        """The equation."""
        return self.alone.jaxpr.eqns[0]

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters of the primitive."""
        found: Mapping[str, Any] = self.equation.params
        return found

    def __call__(self, *operands: Any) -> Any:
        """Return the result in float64, with the derivatives that the user's code has; several in a tuple."""
        out = jaxpr_as_fun(self.alone)(*self._filled(operands))
        return out[0] if len(out) == 1 else tuple(out)

    def forward(self, *operands: Any, dtype: str) -> Any:
        """Return the result in another precision, without derivatives."""
        out = _interpreted(self.alone.jaxpr, self.alone.consts, self._filled(operands), dtype)
        return out[0] if len(out) == 1 else tuple(out)

    def _filled(self, operands: tuple[Any, ...]) -> list[Any]:
        given = iter(operands)
        return [self.numbers[k] if k in self.numbers else next(given) for k in range(len(self.alone.jaxpr.invars))]


def operation(jaxpr: Any, equation: Any, numbers: Mapping[int, Any]) -> Operation:
    """Return an equation of a jaxpr as an operation; `numbers` are those among its inputs, literals left out."""
    inputs = [v for v in equation.invars if not isinstance(v, Literal)]
    whole = jaxpr.replace(constvars=(), invars=inputs, outvars=list(equation.outvars), eqns=[equation])
    return Operation(ClosedJaxpr(whole, ()), numbers)


def cast(value: Any, dtype: str) -> Any:
    """Return a value in a precision, if it is a float.

    Examples
    --------
    >>> cast(np.ones(2), "float32").dtype, cast(np.arange(2), "float32").dtype
    (dtype('float32'), dtype('int64'))
    """
    value = value if hasattr(value, "dtype") else np.asarray(value)
    return value.astype(dtype) if jnp.issubdtype(value.dtype, jnp.floating) else value


def _interpreted(jaxpr: Any, consts: Any, operands: list[Any], dtype: str) -> list[Any]:
    """Run a jaxpr that was made in float64 in another precision."""
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, (cast(c, dtype) for c in consts), strict=True))
    values |= dict(zip(jaxpr.invars, (cast(v, dtype) for v in operands), strict=True))

    def read(v: Any) -> Any:
        return cast(v.val, dtype) if isinstance(v, Literal) else values[v]

    for equation in jaxpr.eqns:
        name, given = equation.primitive.name, [read(v) for v in equation.invars]
        inner = equation.params.get(INLINED.get(name, "call_jaxpr" if name in CUSTOM else ""))
        if inner is not None:
            body, held = (inner.jaxpr, inner.consts) if isinstance(inner, ClosedJaxpr) else (inner, ())
            found = _interpreted(body, held, given, dtype)
        else:
            params = {k: _flipped(v, dtype) for k, v in equation.params.items()}
            out = equation.primitive.bind(*given, **params)
            found = list(out) if equation.primitive.multiple_results else [out]
        values |= dict(zip(equation.outvars, found, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _flipped(value: Any, dtype: str) -> Any:
    return np.dtype(dtype) if isinstance(value, np.dtype) and value == np.float64 else value


__all__ = ["CUSTOM", "INLINED", "LOOPS", "Operation", "cast", "operation"]
