"""Running nodes of a record with JAX: what is made of parameters, and a node as a function of another one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcert.models.reading.framework import Function
from gradcert.models.reading.jaxpr.operations import Operation, cast
from gradcert.models.reading.jaxpr.precision import double
from gradcert.models.reading.record import Node, Ref
from gradcert.models.reading.spikes import GRID
from gradcert.reference.numbers import Array

GIVEN = ("parameter", "constant")
DOUBLE = "float64"


def execute(node: Node, values: Any, dtype: str = DOUBLE) -> Any:
    """Run one node on the values of its operands; only in float64 are derivatives the user's."""
    if node.kind == "item":
        return values[node.args[0].node][node.op]
    operands = [values[a.node] for a in node.args if isinstance(a, Ref)]
    if not isinstance(node.op, Operation):  # of ours, on what does not move
        return node.op(*operands, *(a for a in node.args if not isinstance(a, Ref)))
    return node.op(*operands) if dtype == DOUBLE else node.op.forward(*operands, dtype=dtype)


def evaluate(
    nodes: list[Node],
    k: int,
    given: Mapping[int, Any],
    parameters: Mapping[str, Any] | None = None,
    lifted: frozenset[int] = frozenset(),
) -> Any:
    """Return the value of a node from given ones, with derivatives as the user's code has them, but for cuts lifted.

    Raises
    ------
    KeyError : if it depends on an input or a state that is not given.
    """
    values: dict[int, Any] = dict(given)
    todo = [k]
    while todo:
        i = todo[-1]
        node = nodes[i]
        if i in values:
            todo.pop()
        elif node.kind in ("x", "state"):
            raise KeyError(i)
        elif node.kind in GIVEN:
            values[i] = (parameters or {}).get(node.name, node.value)
        elif missing := [o for o in node.operands() if o not in values]:
            todo += missing
        elif i in lifted:
            values[i] = values[node.operands()[0]]
        else:
            values[i] = execute(node, values)
    return values[k]


def on_arrays(function: Callable[[Any], Any], shape: tuple[int, ...]) -> tuple[Function, Function]:
    """Return a function of arrays of one shape, unit by unit, and its derivative, on NumPy arrays of any shape.

    It is compiled once, for blocks that the grid of `spikes` just fits into.
    """
    size = max(prod(shape), 1)
    block = -(-len(GRID) // size) * size

    def both(x: Any) -> tuple[Any, Any]:
        y, pull = jax.vjp(jax.vmap(function), x.reshape(-1, *shape))
        return y.reshape(-1), pull(jnp.ones_like(y))[0].reshape(-1)

    compiled = jax.jit(both)

    def applied(x: Array, which: int) -> Array:
        flat = np.ravel(np.asarray(x, dtype=DOUBLE))
        full = np.pad(flat, (0, -flat.size % block)).reshape(-1, block)
        with double():
            found = [np.asarray(compiled(jnp.asarray(part))[which]) for part in full]
        return np.concatenate(found)[: flat.size].reshape(np.shape(x)) if found else np.zeros(np.shape(x))

    return (lambda x: applied(x, 0)), (lambda x: applied(x, 1))


def run(node: Node, values: Mapping[int, Any], parameters: Mapping[str, Any], dtype: str) -> Any:
    """Run one node in a precision."""
    if node.kind in GIVEN:
        return cast(parameters.get(node.name, node.value) if node.kind == "parameter" else node.value, dtype)
    return execute(node, values, dtype)
