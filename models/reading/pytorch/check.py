"""A reading certifies itself: the recorded step gives the module's outputs, the network read its own gradients.

What is not in the record shows here: a counter, NumPy, a cache in the outputs; a hook, an operation with a derivative
of its own in the gradients. The module, the record and the network run nine steps on fresh inputs in float64. Right
ones differ by roundings, by less than 1e-12 of the largest value after so few steps (measured on all models of the
tests: at most 9e-15); a wrong edge, sign or scale by a share of it. Between the two lies `CLOSE`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from gradcert.models.reading.network.rows import CLOSE, ROWS, STEPS, apart, check_spikes
from gradcert.models.reading.network.written import Written
from gradcert.models.reading.pytorch.capture import way_of
from gradcert.models.reading.pytorch.collect import COLLECT, spread, ways
from gradcert.models.reading.pytorch.gradients import AS_CODED, Run, run
from gradcert.models.reading.pytorch.held import doubled
from gradcert.models.reading.pytorch.play import Played, play
from gradcert.models.reading.pytorch.recorder import Double
from gradcert.models.reading.pytorch.refused import refuse_chunks
from gradcert.models.reading.reading import Reading
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array

MOVED = 2.0**-6  # of a parameter, by which it is moved at most


LOUDER = (1.0, 8.0, 64.0)  # times the inputs


def _prepared(reading: Reading) -> tuple[Any, Any]:
    """Return the module in float64, and fresh inputs, (time, batch, ...).

    Its parameters are moved: one whose number was taken out of the graph, by ``.item()`` or NumPy, stays in the record.
    """
    module = doubled(reading.module)
    generator = torch.Generator().manual_seed(1)
    for p in module.parameters():
        moved = torch.rand(p.shape, dtype=torch.float64, generator=generator)
        p.data.mul_(1 + MOVED * moved if p.is_floating_point() else 1)
        p.requires_grad_()
    x = reading.example
    scale = 1.3 * float(x.double().abs().mean() + 0.1)
    xs = scale * torch.randn(STEPS, *x.shape, dtype=torch.float64, generator=generator)
    return module, xs if reading.way.steps is None else xs[:1].expand(reading.way.steps, *x.shape)


def _ran(reading: Reading, module: Any, xs: Any) -> list[Any]:
    """Return what the module returns for a sequence: of every output all steps, or what it makes of them."""
    if reading.way.whole is not None:
        with torch.enable_grad(), Double():
            return reading.way.split(module(reading.way.arranged(xs)))[0]
    _, leaves = way_of(module, reading.state)
    state = [leaf.double() for leaf in leaves] or [slot.initial for slot in reading.step.slots[: reading.step.explicit]]
    outputs: list[list[Any]] = [[] for _ in reading.step.outputs]
    with torch.enable_grad(), Double():
        for x in xs:
            found, state = reading.way.call(module, x, state)
            for k, out in enumerate(found):
                outputs[k].append(out.reshape(len(x), -1))
    return [torch.stack(o) for o in outputs]


def _seeded(function: Callable[[], Any]) -> Any:
    """Return what a function returns, with the same random numbers every time."""
    cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if cuda else ()):
        torch.default_generator.manual_seed(
            3
        )  # `torch.manual_seed` asks every device that there may be, at 1 ms a call
        if cuda:
            torch.cuda.manual_seed_all(3)
        return function()


def collected_by(reading: Reading) -> tuple[str, ...]:
    """Return what each result of a module that takes whole sequences is of the outputs of its steps."""
    found: list[list[str]] = []
    for loud in LOUDER:  # of a silent network the last output is the mean of all, and the largest
        module, xs = _prepared(reading)
        xs = loud * xs
        played = _seeded(partial(play, reading, dict(module.named_parameters()), xs))
        results = _seeded(partial(_ran, reading, module, xs))
        here = [ways(r, o) for r, o in zip(results, played.outputs, strict=True)]
        both = zip(found or here, here, strict=True)
        found = [[way for way in before if way in now] or now for before, now in both]
        if all(len(each) == 1 for each in found):
            break
    return tuple(each[0] for each in found)


def check_outputs(reading: Reading) -> None:
    """Raise unless the recorded step gives the module's outputs."""
    module, xs = _prepared(reading)
    _compared(reading, module, xs)


