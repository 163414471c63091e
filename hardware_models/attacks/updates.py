"""Searches against claims about one update, and about weights after many: by value, by probability, windows, pulses.

Stored operands run through the declared unit in the simulator; the real-valued side is written here in Fractions.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.attacks.drives import Search, cut, off, pairs, share, sized
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Program, with_lanes
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.units import profile_weight

Array = np.ndarray[Any, Any]
LONG = 12  # updates of one program
Says = Mapping[str, Any]


class Lanes:
    """A weight unit on many lanes: run stored integers, read exact values."""

    def __init__(self, unit: Program, lanes: int, rng: Any) -> None:
        self.unit, self.lanes, self.rng = unit, lanes, rng
        self.simulator = Simulator(with_lanes(unit, lanes))
        self.overflowed: dict[str, set[int]] = {}

    def step(self, **leaves: Any) -> dict[str, list[int]]:
        """Run one step; leaves that are not given are random words, or zero. Notes which lanes changed on overflow."""
        inputs = {}
        for node in self.unit.of_kind("input", "random"):
            low, high = node.bounds
            given = leaves.get(node.name)
            if given is None and node.kind == "random":
                given = self.rng.integers(low, high + 1, self.lanes)
            inputs[node.name] = np.zeros(self.lanes, np.int64) if given is None else np.array(given, np.int64)
        values = self.simulator.step(inputs)
        return {name: [int(x) for x in np.broadcast_to(v, (self.lanes,))] for name, v in values.items()}

    def value(self, name: str, stored: int) -> Fraction:
        """Return a stored integer's value."""
        return stored * self.unit.node(name).format.ulp


def _operands(
    p: Profile, rng: Any, count: int, *, credit: int | None = None, trace: int | None = None
) -> tuple[Program, list[tuple[int, int]]]:
    unit = profile_weight(p)
    c, e = unit.node("credit").bounds, unit.node("trace").bounds
    c = c if credit is None else (-credit, credit)
    e = (max(0, e[0]), e[1] if trace is None else trace)
    return unit, list(pairs(rng, c, e, count))


