"""Unbiased: the mean over the subject's own randomness is the claimed row's gradient, at a stated error rate.

Every draw is a call with a ``problem.seed`` of its own. The statistics, with their error rate and power, are in
`draws`; here is what they are applied to. Functionals: every entry; the reference's own direction, of each parameter
and of all; and, for every known-wrong variant of the gradient, the direction in which it lies.

The number of draws. The variance is estimated from 256 draws; then as many are made as suspect each known-wrong
variant, a deliberately biased estimator, with probability 0.999, up to what the profile allows. Variants are the
subject's own draws displaced by the difference between the variant and the right gradient, so that they have its
variance. The negative gradient, and one that is too short by the profile's resolution (a half, a quarter, a tenth),
have to be refuted, or nothing is certified; an edge less that makes too small a difference is said to be out of sight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.certify.certificates import CheckResult, Finding
from gradcert.certify.judging import controls
from gradcert.certify.judging.acceptance.draws import (
    POWER,
    Looked,
    level,
    look,
    needed,
    power,
    quantile,
    suspects,
    tail,
    tests,
)
from gradcert.certify.judging.checks import structure
from gradcert.certify.problems import NOISE, Case
from gradcert.certify.subjects import Answer, Failure
from gradcert.reference.numbers import Array

RATE = 1e-9  # of refuting a right estimator, for all cases of a certificate together
PILOT, BATCH = 256, 64
MOST = {"quick": 2048, "default": 8192, "thorough": 65536}
RESOLUTION = {"quick": 0.5, "default": 0.25, "thorough": 0.1}  # a bias of so much of the gradient has to be seen
Draw = Callable[[list[int]], "Array | Answer"]


@dataclass(frozen=True)
class Outcome:
    """What came of one case.

    Attributes
    ----------
    result : the check, for the certificate.
    variants : (name, whether it was refuted, None where it is out of sight).
    worst : the largest statistic over its quantile.
    findings : empty unless the mean is another.
    """

    result: CheckResult
    variants: tuple[tuple[str, bool | None], ...] = ()
    worst: float | None = None
    findings: tuple[Finding, ...] = ()


def judge(case: Case, draw: Draw, *, profile: str, cases: int) -> Outcome:
    """Draw until the variants can be told apart, and compare the mean.

    Parameters
    ----------
    draw : returns the gradients for many seeds, (n, entries), or the answer that stopped it.
    profile : decides how many draws there may be.
    cases : among how many cases the error rate is shared.
    """
    name = f"unbiased/mean/{case.id}"
    reference, budget, names = flat(case)
    short = f"multiplied by {1 - RESOLUTION[profile]:g}"
    shifts = {**displacements(case), short: -RESOLUTION[profile] * reference}
    must = (short, "sign reversed")
    every = tests(reference, budget, names, {**directions(case, reference), **_against(shifts)})
    p = level(RATE / cases, len(every))
    first = draw(list(range(PILOT)))
    if isinstance(first, Answer):
        return _stopped(name, case, first)
    pilot, most = look(first, every), MOST[profile]
    wanted = {control: _needed(pilot, shift, p) for control, shift in shifts.items()}
    number = max([PILOT, *(n for control, n in wanted.items() if control in must or n <= most)])
    number = -(-min(number, most) // PILOT) * PILOT
    more = draw(list(range(PILOT, number))) if number > PILOT else first[:0]
    if isinstance(more, Answer):
        return _stopped(name, case, more)
    looked = look(np.concatenate([first, more]), every)
    suspected = suspects(looked, p)
    facts = _facts(looked, shifts, number, p)
    if suspected:
        again = draw(list(range(number, 3 * number)))
        if isinstance(again, Answer):
            return _stopped(name, case, again)
        second = look(again, every)
        both = {k: t for k, t in suspects(second, p).items() if k in suspected and t * suspected[k] > 0}
        if both:
            return _biased(name, case, second, both, {**facts, "confirmed by": 2 * number})
    found = {control: _seen(looked, shift, p) for control, shift in shifts.items()}
    # an edge that nobody expected to see with so many draws is out of sight, not overlooked
    variants = tuple((k, seen if seen or k in must or wanted[k] <= number else None) for k, seen in found.items())
    worst = max(abs(each.t) for each in looked) / facts["quantile"]
    if blind := [k for k, seen in variants if seen is False]:
        what = f"{number} draws cannot tell the gradient from: {', '.join(blind)}; about {max(wanted.values())} could"
        return Outcome(CheckResult(name, "blocked", what, facts), variants, worst)
    what = f"the mean of {number} draws is the gradient, in {len(every)} functionals, at an error rate of {RATE:g}"
    return Outcome(CheckResult(name, "passed", what, facts), variants, worst)


def flat(case: Case) -> tuple[Array, Array, list[str]]:
    """Return reference, budget and names of all entries in one order."""
    bounds = case.expected.gradients
    names = [f"{k}[{', '.join(map(str, i))}]" for k, b in bounds.items() for i in np.ndindex(b.value.shape)]
    return joined({k: b.value for k, b in bounds.items()}), joined({k: b.budget for k, b in bounds.items()}), names


def joined(gradients: Mapping[str, Any]) -> Array:
    """Return arrays as one vector."""
    return np.concatenate([np.asarray(g, dtype=float).ravel() for g in gradients.values()])


def directions(case: Case, reference: Array) -> dict[str, Array]:
    """Return the reference's own direction, of each parameter and of all, scaled so that the reference has 1."""
    out, start = {"the gradient": reference / float(reference @ reference)}, 0
    for name, b in case.expected.gradients.items():
        part = np.zeros_like(reference)
        part[start : start + b.value.size] = b.value.ravel()
        start += b.value.size
        if size := float(part @ part):
            out[f"the gradient of {name}"] = part / size
    return out


