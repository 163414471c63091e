"""Searches against claims about bfloat16: every way of driving the declared units, numbers of every size."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import BFLOAT16
from gradcert.hardware_models.attacks.drives import Search, columns, share
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.oracle import Oracle
from gradcert.hardware_models.description.program import with_lanes
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.units import profile_trace, profile_weight

Array = np.ndarray[Any, Any]
Says = Mapping[str, Any]
STEPS = 300


def numbers(rng: Any, count: int, *, exponents: tuple[int, int] = (1, 254)) -> Array:
    """Return finite bfloat16 numbers of every exponent, as float32."""
    words = (
        rng.integers(0, 2, count) << 15
        | rng.integers(*exponents, count, endpoint=True) << 7
        | rng.integers(0, 128, count)
    )
    return (words.astype(np.uint32) << 16).view(np.float32)


def _spikes(p: Profile, lanes: int, seed: int) -> Array:
    node = profile_trace(p).node("spike")
    return columns(node, (lanes,), STEPS, np.random.default_rng(seed))


def trace_range(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Drive the declared trace."""
    run, reached = Simulator(with_lanes(profile_trace(p), draws)), 0.0
    for spikes in _spikes(p, draws, seed):
        e = run.step({"spike": spikes})["e.next"]
        if e.min() < 0 or e.max() > says["high"]:
            return Search(draws, f"a trace of {e.max()}")
        reached = max(reached, float(e.max() / float(says["high"])))
    return Search(draws, reached=reached)


def trace_error(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Float64 finds the worst program, exact numbers judge it."""
    run, real, worst = Simulator(with_lanes(profile_trace(p), draws)), np.zeros(draws), (0.0, 0, 0)
    every = _spikes(p, draws, seed)
    for t, spikes in enumerate(every):
        gap = np.abs(run.step({"spike": spikes})["e.next"] - (real := float(p.leak) * real + spikes))
        worst = max(worst, (float(gap.max()), t, int(gap.argmax())))
    oracle, exact, value = Oracle(profile_trace(p)), Fraction(0), Fraction(0)
    for spikes in every[: worst[1] + 1]:
        one = int(spikes[worst[2]])
        value = oracle.step({"spike": one})["e.next"]
        exact = p.leak * exact + one
    gap = abs(value - exact)
    return Search(draws, f"off by {float(gap):.6g}" if gap > says["bound"] else "", share(gap, says["bound"]))


def rounding(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Numbers of every exponent, halfway between neighbours and next to it, and of many more bits."""
    rng, reached = np.random.default_rng(seed), 0.0
    for _ in range(draws):
        kept = int(rng.integers(128, 256))
        rest = Fraction(int(rng.integers(0, 3)) + int(rng.integers(-1, 2)) * Fraction(1, 1 << 20), 2)
        x = (kept + cut01(rest)) * Fraction(2) ** int(rng.integers(-133, 120))
        if not Fraction(1, 2**126) <= x <= Fraction(BFLOAT16.largest):
            continue
        gap = abs(BFLOAT16.round(x) - x)
        if gap * 256 > x:
            return Search(draws, f"{float(x)!r} is rounded by {float(gap / x):.6g} of it")
        reached = max(reached, share(gap * 256, x))
    return Search(draws, reached=reached)


def cut01(x: Fraction) -> Fraction:
    """Return x cut to [0, 1]."""
    return min(max(x, Fraction(0)), Fraction(1))


def weight(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """A dozen updates of weights of at most 2, the real trace at the ends of its error."""
    rng, lanes, reached = np.random.default_rng(seed), max(1, draws // 12), 0.0
    run = Simulator(with_lanes(profile_weight(p), lanes))
    start = numbers(rng, lanes, exponents=(110, 127))
    run.state["w"] = start
    real = [Fraction(float(w)) for w in start]
    alive = [True] * lanes
    for t in range(1, 13):
        credit = np.clip(numbers(rng, lanes, exponents=(118, 127)), -1, 1).astype(np.float32)
        trace = np.minimum(np.abs(numbers(rng, lanes, exponents=(118, 130))), np.float32(says["high"]))
        after = run.step({"credit": credit, "trace": trace})["w.next"]
        for k in range(lanes):
            e = Fraction(float(trace[k])) + says["trace"] * int(rng.integers(-1, 2))
            real[k] -= Fraction(float(credit[k])) * e / 2**p.rate
            alive[k] &= abs(float(after[k])) <= 2
            gap = abs(Fraction(float(after[k])) - real[k])
            if alive[k] and gap > t * says["bound"]:
                return Search(lanes, f"after {t} updates off by {float(gap):.6g}")
            reached = max(reached, share(gap, t * says["bound"])) if alive[k] else reached
    return Search(lanes, reached=reached)


def sign(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Finite operands of every exponent."""
    rng = np.random.default_rng(seed)
    run = Simulator(with_lanes(profile_weight(p), draws))
    run.state["w"] = w = numbers(rng, draws, exponents=(0, 254))
    credit, trace = numbers(rng, draws, exponents=(0, 254)), np.abs(numbers(rng, draws, exponents=(0, 254)))
    with np.errstate(over="ignore"):
        values = run.step({"credit": credit, "trace": trace})
    finite = np.isfinite(values["w.step"]) & (trace > 0)
    wrong = finite & (((credit > 0) & (values["w.next"] > w)) | ((credit < 0) & (values["w.next"] < w)))
    return Search(draws, f"w {w[wrong][0]}, credit {credit[wrong][0]}, trace {trace[wrong][0]}" if wrong.any() else "")


def decays(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Every finite trace of the format above the level."""
    every = (np.arange(1, 0x7F80, dtype=np.uint32) << 16).view(np.float32)
    every = every[every.astype(float) > float(says["level"])]
    run = Simulator(with_lanes(profile_trace(p), len(every)))
    run.state["e"] = every
    after = run.step({"spike": np.zeros(len(every), np.int64)})["e.next"]
    wrong = after >= every
    return Search(len(every), f"{every[wrong][0]} stays" if wrong.any() else "")


def silent(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Steps just below the share of weights of every size: the product of credit 1 and a trace."""
    rng = np.random.default_rng(seed)
    run = Simulator(with_lanes(profile_weight(p), draws))
    run.state["w"] = w = numbers(rng, draws, exponents=(127 - 60, 127 + 59))
    limit = np.abs(w).astype(float) * 2.0 ** says["exponent"]
    below = np.array([float(BFLOAT16.round(Fraction(x) * Fraction(int(k), 256))) for x, k in
                      zip(limit, rng.integers(200, 257, draws), strict=True)])  # fmt: skip
    step = np.where(below < limit, below, below * (1 - 2.0**-8))
    trace = (step * 2.0**p.rate).astype(np.float32)
    credit = np.where(rng.random(draws) < 0.5, 1, -1).astype(np.float32)
    values = run.step({"credit": credit, "trace": trace})
    inside = np.abs(values["w.step"]).astype(float) < limit
    wrong = inside & (values["w.next"] != w)
    return Search(
        int(inside.sum()), f"w {w[wrong][0]} moved by a step of {values['w.step'][wrong][0]}" if wrong.any() else ""
    )
