"""The reference gradient of a rule on somebody's own module, batch and loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from gradcert.models.reading.given import check_given, check_inputs
from gradcert.models.reading.pytorch.gradients import delta_of, run
from gradcert.models.reading.pytorch.reader import read_network
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule


def compute(
    module: Any,
    batch: tuple[Any, Any],
    *,
    rule: Rule | str = "bptt",
    loss: Callable[[Any, Any], Any],
    state: Any = None,
    time: int | str | None = None,
    output: int = 0,
    feedback: Mapping[str, Array] | None = None,
) -> dict[str, Any]:
    """Return the gradient of a rule on a module's parameters, batch and loss (`gradcert.models.reading.compute`)."""
    x, y = check_given(batch, loss, output, rule)
    tensor = isinstance(x, torch.Tensor)
    finite = tensor and bool(torch.isfinite(x).all())
    check_inputs(x, shape=tuple(x.shape) if tensor else None, finite=finite, allowed="a tensor (time, batch, ...)")
    written = read_network(module, x if time is not None else x[0], state, time, output)
    reading = written.reading
    parameters = dict(module.named_parameters())
    xs = reading.way.sequence(x.detach())
    found = run(written, parameters, xs)
    delta = delta_of(loss, y, reading, found.played.outputs[output], output)[1]
    return found.gradients(rule, delta, feedback)