def displacements(case: Case) -> dict[str, Array]:
    """Return by how much each known-wrong variant is away from the right gradient."""
    wrong = controls.gradients(case)
    _, right = next(wrong)
    small = ("float32 inside", "one part in a million")
    base = joined({k: right[k] for k in case.expected.gradients})
    found = {name: joined({k: g[k] for k in case.expected.gradients}) - base for name, g in wrong if name not in small}
    return {name: shift for name, shift in found.items() if np.linalg.norm(shift) > NOISE * np.linalg.norm(base)}


def _against(shifts: Mapping[str, Array]) -> dict[str, Array]:
    return {f"the direction of {name!r}": shift / float(np.linalg.norm(shift)) for name, shift in shifts.items()}


def _needed(pilot: list[Looked], shift: Array, p: float) -> int:
    return min(n for each in pilot if (n := needed(each, PILOT, float(each.test.weights @ shift), p)))


def _seen(looked: list[Looked], shift: Array, p: float) -> bool:
    """Return whether the same draws, displaced, are rejected."""
    for each in looked:
        off = each.mean + float(each.test.weights @ shift) - each.test.value
        beyond = max(0.0, abs(off) - each.test.budget)
        if beyond and (each.error == 0 or tail(beyond / each.error) < p):
            return True
    return False


def _facts(looked: list[Looked], shifts: Mapping[str, Array], number: int, p: float) -> dict[str, Any]:
    whole = next(each for each in looked if each.test.name == "the gradient")
    powers = {
        name: max(power(each, float(each.test.weights @ shift), p) for each in looked) for name, shift in shifts.items()
    }
    return {
        "draws": number,
        "functionals": len(looked),
        "error rate": RATE,
        "level of each stage": p,
        "quantile": quantile(p),
        "mean along the gradient": whole.mean,
        "standard error": whole.error,
        "bias seen with probability 0.999": (quantile(p) + POWER) * whole.error,
        "power": powers,
    }


def _biased(
    name: str, case: Case, looked: list[Looked], both: Mapping[str, float], facts: Mapping[str, Any]
) -> Outcome:
    """Return the finding: the functional that a reader understands best, and how far its mean is off."""
    found = {each.test.name: each for each in looked}
    order = sorted(both, key=lambda k: (not k.startswith("the gradient"), -abs(both[k])))
    each = found[order[0]]
    off = "infinitely many" if each.error == 0 else f"{abs(both[order[0]]):.3g}"
    if order[0].startswith("the gradient"):
        reason = f"along {order[0]} the mean of the draws is {each.mean:.4g} times the reference"
    else:
        reason = f"the mean of {order[0]} is {each.mean:.6g}, not {each.test.value:.6g}"
    reason += f", {off} standard errors off"
    where = {"functional": order[0], "mean": each.mean, "reference": each.test.value, "standard error": each.error}
    wrong = [k for k in order if "[" in k][:6]
    finding = Finding("mean", case.id, reason, where={**where, "entries": wrong, "draws": facts["draws"]})
    worst = max(abs(t) for t in both.values()) / facts["quantile"]
    return Outcome(CheckResult(name, "failed", reason, facts), (), worst, (finding,))


def _stopped(name: str, case: Case, answer: Answer) -> Outcome:
    reason = answer.failure.reason if answer.failure is not None else "a draw has not the form of a gradient"
    kind = answer.failure.kind if answer.failure is not None else ""
    where = answer.failure.where if answer.failure is not None else {}
    found = Finding("call", case.id, reason, cause=kind, where=where)
    return Outcome(CheckResult(name, "failed", reason), (), None, (found,))


def drawn(case: Case, ask: Callable[[Any, list[int]], list[Answer] | None]) -> Draw:
    """Return a function that has gradients drawn in batches, each judged for its form."""

    def draw(seeds: list[int]) -> Array | Answer:
        rows = []
        for start in range(0, len(seeds), BATCH):
            answers = ask(case.problem, seeds[start : start + BATCH])
            if answers is None:
                return Answer()
            for answer in answers:
                found = structure.check(case, answer)
                if found:
                    return replace(answer, failure=answer.failure or Failure("wrong", found[0].reason))
                rows.append(joined({k: answer.gradients[k] for k in case.expected.gradients}))
        return np.stack(rows)

    return draw