def _compared(reading: Reading, module: Any, xs: Any) -> tuple[list[Any], Played]:
    """Return what the module and its recorded step give; raise unless that is the same."""
    played = _seeded(lambda: play(reading, dict(module.named_parameters()), xs))
    results = _seeded(lambda: _ran(reading, module, xs))
    for k, result in enumerate(results):
        mine = COLLECT[reading.collects[k]](played.outputs[k]) if reading.collects else played.outputs[k]
        if _off(result.detach().reshape(mine.shape), mine) > CLOSE:
            raise _as_number(reading) or GradcertError(
                f"the recorded step is not the module: output {k} differs",
                allowed="a step that is a function of input, parameters and state",
                do="take out what is not among the tensors: a counter, NumPy, a cache, a parameter's number",
            )
    return results, played


def _as_number(reading: Reading) -> GradcertError | None:
    """Return what is wrong where parameters are read as numbers of Python, as far as that was seen."""
    seen = [f"{name} is read as a number at {place}" for name, place in reading.step.numbers.items()]
    if not seen:
        return None
    return GradcertError(
        f"{'; '.join(seen)}: what is computed with it has no gradient, and does not move with it in the record",
        allowed="parameters that stay tensors",
        do="use the tensor itself, without .item(), float() or a copy",
    )


def _off(a: Any, b: Any) -> float:
    """Return the largest difference, as a share of the largest value."""
    return float((a - b).abs().max()) / max(float(b.abs().max()), float(a.abs().max()), 1e-300)


def check_gradients(written: Written, output: int = 0) -> tuple[Run, Array, dict[str, Any]]:
    """Raise unless BPTT of the network, with the user's cuts cut, is the module's own backward.

    Returns
    -------
    What `rows_of` takes: the run that was compared, the derivative at its outputs, the gradients.
    """
    reading = written.reading
    module, xs = _prepared(reading)
    results, played = _compared(reading, module, xs)
    out = results[output]
    delta = torch.randn(out.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    parameters = dict(module.named_parameters())
    if out.requires_grad:
        try:
            (out * delta).sum().backward()
        except RuntimeError as error:
            raise GradcertError(f"the module's own backward over {len(xs)} steps: {str(error)[:200]}") from None
    found = run(written, parameters, xs, played=played)
    mine = played.outputs[output]
    if reading.collects:
        delta = spread(reading.collects[output], delta, mine)
    own = found.as_cut.outputs
    if float(np.abs(own - mine.numpy()).max()) > CLOSE * max(float(np.abs(own).max()), 1.0):
        raise GradcertError("the network that was read has other outputs than the module; this is a defect of gradcert")
    try:
        check_spikes(found)
    except GradcertError as error:
        raise _as_number(reading) or error from None
    own_gradients = found.gradients(AS_CODED, delta.numpy())
    grads = {name: parameters[name].grad for name in own_gradients}
    theirs = {name: np.zeros(parameters[name].shape) if g is None else g.numpy() for name, g in grads.items()}
    if (name := apart({k: np.asarray(g) for k, g in own_gradients.items()}, theirs)) is not None:
        if isinstance(reading.way.whole, int):
            refuse_chunks(reading.module, reading.way.arranged(xs[:1]), reading.way.whole)
        raise _as_number(reading) or GradcertError(
            f"the gradient of {name} is not that of the graph that was read",
            allowed="operations whose derivative is PyTorch's, and spikes",
            do="look for an autograd.Function that is no spike, a derivative that is changed on its way, or a parameter"
            " that is read as a number (.item(), NumPy)",
        )
    return found, delta.numpy(), own_gradients


def rows_of(found: Run, delta: Array, own: dict[str, Any]) -> tuple[str, ...]:
    """Return the rows of the table that give a run's gradients with the module's cuts."""
    return tuple(name for name in ROWS if _is_row(found, name, delta, own))


def rows_by_cuts(written: Written, output: int = 0) -> tuple[str, ...]:
    """Return the rows that a module's cuts make, whatever its own backward does."""
    reading = written.reading
    module, xs = _prepared(reading)
    played = _compared(reading, module, xs)[1]
    found = run(written, dict(module.named_parameters()), xs, played=played)
    shape = found.as_cut.outputs.shape
    delta = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).numpy()
    return rows_of(found, delta, found.gradients(AS_CODED, delta))


def _is_row(found: Run, name: str, delta: Array, own: dict[str, Any]) -> bool:
    """Return whether the module's own gradients are those of a row of the table."""
    theirs = {k: np.asarray(g) for k, g in found.gradients(name, delta).items()}
    return apart(theirs, {k: np.asarray(own[k]) for k in theirs}) is None
