"""Which simple transformation explains it: a factor, a sign, a transpose, a step early or late, float32 inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcert.certify.diagnosis.evidence import Evidence, distance, names_in
from gradcert.certify.problems import Bounds
from gradcert.reference.numbers import Array
from gradcert.reference.rules import RULES, Rule

FLOAT32_ERROR = (
    2.0**-28
)  # one rounding of a gradient to float32 errs by 2^-24 of an entry at most, seldom by a 16th of it

Factor = Callable[[Evidence], float]

FACTORS: dict[str, Factor] = {
    "divided by T, a mean over time": lambda e: 1 / len(e.floats.inputs),
    "divided by B, a mean over the batch": lambda e: 1 / e.floats.inputs.shape[1],
    "divided by T and B": lambda e: 1 / (e.floats.inputs.shape[0] * e.floats.inputs.shape[1]),
    "times T": lambda e: len(e.floats.inputs),
    "times B": lambda e: e.floats.inputs.shape[1],
    "divided by 2": lambda _: 0.5,
    "times 2 (a squared error without its 1/2)": lambda _: 2.0,
    "with the opposite sign": lambda _: -1.0,
    "divided by the number of outputs": lambda e: 1 / e.floats.targets.shape[2],
    "times 2 and divided by the number of entries (a mean squared error)": lambda e: 2 / e.floats.targets.size,
}


@dataclass(frozen=True)
class Found:
    """A transformation, the parameters that it explains, and what to know it by."""

    label: str
    names: tuple[str, ...]
    key: str


def scaled(bounds: Bounds, factor: float, *, unit: float) -> Bounds:
    """Return a reference times a factor; the multiplication and the factor itself are rounded too."""
    value = bounds.value * factor
    return Bounds(
        value, bounds.budget * abs(factor) * (1 + 8 * unit) + 4 * unit * np.abs(value) * (factor not in (0.5, -1, 2))
    )


def factors(evidence: Sequence[Evidence], claimed: Rule, names: Sequence[str]) -> Iterator[Found]:
    """Yield factors on the claimed row, or on a published one."""
    for rule in (
        claimed,
        *(r for r in RULES.values() if r.feedback == "symmetric" and not (r.window or r.chunk or r.reach)),
    ):
        runs = [e.expected(rule) for e in evidence]
        if any(run is None for run in runs):
            continue
        for label, factor in FACTORS.items():
            right = set(names)
            for e, run in zip(evidence, runs, strict=True):
                unit = 2.0**-53 if e.case.problem.dtype == "float64" else 2.0**-24
                for name in set(e.given) & right:
                    if run is None or not e.equals(name, scaled(run.gradients[name], factor(e), unit=unit)):
                        right.discard(name)
            if right:
                of = "" if rule is claimed else f" of {rule.name}"
                known = f"scale:{label.split(',')[0].split(' (')[0]}{of}"
                yield Found(f"{rule.name} {label}", tuple(n for n in names if n in right), known)


def transposes(evidence: Sequence[Evidence], claimed: Rule, names: Sequence[str]) -> Iterator[Found]:
    """Yield square parameters whose gradient is returned transposed."""
    right = []
    for name in names:
        holders = [e for e in evidence if name in e.given]
        if all(e.given[name].ndim == 2 and e.given[name].shape[0] == e.given[name].shape[1] for e in holders):
            bounds = [(e, e.case.expected.gradients[name]) for e in holders]
            if all(replace_given(e, name).equals(name, b) for e, b in bounds):
                right.append(name)
    if right:
        yield Found(f"{claimed.name}, the gradient transposed", tuple(right), "value:transposed")


def replace_given(e: Evidence, name: str) -> Evidence:
    """Return the evidence with one gradient transposed."""
    return replace(e, given={**e.given, name: e.given[name].T})


def float32(evidence: Sequence[Evidence], claimed: Rule, names: Sequence[str]) -> Iterator[Found]:
    """Yield parameters that are right in float32 arithmetic, where float64 is claimed.

    A smaller mistake is inside the wide float32 budget too; so the distance has to be one that float32 makes.
    """
    right = set(names)
    for e in evidence:
        run = e.expected(claimed, dtype="float32") if e.case.problem.dtype == "float64" else None
        right &= {n for n in right if n not in e.given or (run is not None and e.equals(n, run.gradients[n]))}
    usual = {n for n in right if distance(evidence, [e.case.expected for e in evidence], [n]) > FLOAT32_ERROR}
    if usual:
        label = f"{claimed.name} in float32 arithmetic, where float64 is claimed"
        yield Found(label, tuple(n for n in names if n in usual), "value:float32")


def shifts(evidence: Sequence[Evidence], claimed: Rule, names: Sequence[str]) -> Iterator[Found]:
    """Yield targets one step early or late, and a step of the loss left out, each proven on balls."""
    for label, change in SHIFTS.items():
        right = set(names)
        for e in evidence:
            moved = change(e.case.problem.targets, e.case.expected.outputs.value)
            other = replace(e.case, problem=replace(e.case.problem, targets=moved.astype(e.case.problem.dtype)))
            run = replace(e, case=other).expected(claimed) if moved is not e.case.problem.targets else None
            right &= {n for n in right if n not in e.given or (run is not None and e.equals(n, run.gradients[n]))}
            if not right:
                break
        if right:
            yield Found(f"{claimed.name} with {label}", tuple(n for n in names if n in right), f"timing:{label}")


def _late(y: Array, _: Array) -> Array:
    return np.concatenate([y[:1], y[:-1]])


def _early(y: Array, _: Array) -> Array:
    return np.concatenate([y[1:], y[-1:]])


SHIFTS: dict[str, Callable[[Array, Array], Array]] = {
    "targets one step late": _late,
    "targets one step early": _early,
}

STEPS = (factors, transposes, shifts, float32)


def search(evidence: Sequence[Evidence], claimed: Rule) -> Iterator[Found]:
    """Yield every transformation that explains at least one parameter on all cases."""
    names = names_in(evidence)
    for step in STEPS:
        yield from step(evidence, claimed, names)