def update(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Operands of every size, real ones at the ends of their errors: one step against the real one, cut."""
    rng, bound = np.random.default_rng(seed), says["bound"]
    unit, both = _operands(p, rng, draws)
    run = Lanes(unit, draws, rng)
    steps = run.step(credit=[c for c, _ in both], trace=[e for _, e in both])["w.step"]
    reached = 0.0
    for (c, e), stored in zip(both, steps, strict=True):
        real = (run.value("credit", c) + off(rng, bound.credit)) * (run.value("trace", e) + off(rng, bound.trace))
        gap = abs(run.value("w.step", stored) - cut(real / 2**p.rate, bound.low, bound.high))
        if gap > bound.step:
            return Search(draws, f"credit {c}, trace {e}: step {stored}, off by {float(gap):.6g}")
        reached = max(reached, share(gap, bound.step))
    return Search(draws, reached=reached)


def weight(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Weights from everywhere, limits included, against real ones that stop at the same limits, for a dozen updates."""
    rng, bound = np.random.default_rng(seed), says["bound"]
    lanes = max(1, draws // LONG)
    unit, _ = _operands(p, rng, 1)
    run, fmt = Lanes(unit, lanes, rng), unit.node("w").format
    start = sized(rng, fmt.low, fmt.high, lanes)
    run.simulator.state["w"] = np.array(start)
    real = [fmt.value(w) for w in start]
    low, high = fmt.value(fmt.low), fmt.value(fmt.high)
    reached = 0.0
    for t in range(1, LONG + 1):
        _, both = _operands(p, rng, lanes)
        after = run.step(credit=[c for c, _ in both], trace=[e for _, e in both])[unit.next["w"]]
        for k, (c, e) in enumerate(both):
            update = (run.value("credit", c) + off(rng, bound.credit)) * (run.value("trace", e) + off(rng, bound.trace))
            real[k] = cut(real[k] - cut(update / 2**p.rate, bound.low, bound.high), low, high)
            gap = abs(fmt.value(after[k]) - real[k])
            if gap > t * bound.step:
                return Search(lanes, f"after {t} updates from {start[k]}: off by {float(gap):.6g}")
            reached = max(reached, share(gap, t * bound.step))
    return Search(lanes, reached=reached)


def _within(
    p: Profile, rng: Any, known: Any, count: int, *, credit: Fraction | None = None
) -> tuple[Program, list[tuple[int, int]], list[Fraction]]:
    """Return stored operands within the hypotheses, and real products at the ends of the errors."""
    unit = profile_weight(p)
    ulps = unit.node("credit").format.ulp, unit.node("trace").format.ulp
    most = known.largest_credit if credit is None else credit
    top = min(int(known.largest_trace / ulps[1]), unit.node("trace").format.high)
    _, both = _operands(p, rng, count, credit=int(most / ulps[0]), trace=top)
    real = [(c * ulps[0] + off(rng, known.credit)) * (e * ulps[1] + off(rng, known.trace)) for c, e in both]
    return unit, both, real


def operand_bound(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """A product, or an update, against the real one of operands within their errors."""
    rng, node, bound = np.random.default_rng(seed), says["node"], says["bound"]
    unit, both, real = _within(p, rng, says["known"], draws)
    run = Lanes(unit, draws, rng)
    got = run.step(credit=[c for c, _ in both], trace=[e for _, e in both])[node]
    scale = Fraction(1) if node == "product" else Fraction(1, 2**p.rate)
    reached = 0.0
    for (c, e), stored, wanted in zip(both, got, real, strict=True):
        gap = abs(run.value(node, stored) - wanted * scale)
        if gap > bound:
            return Search(draws, f"credit {c}, trace {e}: {node} {stored}, off by {float(gap):.6g}")
        reached = max(reached, share(gap, bound))
    return Search(draws, reached=reached)


def random_step(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Words at, just below and just above the magnitude, at both ends, and anywhere."""
    rng = np.random.default_rng(seed)
    unit, both = _operands(p, rng, draws)
    ulps = unit.node("credit").format.ulp * unit.node("trace").format.ulp
    both = [(c, e) for c, e in both if abs(c * e) * ulps < 2**p.rate]
    run, fmt = Lanes(unit, len(both), rng), unit.node("w").format
    low, high = unit.node("w.word").bounds
    scale = 2 ** unit.node("w.magnitude").format.radix
    sizes = [abs(c * e) * ulps / 2**p.rate * scale for c, e in both]
    words = [
        max(low, min(high, [int(m), int(m) + 1, int(m) - 1, low, high, int(rng.integers(low, high + 1))][k % 6]))
        for k, m in enumerate(sizes)
    ]
    start = [max(fmt.low + 1, min(fmt.high - 1, w)) for w in sized(rng, fmt.low, fmt.high, len(both))]
    run.simulator.state["w"] = np.array(start)
    credits, traces = zip(*both, strict=True)
    after = run.step(**{"credit": credits, "trace": traces, "w.word": words})[unit.next["w"]]
    for (c, e), m, word, w, got in zip(both, sizes, words, start, after, strict=True):
        wanted = w - ((c * e > 0) - (c * e < 0)) * (word <= m)
        if got != wanted:
            return Search(len(both), f"credit {c}, trace {e}, word {word}: {w} becomes {got}, not {wanted}")
    return Search(len(both))


def window_sum(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Sums of a dozen products within the hypotheses."""
    rng, known, bound = np.random.default_rng(seed), says["known"], says["bound"]
    lanes = max(1, draws // LONG)
    run, real, reached = Lanes(profile_weight(p), lanes, rng), [Fraction(0)] * lanes, 0.0
    for n in range(1, LONG + 1):
        _, both, wanted = _within(p, rng, known, lanes)
        total = run.step(credit=[c for c, _ in both], trace=[e for _, e in both])["w.sum.added"]
        if run.simulator.log.total("w.sum.added"):
            break
        for k, x in enumerate(wanted):
            real[k] += x
            gap = abs(run.value("w.sum", total[k]) - real[k])
            if gap > n * bound:
                return Search(lanes, f"after {n} steps off by {float(gap):.6g}")
            reached = max(reached, share(gap, n * bound))
    return Search(lanes, reached=reached)


def window_weight(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Weights over two windows whose sums do not wrap when they are narrowed."""
    rng, known, bound = np.random.default_rng(seed), says["known"], says["bound"]
    lanes = max(8, draws // 100)
    unit = profile_weight(p)
    run, fmt, narrow = Lanes(unit, lanes, rng), unit.node("w").format, unit.node("w.step").format
    start = sized(rng, fmt.low, fmt.high, lanes)
    run.simulator.state["w"] = np.array(start)
    real, low, high = [fmt.value(w) for w in start], fmt.value(fmt.low), fmt.value(fmt.high)
    # credits whose window does not wrap when it is narrowed
    small = Fraction(9, 10) * Fraction(2**p.rate, says["window"]) / known.largest_trace
    small = known.largest_credit if says["wraps"] else min(small, known.largest_credit)
    alive, reached = [True] * lanes, 0.0
    for k in range(1, 3):
        sums = [Fraction(0)] * lanes
        for n in range(says["window"]):
            _, both, wanted = _within(p, rng, known, lanes, credit=small)
            # one program holds the largest operands of one sign, as far as its window does not wrap
            top = int(small / unit.node("credit").format.ulp), int(known.largest_trace / unit.node("trace").format.ulp)
            both[0], wanted[0] = top, top[0] * top[1] * unit.node("credit").format.ulp * unit.node("trace").format.ulp
            end = int(n == says["window"] - 1)
            values = run.step(credit=[c for c, _ in both], trace=[e for _, e in both], window_end=[end] * lanes)
            sums = [s + x for s, x in zip(sums, wanted, strict=True)]
        for lane in range(lanes):
            total = values["w.sum.added"][lane] * unit.node("w.sum").format.ulp / 2**p.rate
            alive[lane] &= says["wraps"] or narrow.value(narrow.low) <= total < narrow.value(narrow.high + 1)
            real[lane] = cut(real[lane] - sums[lane] / 2**p.rate, low, high)
            gap = abs(fmt.value(values[unit.next["w"]][lane]) - real[lane])
            if alive[lane] and gap > k * bound:
                return Search(lanes, f"after {k} windows from {start[lane]}: off by {float(gap):.6g}")
            reached = max(reached, share(gap, k * bound)) if alive[lane] else reached
    return Search(sum(alive), reached=reached)


def pulses(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Pulses asked for over two dozen steps against the real change."""
    rng, known, bound = np.random.default_rng(seed), says["known"], says["bound"]
    steps = 2 * LONG
    lanes = max(1, draws // steps)
    run, reached = Lanes(profile_weight(p), lanes, rng), 0.0
    asked, real = [Fraction(0)] * lanes, [Fraction(0)] * lanes
    for t in range(1, steps + 1):
        _, both, wanted = _within(p, rng, known, lanes)
        released = run.step(credit=[c for c, _ in both], trace=[e for _, e in both])["w.pulses"]
        for k in range(lanes):
            asked[k] += run.value("w.pulses", released[k])
            real[k] -= wanted[k] / 2**p.rate
            gap = abs(asked[k] - real[k])
            if gap > t * bound + says["pulse"]:
                return Search(lanes, f"after {t} steps off by {float(gap):.6g}")
            reached = max(reached, share(gap, t * bound + says["pulse"]))
    return Search(lanes, reached=reached)


def sign(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Look for a step against a real update above the threshold; `reached` is how near an opposed one came to it."""
    rng, known, threshold = np.random.default_rng(seed), says["known"], says["threshold"]
    unit, both = _operands(p, rng, draws, trace=known.trace_high)
    # the worst places are where one operand is no larger than its error
    few = [
        int(known.trace_error / unit.node("trace").format.ulp),
        int(known.credit_error / unit.node("credit").format.ulp),
    ]
    both = [(c, int(rng.integers(0, min(few[0], known.trace_high) + 1))) if k % 3 == 0 else pair
            for k, pair in enumerate(both) for c in (pair[0],)]  # fmt: skip
    run = Lanes(unit, draws, rng)
    steps = run.step(credit=[c for c, _ in both], trace=[e for _, e in both])["w.step"]
    reached = 0.0
    for (c, e), stored in zip(both, steps, strict=True):
        fixed = run.value("credit", c) * run.value("trace", e) / 2**p.rate
        real = (run.value("credit", c) + off(rng, known.credit_error)) * (
            run.value("trace", e) + off(rng, known.trace_error)
        )
        real /= 2**p.rate
        if known.limit is not None and max(abs(real), abs(fixed)) > known.limit:
            continue
        if stored * real < 0:
            if abs(real) > threshold:
                return Search(draws, f"credit {c}, trace {e}: step {stored} against {float(real):.6g}")
            reached = max(reached, share(abs(real), threshold))
    return Search(draws, reached=reached)
