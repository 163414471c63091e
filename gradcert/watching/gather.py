"""From what hooks saw of a step of training to what the reference engine makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from gradcert.certify.problems import PRECISIONS
from gradcert.models.reading.collect import COLLECT, spread
from gradcert.models.reading.fold import fold
from gradcert.models.reading.gradients import Run, delta_of, run
from gradcert.models.reading.held import at
from gradcert.models.reading.network import Written
from gradcert.models.reading.reading import Reading
from gradcert.models.reading.recorder import users_own
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.watching.calls import Sequence
from gradcert.watching.envelope import LAMBDA, MOST
from gradcert.watching.evidence import Evidence
from gradcert.watching.losses import CLOSE
from gradcert.watching.places import places_of


def states_of(reading: Reading, sequence: Sequence, dtype: Any, batch: int) -> list[Any] | None:
    """Return the states before the first call, by slot; None where the module began with its own."""
    from torch.utils._pytree import tree_flatten

    given = [v for v in tree_flatten(sequence.state)[0] if isinstance(v, torch.Tensor)]
    first = _first_values(reading, sequence)
    out = []
    for k, slot in enumerate(reading.step.slots):
        value: Any = first[k]
        if k < reading.step.explicit:
            value = given[k] if k < len(given) else torch.zeros_like(slot.initial)
        elif reading.way.whole is None:
            held = sequence.held.get(slot.name)
            fits = isinstance(held, torch.Tensor) and held.shape == (batch, *slot.initial.shape[1:])
            value = held if fits else torch.full_like(slot.initial, held if isinstance(held, float) else 0.0)
        if value.shape[0] != batch:
            value = value[:1].expand(batch, *value.shape[1:])
        out.append(value.to(dtype))
    return out


def _first_values(reading: Reading, sequence: Sequence) -> list[Any]:
    """Return the values before the first step; of a module that keeps its state between sequences, those of then."""
    slots = reading.step.slots
    if sequence.began is None or not any(slot.held for slot in slots):
        return [slot.initial for slot in slots]
    assert reading.way.whole is not None
    x = sequence.inputs[0]
    with users_own(x), torch.random.fork_rng(devices=[]):
        step, _ = fold(at(reading.module, sequence.began), x, reading.way.whole)
    if [slot.name for slot in step.slots] != [slot.name for slot in slots]:
        raise GradcertError("a module whose states are others than when it was read", do="give it one step")
    return [slot.initial for slot in step.slots]


def left_over(evidence: Evidence, sequences: list[Sequence]) -> bool:
    """Return whether a sequence began with what the one before it left in the module, and not with zero."""
    slots = evidence.runs[0].written.reading.step.slots  # type: ignore[attr-defined]
    names = {
        name
        for k, slot in enumerate(slots)
        if any(bool((s[k] != 0).any()) for s in evidence.states)
        for name in slot.held
    }
    return any(names and all(_kept(sequence, name) for name in names) for sequence in sequences)


def _kept(sequence: Sequence, name: str) -> bool:
    before, now = (sequence.left or {}).get(name), sequence.held.get(name)
    return isinstance(before, torch.Tensor) and isinstance(now, torch.Tensor) and torch.equal(before, now)


def again(written: Written, sequence: Sequence, parameters: Mapping[str, Any]) -> tuple[Run, list[Any] | None]:
    """Return the engine's pass over a sequence, and the states before it, by slot."""
    reading = written.reading
    whole = reading.way.whole is not None
    xs = reading.way.sequence(sequence.inputs[0]) if whole else torch.stack(sequence.inputs)
    dtype = next(iter(parameters.values())).dtype
    states = states_of(reading, sequence, dtype, xs.shape[1])
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(sequence.generator)
        return run(written, parameters, xs.to(dtype), states), states


def gathered(
    written: Written,
    output: int,
    sequences: list[Sequence],
    parameters: Mapping[str, Any],
    given: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    loss: Callable[..., Any] | None,
    target: Any,
    feedback: Mapping[str, Array] | None,
) -> Evidence:
    """Run the engine on what a step of training was given."""
    reading = written.reading
    runs, deltas, arrived, same = [], [], list[Array](), True
    began: list[list[Any] | None] = []
    total = 0.0
    for sequence in sequences:
        done, states = again(written, sequence, parameters)
        played = done.played.outputs[output]
        if loss is not None:
            try:
                value, delta = delta_of(loss, target, reading, played, output)
            except TypeError as error:
                if not isinstance(target, (list, tuple, dict)):
                    raise
                raise GradcertError(
                    f"a loss that does not take the target, a {type(target).__name__} of {len(target)}: {error}",
                    do="say the target alone, y=batch[1], or a loss of the whole: loss=lambda out, b: f(out, b[1])",
                ) from error
            total += value
            seen = _beside(reading, output, sequence, played)
        else:
            delta, seen = _arrived(reading, output, sequence, played), None
        parts = done.parts(MOST)
        for part in parts if len(parts) > 1 else ():
            runs.append(done.part(part, light=True))
            deltas.append(delta[:, part])
            arrived += [] if seen is None else [seen[:, part]]
            began.append([v[part] if v.dim() else v for v in states or ()])
        dtype = str(played.dtype).removeprefix("torch.")
        mine = runs[-len(parts) :] if len(parts) > 1 else [done]
        same = same and (dtype not in PRECISIONS or _same(reading, output, sequence, played, mine, dtype))
        if len(parts) == 1:
            runs.append(done)
            deltas.append(delta)
            arrived += [] if seen is None else [seen]
            began.append(states)
    if loss is not None and len(sequences) > 1:
        _check_targets(len(sequences), arrived, deltas)
    arrays = {k: None if g is None else g.detach().double().cpu().numpy() for k, g in given.items()}
    old = None if before is None else {k: None if g is None else g.double().cpu().numpy() for k, g in before.items()}
    whole = total if loss is not None else None
    back = tuple(arrived) if len(arrived) == len(deltas) else ()
    return Evidence(
        tuple(runs), tuple(deltas), arrays, old, feedback, whole, same, tuple(began), places_of(written), back
    )


