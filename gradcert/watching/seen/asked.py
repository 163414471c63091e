"""What a module's own backward gives for a part of a step: a copy of it is run, with the derivatives at its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from gradcert.models.reading.pytorch.collect import SUMMED
from gradcert.models.reading.pytorch.held import clone, poke, slots
from gradcert.models.reading.reading import Reading
from gradcert.reference.numbers import Array

# how a derivative at what a module returns is found again from those at the outputs of all steps
WHOLE = {
    "every step": lambda d: d,
    "every step, samples first": lambda d: d.transpose(0, 1),
    "the last step": lambda d: d[-1],
    SUMMED: lambda d: d[-1] * len(d),
    "the sum over steps": lambda d: d[-1],
    "the mean over steps": lambda d: d[-1] * len(d),
    "the maximum over steps": lambda d: d.sum(0),
}
ANY_LENGTH = ("every step", "every step, samples first", "the sum over steps", "the mean over steps")
CLOSE = 1e-4  # of the largest output: a module in float32 on other states differs by more, its own rounding by less


def backward(
    module: Any,
    reading: Reading,
    parameters: Mapping[str, Any],
    xs: Any,
    states: list[Any],
    delta: Array,
    output: int,
    look: Callable[[Any], None] | None = None,
) -> tuple[dict[str, Array | None], Any]:
    """Return the gradients of a module's own backward, and its outputs, (time, batch, units), where it has them.

    Parameters
    ----------
    parameters : name -> tensor; what the copy is given.
    xs : inputs, (time, batch, ...). `states` : before the first step, by slot of the reading.
    delta : derivatives at the outputs of all steps.
    output : which of the module's outputs they are at.
    look : is given what is differentiated, before that is done.
    """
    copied: Any = clone(module)
    for name, p in copied.named_parameters():
        p.data, p.grad = parameters[name].detach().clone(), None
    places = slots(copied)
    for slot, value in list(zip(reading.step.slots, states, strict=True))[reading.step.explicit :]:
        if slot.name in places:
            poke(places[slot.name], value.clone())
    way, dtype = reading.way, xs.dtype
    wanted = torch.from_numpy(delta).to(dtype)
    with torch.enable_grad():
        if way.whole is not None:
            out = way.split(copied(way.arranged(xs)))[0][output]
            wanted = WHOLE[reading.collects[output]](wanted)
        else:
            state, found = [v.clone() for v in states[: reading.step.explicit]], []
            for x in xs:
                outputs, state = way.call(copied, x, state)
                found.append(outputs[output].reshape(len(x), -1))
            out = torch.stack(found)
        if out.requires_grad:
            total = (out * wanted.reshape(out.shape)).sum()
            if look is not None:
                look(total)
            total.backward()
    gradients = {n: None if p.grad is None else p.grad.double().cpu().numpy() for n, p in copied.named_parameters()}
    every = way.whole is None or reading.collects[output] == "every step"
    return gradients, out.detach().reshape(delta.shape) if every else None


def agrees_with(outputs: Any, played: Any) -> bool:
    """Return whether the module's outputs are those of its recorded step; yes, where there are none to compare."""
    if outputs is None:
        return True
    size = float(played.abs().max()) if played.numel() else 0.0
    return bool((outputs - played).abs().max() <= CLOSE * size)
