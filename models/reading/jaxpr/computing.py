"""The reference gradient of a rule on somebody's own step function, batch and loss, nested like its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gradcert.models.reading.given import check_given, check_inputs
from gradcert.models.reading.jaxpr.gradients import delta_of, run
from gradcert.models.reading.jaxpr.play import play
from gradcert.models.reading.jaxpr.reader import read_network
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule


def compute(
    function: Any,
    params: Any,
    batch: tuple[Any, Any],
    *,
    rule: Rule | str = "bptt",
    loss: Callable[[Any, Any], Any],
    state: Any = None,
    order: str | None = None,
    output: int = 0,
    feedback: Mapping[str, Array] | None = None,
) -> Any:
    """Return the gradient of a rule on a step function's parameters (`gradcert.models.reading.compute`)."""
    xs, target = check_given(batch, loss, output, rule)
    array = hasattr(xs, "shape") and hasattr(xs, "dtype")
    finite = array and bool(jnp.isfinite(jnp.asarray(xs)).all())
    check_inputs(xs, shape=tuple(xs.shape) if array else None, finite=finite, allowed="an array (time, batch, ...)")
    network = read_network(function, params, xs[0], state, order, output)
    reading = network.reading
    call = reading.way
    leaves = jax.tree_util.tree_leaves(params if params is not None else call.nested(call.parameters()))
    dtype = jnp.result_type(*(leaves[k] for k in call.names)) if call.names else jnp.asarray(xs).dtype
    played = play(reading, call.parameters(), xs, dtype=str(dtype))
    found = run(network, call.parameters(), xs, played)
    delta = delta_of(loss, target, reading, played.outputs[output], output)[1]
    return call.nested(found.gradients(rule, delta, feedback))
