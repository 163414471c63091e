"""Shrinking a step: one sample, fewer steps, as long as the module itself is wrong in the same way.

What is asked is the module's own backward, on a copy. Where the gradients were made by the loop around it, by traces of
somebody's own, nobody can be asked, and the step stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from gradcert.models.reading.pytorch.gradients import run
from gradcert.models.reading.pytorch.play import play
from gradcert.reference.numbers import Array
from gradcert.watching.causes.named import OTHER_LOSS, cause
from gradcert.watching.kept.writing import Failure
from gradcert.watching.measured.comparing import agrees
from gradcert.watching.measured.evidence import Evidence, Gradients
from gradcert.watching.measured.verdict import compared, measured
from gradcert.watching.seen.asked import ANY_LENGTH, agrees_with, backward

MOST = 40  # parts of a step that a module is asked for
SAMPLES = 4  # of a batch, tried alone
NUMBER = re.compile(r"\d[\d.e+-]*")
OTHER = re.compile(r"the gradients of (?P<names>.+), not of ")


@dataclass
class Asking:
    """A module that is asked for parts of a step."""

    module: Any
    failure: Failure
    output: int
    asked: int = 0

    def part(self, number: int, start: int, stop: int, samples: list[int] | None) -> Evidence | None:
        """Return what is known of a part of a sequence; None where the module cannot be asked for it."""
        evidence = self.failure.evidence
        done, delta, states = evidence.runs[number], evidence.deltas[number], evidence.states[number]
        reading = done.written.reading  # type: ignore[attr-defined]
        dtype = next(iter(done.parameters.values())).dtype
        xs = torch.from_numpy(np.array(done.inputs)).to(dtype)
        xs = xs.reshape(*xs.shape[:2], *reading.example.shape[1:])
        if samples is not None:
            states = [v[samples] if v.dim() and len(v) == xs.shape[1] else v for v in states]
            xs, delta = xs[:, samples], delta[:, samples]
        if start:
            states = play(reading, done.parameters, xs[:start], states).states
        xs, delta = xs[start:stop], np.ascontiguousarray(delta[start:stop])
        self.asked += 1
        try:
            found, outputs = backward(self.module, reading, done.parameters, xs, states, delta, self.output)
            here = run(done.written, done.parameters, xs, states)  # type: ignore[arg-type]
        except RuntimeError:  # the module, or its record, knows one number of samples or steps alone
            return None
        if not agrees_with(outputs, here.played.outputs[self.output]):
            return None
        return replace(
            evidence,
            runs=(here,),
            deltas=(delta,),
            given={n: g for n, g in found.items() if n in evidence.given},
            before=None,
            loss=None,
            states=(states,),
            arrived=(),
            detached=(),
            shares=(),
        )

    def wrong(self, evidence: Evidence | None) -> bool:
        """Return whether a part is wrong in the way of the whole."""
        rule, said = self.failure.rule, self.failure.judgement.cause
        if evidence is None:
            return False
        claimed = evidence.gradients(rule)
        relative = measured(evidence, rule, claimed, self.failure.dtype, {})
        if all(o.right for o in compared(evidence, claimed, claimed, relative).values()):
            return False
        return not said or alike(said, cause(evidence, rule, claimed, relative, dtype=self.failure.dtype))


def shrunk(module: Any, failure: Failure, relative: dict[str, float], output: int) -> Failure:
    """Return the smallest part of a step found on which a module is wrong in the same way, or the step as it is.

    Parameters
    ----------
    relative : the allowance of the step, by parameter. `output` : which of the module's outputs the loss reads.
    """
    evidence = failure.evidence
    reading = evidence.runs[0].written.reading  # type: ignore[attr-defined]
    # asked with loss=, or at one result of several, a module answers something else
    if reading.random or evidence.beside or OTHER_LOSS in failure.judgement.cause:
        return replace(failure, by="unknown")
    asking = Asking(module, failure, output)
    whole = [asking.part(k, 0, len(d), None) for k, d in enumerate(evidence.deltas)]
    if any(w is None for w in whole) or not agrees(_total(whole), evidence, relative):
        return failure
    best = failure
    for number, own in enumerate(whole):
        if asking.wrong(own):
            found = _search(asking, number, reading)
            if found is not None:
                steps, samples = evidence.deltas[number].shape[:2]
                best = replace(failure, evidence=found, was={"steps": steps, "batch": samples})
            break
    return replace(best, by="module", asked=asking.asked)


def _search(asking: Asking, number: int, reading: Any) -> Evidence | None:
    """Return the smallest wrong part of one sequence; None where there is none smaller."""
    length, batch, _ = asking.failure.evidence.deltas[number].shape
    best: Evidence | None = None
    samples: list[int] | None = None
    for sample in range(min(batch, SAMPLES) if batch > 1 else 0):
        found = asking.part(number, 0, length, [sample])
        if asking.wrong(found):
            best, samples = found, [sample]
            break
    if reading.way.whole == "inside" or (reading.collects and reading.collects[asking.output] not in ANY_LENGTH):
        return best
    shorter, size, at_end = None, length, False
    for size, at_end in _sizes(length, prefixes=reading.way.whole is not None):
        if asking.asked >= MOST:
            break
        start = length - size if at_end else 0
        shorter = asking.part(number, start, start + size, samples)
        if asking.wrong(shorter):
            best = shorter
            break
    else:
        return best
    low = size // 2  # which is right, as far as anybody has looked
    while size - low > 1 and asking.asked < MOST:
        middle = (low + size) // 2
        start = length - middle if at_end else 0
        found = asking.part(number, start, start + middle, samples)
        if asking.wrong(found):
            best, size = found, middle
        else:
            low = middle
    return best


def _sizes(length: int, *, prefixes: bool) -> Iterator[tuple[int, bool]]:
    """Yield lengths that double, of the beginning and of the end."""
    size = 1
    while size < length:
        yield size, False
        if not prefixes:
            yield size, True
        size *= 2


def _total(parts: list[Evidence | None]) -> Gradients:
    """Return the sum of the module's gradients over sequences."""
    out: dict[str, Array] = {}
    for part in parts:
        assert part is not None
        claimed = part.gradients("bptt")
        for name, value in part.given.items():
            mine = np.zeros_like(claimed[name]) if value is None else value
            out[name] = out.get(name, 0) + mine
    return out


def alike(a: str, b: str) -> bool:
    """Return whether two causes are one mistake: numbers aside; on a smaller problem more rows are the same.

    Examples
    --------
    >>> alike("the gradients of bptt, not of ostl", "the gradients of bptt and sltt, not of ostl")
    True
    >>> alike("the claimed gradients times 10, T", "the claimed gradients times 2, T"), alike("late", "early")
    (True, False)
    """
    one, other = OTHER.match(a), OTHER.match(b)
    if one is not None and other is not None:
        return set(one["names"].split(" and ")) <= set(other["names"].split(" and "))
    return NUMBER.sub("#", a) == NUMBER.sub("#", b)
