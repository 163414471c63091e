"""A pseudo-derivative of somebody's own in JAX as a formula: its jaxpr, run on a symbol.

So a claim about it needs no JAX, and says what was taken as given (`gradcert.models.modules.psi` for PyTorch).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from gradcert.models.modules.own_psi import formula_of
from gradcert.models.reading.jaxpr.operations import CUSTOM, INLINED
from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.surrogates import Taken
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Surrogate

SAME = ("convert_element_type", "broadcast_in_dim", "reshape", "squeeze", "copy", "copy_p", "stop_gradient")
MEANS: dict[str, Callable[..., Any]] = {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "pow": np.power, "max": np.maximum, "min": np.minimum, "abs": np.abs, "exp": np.exp, "tanh": np.tanh,
    "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "square": lambda x: x * x,
    "logistic": lambda x: 1 / (1 + np.exp(-x)), "gt": np.greater, "ge": np.greater_equal,
    "lt": np.less, "le": np.less_equal,
    "select_n": lambda choice, no, yes: np.where(choice, yes, no),
}  # fmt: skip


def formula(taken: Taken) -> Surrogate:
    """Return the formula that a spike's own derivative is.

    Raises
    ------
    UnreadError : where it has none, with what to do.
    """

    def backward(x: Any) -> Any:
        apply, (shape,) = taken.kind.function
        with double():
            zeros = jnp.zeros(shape)
            closed = jax.make_jaxpr(lambda v: jax.vjp(apply, v)[1](jnp.ones_like(v))[0])(zeros)
        level = taken.kind.level
        return _run(closed.jaxpr, closed.consts, [x + level if level else x])[0]

    return formula_of(taken, backward)


def _run(jaxpr: Any, consts: Any, given: list[Any]) -> list[Any]:
    """Run a jaxpr on symbols, one standing for every entry of an array."""
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, map(_number, consts), strict=True))
    values |= dict(zip(jaxpr.invars, given, strict=True))

    def read(v: Any) -> Any:
        return _number(v.val) if isinstance(v, Literal) else values[v]

    for equation in jaxpr.eqns:
        if all(type(v).__name__ == "DropVar" for v in equation.outvars):
            continue
        name, own = equation.primitive.name, [read(v) for v in equation.invars]
        inner = equation.params.get(INLINED.get(name, "call_jaxpr" if name in CUSTOM else ""))
        if inner is not None:
            body, held = (inner.jaxpr, inner.consts) if isinstance(inner, ClosedJaxpr) else (inner, ())
            found = _run(body, held, own)
        elif name in SAME:
            found = own[:1]
        elif name == "integer_pow":
            found = [own[0] ** equation.params["y"]]
        elif name in MEANS:
            found = [MEANS[name](*own)]
        else:
            raise GradcertError(f"{name} in it")
        values |= dict(zip(equation.outvars, found, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _number(value: Any) -> float:
    flat = np.ravel(np.asarray(value))
    if not len(flat) or bool((flat != flat[0]).any()):
        raise GradcertError("an array that is another number for every unit")
    return float(flat[0])
