"""From what hooks saw of a step of training to what the reference engine makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from gradcert.certify.problems import PRECISIONS
from gradcert.models.reading.network.written import Written
from gradcert.models.reading.pytorch.collect import COLLECT
from gradcert.models.reading.pytorch.fold import fold
from gradcert.models.reading.pytorch.gradients import Run, delta_of, run
from gradcert.models.reading.pytorch.held import at
from gradcert.models.reading.pytorch.recorder import users_own
from gradcert.models.reading.reading import Reading
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.watching.causes.losses import CLOSE
from gradcert.watching.causes.places import places_of
from gradcert.watching.measured.beside import Beside, parted
from gradcert.watching.measured.envelope import LAMBDA, MOST
from gradcert.watching.measured.evidence import Evidence
from gradcert.watching.seen.calls import Sequence
from gradcert.watching.seen.results import arrived_at, beside
from gradcert.watching.seen.trees import leaves


def states_of(reading: Reading, sequence: Sequence, dtype: Any, batch: int) -> list[Any] | None:
    """Return the states before the first call, by slot; None where the module began with its own."""
    given = [v for v in leaves(sequence.state) if isinstance(v, torch.Tensor)]
    first = _first_values(reading, sequence)
    out = []
    for k, slot in enumerate(reading.step.slots):
        value: Any = first[k]
        if k < reading.step.explicit:
            value = given[k] if k < len(given) else torch.zeros_like(slot.initial)
        elif reading.way.whole is None and not slot.made:
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
    backwards: int = 0,
) -> Evidence:
    """Run the engine on what a step of training was given, in so many backward passes, where these were seen."""
    reading = written.reading
    runs, deltas, arrived, same = [], [], list[Array](), True
    credits: list[Beside] = []
    unsaid: list[Beside] = []
    detached: list[tuple[int, ...]] = []
    shares: list[dict[int, float]] = []
    began: list[list[Any] | None] = []
    passes = [again(written, sequence, parameters) for sequence in sequences]
    total, said = None, list[Any]([None] * len(passes))
    if loss is not None:
        total, said = _said(reading, output, sequences, [done for done, _ in passes], loss, target)
    for number, (sequence, (done, states), of_loss) in enumerate(zip(sequences, passes, said, strict=True)):
        leads = number + 1 < len(sequences) and sequences[number + 1].follows
        played = done.played.outputs[output]
        if of_loss is not None:
            delta, seen = of_loss, _beside(reading, output, sequence, played)
        else:
            delta, seen = _arrived(reading, output, sequence, played), None
        others, more = beside(done, output, sequence, said=loss is not None, leads=leads)
        parts = done.parts(MOST)
        detached += [tuple(sequence.detached)] * len(parts)
        known = {step: share for step, share in sequence.shares.items() if share is not None}
        shares += [known] * len(parts)
        for part in parts if len(parts) > 1 else ():
            runs.append(done.part(part, light=True))
            deltas.append(delta[:, part])
            credits.append(parted(others, part))
            unsaid.append(parted(more, part))
            arrived += [] if seen is None else [seen[:, part]]
            began.append([v[part] if v.dim() else v for v in states or ()])
        dtype = str(played.dtype).removeprefix("torch.")
        mine = runs[-len(parts) :] if len(parts) > 1 else [done]
        same = same and (dtype not in PRECISIONS or _same(reading, output, sequence, played, mine, dtype))
        if len(parts) == 1:
            runs.append(done)
            deltas.append(delta)
            credits.append(others)
            unsaid.append(more)
            arrived += [] if seen is None else [seen]
            began.append(states)
    if loss is not None and sum(not s.follows for s in sequences) > 1 and not of_each(sequences, target):
        _check_targets(len(sequences), arrived, deltas, backwards)
    arrays = {k: None if g is None else g.detach().double().cpu().numpy() for k, g in given.items()}
    old = None if before is None else {k: None if g is None else g.double().cpu().numpy() for k, g in before.items()}
    return Evidence(
        tuple(runs),
        tuple(deltas),
        arrays,
        old,
        feedback,
        total,
        same,
        tuple(began),
        places_of(written),
        tuple(arrived) if len(arrived) == len(deltas) else (),
        tuple(credits) if any(credits) else (),
        tuple(unsaid) if any(unsaid) else (),
        {name: p.detach().double().cpu().numpy() for name, p in parameters.items() if name in given},
        tuple(detached),
        shares=tuple(shares) if any(shares) else (),
        cuts={name: place for name, place in reading.cut_parameters.items() if name in given},
    )


def _said(
    reading: Reading, output: int, sequences: list[Sequence], runs: list[Run], loss: Callable[..., Any], target: Any
) -> tuple[float, list[Array]]:
    """Return the loss that was said, and its derivatives at the outputs; sequences that follow each other are one."""
    total, deltas = 0.0, list[Array]()
    begins = [k for k, sequence in enumerate(sequences) if not (k and sequence.follows)]
    targets = target if of_each(sequences, target) else [target] * len(begins)
    for first, end, target in zip(begins, [*begins[1:], len(sequences)], targets, strict=True):
        parts = [done.played.outputs[output] for done in runs[first:end]]
        if len({part.shape[1:] for part in parts}) > 1:
            raise GradcertError(
                "a sequence whose number of samples changes on its way, and one loss of all its steps",
                do="leave loss= out, so that the derivative at the outputs is taken as it comes",
            )
        try:
            value, delta = delta_of(loss, target, reading, torch.cat(parts), output)
        except TypeError as error:
            if not isinstance(target, (list, tuple, dict)):
                raise
            raise GradcertError(
                f"a loss that does not take the target, a {type(target).__name__} of {len(target)}: {error}",
                do="say the target alone, y=batch[1], or a loss of the whole: loss=lambda out, b: f(out, b[1])",
            ) from error
        total += value
        deltas += np.split(delta, np.cumsum([len(part) for part in parts])[:-1])
    return total, deltas


def of_each(sequences: list[Sequence], target: Any) -> bool:
    """Return whether a target is a list of one for each of several sequences, such as micro-batches."""
    many = sum(not (k and sequence.follows) for k, sequence in enumerate(sequences))
    return many > 1 and isinstance(target, (list, tuple)) and len(target) == many


def _check_targets(sequences: int, arrived: list[Array], deltas: list[Array], backwards: int) -> None:
    """Raise where several sequences, such as micro-batches, are in one step and one target is not that of them all."""
    if len(arrived) == len(deltas) and all(
        np.abs(a - d).max(initial=0.0) <= CLOSE * np.abs(d).max(initial=0.0)
        for a, d in zip(arrived, deltas, strict=True)
    ):
        return
    if 0 < backwards < sequences:
        raise GradcertError(
            f"a step of {sequences} sequences in {backwards} backward pass{'es' * (backwards > 1)}, of which one target"
            " is known, and what comes back to their outputs is not what loss= gives of each",
            do="leave loss= out, so that the derivative at the outputs is taken as it comes: of a loss about several"
            " sequences, such as a distance between two of them, nothing else is seen",
        )
    raise GradcertError(
        f"a step of {sequences} sequences (gradients that are accumulated?), of which one target is known",
        do="say a list of the targets, y=[y0, y1], and a loss= of one of them, divided as the loop divides it; or leave"
        " loss= out, so that the derivative at the outputs is taken as it comes; say step() once, after the last"
        " backward()",
    )


def _same(reading: Reading, output: int, sequence: Sequence, played: Any, runs: list[Run], dtype: str) -> bool:
    """Return whether the module's outputs are those of its recorded step, run again, but for roundings.

    Two right programs take a sum in another order: a mean over axis 1 of (batch, time, units) is not that over axis 0
    of (time, batch, units). What they may be off is measured as in `gradcert.watching.measured.envelope`, on one
    evaluation: what runs in the module's dtype is so far from the reference in float64, on the same spikes; and what is
    made of T steps is a sum of T terms.
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


def beginning(evidence: Evidence, sequences: list[Sequence]) -> list[str]:
    """Return the states, by layer, that a sequence began with and that were given, or left by the one before.

    One that follows another within the same loop is no beginning.
    """
    every = list(evidence.states)
    if len(every) == len(sequences):
        every = [states for states, sequence in zip(every, sequences, strict=True) if not sequence.follows]
    reading = evidence.runs[0].written.reading  # type: ignore[attr-defined]
    of_record = {node: k for k, term in enumerate(reading.chosen.order) if (node := reading.node_of.get(id(term)))}
    layers: dict[str, list[str]] = {}
    for number, slot in enumerate(reading.step.slots):
        if reading.way.whole is not None and not slot.held:  # where its own code begins is no news
            continue
        if any(bool((states[number] != 0).any()) for states in every):
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
    return arrived_at(reading, output, sequence, played)