def _check_targets(sequences: int, arrived: list[Array], deltas: list[Array]) -> None:
    """Raise where several sequences, such as micro-batches, are in one step and one target is not that of them all."""
    if len(arrived) == len(deltas) and all(
        np.abs(a - d).max(initial=0.0) <= CLOSE * np.abs(d).max(initial=0.0)
        for a, d in zip(arrived, deltas, strict=True)
    ):
        return
    raise GradcertError(
        f"a step of {sequences} sequences (gradients that are accumulated?), of which one target is known",
        do="leave loss= out, so that the derivative at the outputs is taken as it comes, and say step() once, after the"
        " last backward()",
    )


def _same(reading: Reading, output: int, sequence: Sequence, played: Any, runs: list[Run], dtype: str) -> bool:
    """Return whether the module's outputs are those of its recorded step, run again, but for roundings.

    Two right programs take a sum in another order: a mean over axis 1 of (batch, time, units) is not that over axis 0
    of (time, batch, units). What they may be off is measured as in `gradcert.watching.envelope`, on one evaluation:
    what runs in the module's dtype is so far from the reference in float64, on the same spikes; and what is made of T
    steps is a sum of T terms.
    """
    whole = reading.way.whole is not None
    collect = COLLECT[reading.collects[output]] if whole else COLLECT["every step"]
    theirs = sequence.outputs[0][output] if whole else torch.stack([o[output] for o in sequence.outputs])
    mine = collect(played)
    theirs = theirs.to(mine.dtype).reshape(mine.shape)
    if torch.equal(mine, theirs):
        return True
    exact = collect(torch.from_numpy(np.concatenate([run.full.outputs for run in runs], axis=1))).reshape(mine.shape)
    off = float((mine.double() - exact).abs().max())
    terms = len(played) * PRECISIONS[dtype].unit * float(mine.double().abs().max())
    return float((theirs.double() - mine.double()).abs().max()) <= LAMBDA * PRECISIONS[dtype].slack * off + terms


def beginning(evidence: Evidence) -> list[str]:
    """Return the states, by layer, that a sequence began with and that were given, or left by the one before."""
    reading = evidence.runs[0].written.reading  # type: ignore[attr-defined]
    of_record = {node: k for k, term in enumerate(reading.chosen.order) if (node := reading.node_of.get(id(term)))}
    layers: dict[str, list[str]] = {}
    for number, slot in enumerate(reading.step.slots):
        if reading.way.whole is not None and not slot.held:  # where its own code begins is no news
            continue
        if any(bool((states[number] != 0).any()) for states in evidence.states):
            k = of_record.get(slot.update)
            where = f"of layer {reading.layer_of(k)}" if k is not None else "of the module"
            layers.setdefault(where, []).append(reading.names[k] if k is not None else slot.name)
    return [f"{' and '.join(names)} {where}" for where, names in layers.items()]


def _beside(reading: Reading, output: int, sequence: Sequence, played: Any) -> Array | None:
    """Return the same where a loss was said, so that it may be compared; None where it was not, or not only, seen."""
    try:
        return _arrived(reading, output, sequence, played) if sequence.arrived else None
    except GradcertError:
        return None


def _arrived(reading: Reading, output: int, sequence: Sequence, played: Any) -> Array:
    """Return the derivative of the user's own loss at the outputs of all steps."""
    if not sequence.arrived:
        raise GradcertError(
            "nothing came back to the module's outputs by autograd",
            do="call loss.backward() before the step is judged; without autograd, say the loss: watch(..., loss=)",
        )
    elsewhere = {place for _, place in sequence.arrived if place != output}
    if any(float(g.abs().max()) > 0 for (_, place), g in sequence.arrived.items() if place in elsewhere):
        outside = ", ".join(map(str, sorted(elsewhere)))
        raise GradcertError(
            f"a loss that reads result {outside} of the module, where result {output} is looked at",
            do=f"say which one the loss reads: gradcert.watch(..., output={min(elsewhere)})",
        )
    if reading.way.whole is not None:
        g = sequence.arrived.get((0, output))
        found: Array = (
            torch.zeros_like(played.double()) if g is None else spread(reading.collects[output], g, played.double())
        ).numpy()
        return found
    steps = [sequence.arrived.get((t, output)) for t in range(len(sequence.inputs))]
    zero = torch.zeros(played.shape[1:], dtype=torch.float64)
    stacked: Array = torch.stack([zero if g is None else g.reshape(zero.shape) for g in steps]).numpy()
    return stacked
