"""What is done to a gradient after it was computed: weight decay, a limit of entries, a transposition, one entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gradcert.reference.numbers import Array
from gradcert.watching.causes.multiples import CLAIM
from gradcert.watching.measured.comparing import FITTED, agrees, allowed, differing, of, residual
from gradcert.watching.measured.evidence import Evidence, Gradients

FEW = 3  # entries that are named
UNIT = {True: 2.0**-24, False: 2.0**-53}  # of the rounding of a product, in float32 and float64


def altered(evidence: Evidence, claimed: Gradients, relative: Mapping[str, float]) -> Iterator[str]:
    """Yield the sentences about gradients that are the claimed ones but for what was done to them afterwards."""
    wrong = differing(claimed, evidence, relative)
    if wrong:
        yield from _decayed(evidence, claimed, relative, wrong)
        yield from _limited(evidence, claimed, relative, wrong)
        yield from _transposed(evidence, claimed, relative, wrong)


def _alone(wrong: list[str], claimed: Gradients) -> str:
    return f", in {', '.join(wrong)} alone" if len(wrong) < len(claimed) else ""


def _decayed(evidence: Evidence, claimed: Gradients, relative: Mapping[str, float], wrong: list[str]) -> Iterator[str]:
    """Yield weight decay: one multiple of the parameters is all that is added."""
    there = {n: np.asarray(evidence.parameters[n], dtype=float) for n in wrong if n in evidence.parameters}
    size = sum(float((p**2).sum()) for p in there.values())
    if len(there) < len(wrong) or not size or sum(np.count_nonzero(p) for p in there.values()) < FEW:
        return
    number = sum(float((p * (of(evidence.given, n) - claimed[n])).sum()) for n, p in there.items()) / size
    found = {n: claimed[n] + number * p for n, p in there.items()}
    single = all(np.array_equal(p, p.astype("float32")) for p in there.values())
    for name, value in found.items():
        off = np.abs(of(evidence.given, name) - value)
        room = allowed(relative, name, claimed[name]) + 4 * UNIT[single] * np.abs(number * there[name])
        if not (off <= room).all() or residual({name: value}, evidence) > FITTED * residual(
            {name: claimed[name]}, evidence
        ):
            return
    yield f"{CLAIM} plus {number:.6g} times the parameters: weight decay in .grad{_alone(wrong, claimed)}"


def _limited(evidence: Evidence, claimed: Gradients, relative: Mapping[str, float], wrong: list[str]) -> Iterator[str]:
    """Yield a limit that no entry exceeds, and that is all that is wrong; at least two entries are at it."""
    limit = max(float(np.abs(of(evidence.given, n)).max(initial=0.0)) for n in wrong)
    every = {n: np.clip(v, -limit, limit) for n, v in claimed.items()}
    alone = "" if all(_within(every, evidence, relative, n, claimed) for n in claimed) else _alone(wrong, claimed)
    found = {n: every[n] if n in wrong else claimed[n] for n in claimed}
    beyond = sum(int((np.abs(claimed[n]) > limit + allowed(relative, n, claimed[n])).sum()) for n in wrong)
    seen = all(limit > 2 * allowed(relative, n, claimed[n]) for n in wrong)  # a smaller one makes zeros
    if seen and beyond > 1 and all(_within(found, evidence, relative, n, claimed) for n in claimed):
        yield f"{CLAIM} with every entry limited to {limit:.6g}: judge before clipping{alone}"


def _within(found: Gradients, evidence: Evidence, relative: Mapping[str, float], name: str, claimed: Gradients) -> bool:
    """Return whether one parameter's gradient is the given one, by what rounding explains of the claimed one."""
    off = float(np.abs(of(evidence.given, name) - found[name]).max(initial=0.0))
    return off <= allowed(relative, name, claimed[name])


def _transposed(
    evidence: Evidence, claimed: Gradients, relative: Mapping[str, float], wrong: list[str]
) -> Iterator[str]:
    """Yield square gradients that are transposed."""
    if all(claimed[n].ndim == 2 and claimed[n].shape[0] == claimed[n].shape[1] for n in wrong):
        found = {n: v.T if n in wrong else v for n, v in claimed.items()}
        if agrees(found, evidence, relative, times=1):
            yield f"{CLAIM}, but {', '.join(wrong)} transposed"


def entries(evidence: Evidence, claimed: Gradients, relative: Mapping[str, float]) -> str:
    """Return the few entries that are wrong, of parameters that are right else; "" where they are many."""
    out = []
    for name in differing(claimed, evidence, relative):
        given: Array = np.broadcast_to(of(evidence.given, name), claimed[name].shape)
        places = np.argwhere(~(np.abs(given - claimed[name]) <= allowed(relative, name, claimed[name])))
        if len(places) * 4 > claimed[name].size:
            return ""
        for place in map(tuple, places[: FEW + 1]):
            index = ", ".join(map(str, place))
            out.append(f"{name}[{index}], {given[place]:.6g} where {claimed[name][place]:.6g} is claimed")
    return f"{CLAIM}, but for {'; '.join(out)}" if 0 < len(out) <= FEW else ""


def hooked(evidence: Evidence, claimed: Gradients, relative: Mapping[str, float]) -> str:
    """Return that the only gradients that are wrong are those that hooks see; "" elsewhere."""
    wrong = differing(claimed, evidence, relative)
    if not wrong or not set(wrong) <= set(evidence.hooked):
        return ""
    there = "there is a hook on it" if len(wrong) == 1 else "there are hooks on them"
    return f"{CLAIM}, but for {', '.join(wrong)}: {there}"
