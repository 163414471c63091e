"""What came back to each of a module's results: to the one that the loss reads, and to others, such as its state."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gradcert.models.reading.pytorch.collect import COLLECT, spread
from gradcert.models.reading.pytorch.gradients import Run
from gradcert.models.reading.reading import Reading
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.watching.seen.calls import Sequence

CLOSE = 1e-3  # of the largest value, by which a result in the module's own dtype may miss the node that it is


def arrived_at(reading: Reading, output: int, sequence: Sequence, played: Any) -> Array:
    """Return the derivative of the user's own loss at a result, of all steps, (time, batch, units)."""
    if reading.way.whole is not None:
        g = sequence.arrived.get((0, output))
        like = played.double()
        return np.asarray(torch.zeros_like(like) if g is None else spread(reading.collects[output], g, like))
    steps = [sequence.arrived.get((t, output)) for t in range(len(sequence.inputs))]
    zero = torch.zeros(played.shape[1:], dtype=torch.float64)
    return np.asarray(torch.stack([zero if g is None else g.cpu().reshape(zero.shape) for g in steps]))


def terms_at(output: int, sequences: list[Sequence], leads: list[bool]) -> list[int]:
    """Return the other results to which something came back that is not at a state that leads to the next sequence."""
    ends = [len(s.inputs) - 1 if at_end else None for s, at_end in zip(sequences, leads, strict=True)]
    return sorted(set().union(*(elsewhere(output, s, end) for s, end in zip(sequences, ends, strict=True))))


def elsewhere(output: int, sequence: Sequence, but: int | None = None) -> list[int]:
    """Return the other results to which something came back, beside what a state handed on, and its rounding.

    Parameters
    ----------
    but : a call that does not count.
    """
    found = set()
    for (call, place), g in sequence.arrived.items():
        if call == but:
            continue
        rounding = 8 * torch.finfo(sequence.outputs[0][place].dtype).eps * sequence.through.get((call, place), 0.0)
        if place != output and g.numel() and rounding < float(g.abs().max()) < float("inf"):
            found.add(place)
    return sorted(found)


def beside(
    done: Run, output: int, sequence: Sequence, *, said: bool, leads: bool
) -> tuple[dict[tuple[int, str], Array], dict[tuple[int, str], Array]]:
    """Return what came back to other results, by layer and node of the network, and what of it no loss is known of.

    Parameters
    ----------
    said : whether a loss was said: then what comes back to other results is no part of it.
    leads : whether the next sequence begins with what this one's last state was made to be: what comes back to that is
        no loss's, said or not.

    Raises
    ------
    GradcertError : for a result that is no node of the network below the one that the loss reads.
    """
    try:
        found = _elsewhere(done, output, sequence)
    except GradcertError:
        if not said or leads:
            raise
        return {}, {}
    if not said:
        return found, {}
    last = np.arange(len(done.inputs)) == len(done.inputs) - 1
    at_end = last[:, None, None] & leads
    ends = {where: np.where(at_end, g, 0.0) for where, g in found.items()}
    return {k: g for k, g in ends.items() if g.any()}, {k: np.where(at_end, 0.0, g) for k, g in found.items()}


def _elsewhere(done: Run, output: int, sequence: Sequence) -> dict[tuple[int, str], Array]:
    """Return what came back to other results, by layer and node."""
    written: Any = done.written
    reading = written.reading
    out: dict[tuple[int, str], Array] = {}
    for place in elsewhere(output, sequence):
        whole = reading.way.whole is not None
        many = len(sequence.outputs[0]) - reading.way.count
        record = reading.step.outputs[place] if place < max(many, 1) else reading.step.slots[place - many].update
        values = sequence.outputs[0][place] if whole else torch.stack([o[place] for o in sequence.outputs])
        where = None if written.full.graph is not None else _node(done, record, place, values)
        if where is None:
            raise GradcertError(
                f"a derivative that comes back to result {place} of the module too, which is no value of the network"
                f" that leads to result {output}",
                allowed=f"a loss of result {output}, and terms about values of the stack below it, such as its states",
                do="take that term of the loss out where a step is judged, or return what it reads as a state",
            )
        delta = arrived_at(reading, place, sequence, torch.from_numpy(_values(done, where)))
        out[where] = out[where] + delta if where in out else delta
    return out


def _node(done: Run, record: int, place: int, values: Any) -> tuple[int, str] | None:
    """Return layer and name of the node that a result is, by what the reading says and by its values."""
    written: Any = done.written
    reading = written.reading
    number = next((k for k, t in enumerate(reading.chosen.order) if reading.node_of.get(id(t)) == record), None)
    for i in range(written.full.depth):
        name = written.names[f"layers.{i}"].get(number)
        for called in () if name is None else (name, f"{name}~"):  # a masked layer gives z to others and z~ to itself
            nodes = all(called in r.layers[i].layer.cell.nodes for r in (done.full, done.as_cut))
            if nodes and _same(done, (i, called), place, values):
                return i, called
    return None


def _values(done: Run, where: tuple[int, str]) -> Array:
    found: Array = done.full.layers[where[0]].now[where[1]]
    return found


def _same(done: Run, where: tuple[int, str], place: int, values: Any) -> bool:
    written: Any = done.written
    reading = written.reading
    mine = torch.from_numpy(np.ascontiguousarray(_values(done, where)))
    mine = COLLECT[reading.collects[place]](mine) if reading.collects else mine
    if mine.numel() != values.numel():
        return False
    theirs = values.double().cpu().reshape(mine.shape)
    return bool((theirs - mine).abs().max() <= CLOSE * max(float(mine.abs().max()), 1e-300))
