"""A reading certifies itself: the recorded step gives the module's outputs, the network read its own gradients.

What is not in the record shows here: a counter, NumPy, a cache in the outputs; a hook, an operation with a derivative of
its own in the gradients. The module, the record and the network run nine steps on fresh inputs in float64. Right ones
differ by roundings, by less than 1e-12 of the largest value after so few steps (measured on all models of the tests: at
most 9e-15); a wrong edge, sign or scale by a share of it. Between the two lies `CLOSE`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gradcert.models.reading.capture import way_of
from gradcert.models.reading.compute import AS_CODED, run
from gradcert.models.reading.held import doubled
from gradcert.models.reading.network import Written
from gradcert.models.reading.play import play
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.recorder import Double
from gradcert.reference.errors import GradcertError

STEPS = 9
CLOSE = 1e-9


def check_outputs(reading: Reading) -> tuple[Any, list[Any], Any]:
    """Raise unless the recorded step gives the module's outputs; return inputs, outputs, and the module that ran."""
    module = doubled(reading.module)
    for p in module.parameters():
        p.requires_grad_()
    x = reading.example
    generator = torch.Generator().manual_seed(1)
    scale = 1.3 * float(x.double().abs().mean() + 0.1)
    xs = scale * torch.randn(STEPS, *x.shape, dtype=torch.float64, generator=generator)
    _, leaves = way_of(module, reading.state)
    state = [leaf.double() for leaf in leaves] or [slot.initial for slot in reading.step.slots[: reading.step.explicit]]
    played = play(reading, dict(module.named_parameters()), xs) if not reading.random else None
    outputs: list[list[Any]] = [[] for _ in reading.step.outputs]
    with torch.enable_grad(), Double():
        for t, x in enumerate(xs):
            found, state = reading.way.call(module, x, state)
            for k, out in enumerate(found):
                outputs[k].append(out)
                flat = out.detach().reshape(x.shape[0], -1)
                if played is not None and _off(flat, played.outputs[k][t]) > CLOSE:
                    raise GradcertError(
                        f"the recorded step is not the module: output {k} differs at step {t}",
                        allowed="a step that is a function of input, parameters and state",
                        do="take out what is not among the tensors: a counter, NumPy, a cache",
                    )
    return xs, outputs, module


def _off(a: Any, b: Any) -> float:
    """Return the largest difference, as a share of the largest value."""
    return float((a - b).abs().max()) / max(float(b.abs().max()), 1.0)


def check_gradients(written: Written, output: int = 0) -> None:
    """Raise unless BPTT of the network, with the user's cuts cut, is the module's own backward."""
    xs, outputs, module = check_outputs(written.reading)
    out = torch.stack(outputs[output]).reshape(STEPS, xs.shape[1], -1)
    delta = torch.randn(out.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    parameters = dict(module.named_parameters())
    if out.requires_grad:
        try:
            (out * delta).sum().backward()
        except RuntimeError as error:
            raise GradcertError(f"the module's own backward over {STEPS} steps: {str(error)[:200]}") from None
    found = run(written, parameters, xs)
    own = found.as_cut.outputs
    if float(np.abs(own - out.detach().numpy()).max()) > CLOSE * max(float(np.abs(own).max()), 1.0):
        raise GradcertError("the network that was read has other outputs than the module; this is a defect of gradcert")
    for name, mine in found.gradients(AS_CODED, delta.numpy()).items():
        grad = parameters[name].grad
        theirs = torch.zeros_like(mine) if grad is None else grad
        size = max(float(theirs.abs().max()), float(mine.abs().max()))
        if float((mine - theirs).abs().max()) > CLOSE * size:
            raise GradcertError(
                f"the gradient of {name} is not that of the graph that was read",
                allowed="operations whose derivative is PyTorch's, and spikes",
                do="look for an autograd.Function that is no spike, or a derivative that is changed on its way",
            )
