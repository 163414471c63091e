"""Searches against claims about generators: their words are made one bit at a time on a Python list, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import Rounding, drop_bits, reference_bits
from gradcert.hardware_models.attacks.drives import Search, share, sized
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import with_lanes
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.units import profile_weight

Array = np.ndarray[Any, Any]
Says = Mapping[str, Any]
CHUNK = 1 << 20
TOP = 16  # bits by which words are first sorted into bins


def all_lags(lfsr: Any) -> tuple[int, ...]:
    """Return the lags, once each."""
    return tuple(dict.fromkeys((lfsr.near, *lfsr.also, lfsr.far)))


def generator(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Random seeds, bit by bit, against the code that delivers words; and the period, found by running."""
    lfsr, rng = says["lfsr"], np.random.default_rng(seed)
    count = min(draws, 4000)
    for one in [1, (1 << lfsr.far) - 1, *(int(x) for x in rng.integers(1, 1 << lfsr.far, 6))]:
        mine = reference_bits(all_lags(lfsr), one, count)
        if lfsr.stream(count, one).tolist() != mine:
            return Search(8, f"seed {one}: the stream is not the recurrence")
        bits = [(one >> i) & 1 for i in range(lfsr.far)] + mine
        if any(not any(bits[k : k + lfsr.far]) for k in range(count)):
            return Search(8, f"seed {one}: the register becomes zero")
    period = lfsr.period()
    return Search(8, "" if period == (1 << lfsr.far) - 1 else f"the bits repeat after {period}")


def windows(lfsr: Any, bits: int) -> Iterator[Array]:
    """Yield the word of up to 32 bits after every seed, in chunks: a window at every offset of the stream's period."""
    period = (1 << lfsr.far) - 1
    stream = lfsr.stream(period + bits)
    for start in range(0, period, CHUNK):
        size = min(CHUNK, period - start)
        # words of 1, 2, 4, ... bits at every offset; the wanted width is put together from the highest of them down
        parts, width = {1: stream[start : start + size + bits].astype(np.uint32)}, 1
        while 2 * width <= bits:
            half = parts[width]
            parts[2 * width] = half[:-width] | half[width:] << np.uint32(width)
            width *= 2
        word, done = np.zeros(size, np.uint32), 0
        for width in sorted(parts, reverse=True):
            if bits - done >= width:
                word |= parts[width][done : done + size] << np.uint32(done)
                done += width
        yield word


def counts(lfsr: Any, bits: int, edges: list[int]) -> list[Fraction]:
    """Return P(word <= m) over all seeds for every m of a list."""
    shift = np.uint32(max(0, bits - TOP))
    tops = [m >> int(shift) for m in edges]
    wanted = np.zeros(1 << min(bits, TOP), bool)
    wanted[tops] = True
    table, near, total = np.zeros(len(wanted), np.int64), [], 0
    for word in windows(lfsr, bits):
        top = word >> shift
        table += np.bincount(top, minlength=len(table))
        near.append(word[wanted[top]])  # only these need more than their highest bits
        total += len(word)
    close, below = np.concatenate(near), np.cumsum(table) - table
    return [
        Fraction(int(below[t]) + int(np.count_nonzero((close <= m) & (close >> shift == t))), total)
        for m, t in zip(edges, tops, strict=True)
    ]


def draw_law(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Count the words of all seeds below magnitudes of every size."""
    lfsr, source, gap = says["lfsr"], says["source"], says["gap"]
    rng, top = np.random.default_rng(seed), (1 << source.bits) - 1
    edges = [0, 1, top, top - 1, (1 << (source.bits - lfsr.far)) - 1, *sized(rng, 0, top, 60)]
    reached = 0.0
    for m, found in zip(edges, counts(lfsr, source.bits, edges), strict=True):
        off = abs(found - Fraction(m, 1 << source.bits))
        if off > gap:
            return Search(len(edges), f"P(word <= {m}) is {found}, off by {float(off):.6g}")
        reached = max(reached, share(off, gap))
    return Search(len(edges), reached=reached)


def rounding_law(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Round fractions of every size, some with more bits than the word, with the words of all seeds."""
    lfsr, source, gap = says["lfsr"], says["source"], says["gap"]
    rng = np.random.default_rng(seed)
    words = np.concatenate(list(windows(lfsr, source.bits))).astype(np.int64)
    tries = [*sized(rng, 0, (1 << source.bits) - 1, 20), 0, 1, (1 << source.bits) - 1]
    reached = 0.0
    for k, fraction in enumerate(tries):
        more = 3 * (k % 2)  # surplus low bits are cut
        floor = int(rng.integers(1, 5)) * (-1 if k % 3 == 0 else 1)
        value = (((floor << source.bits) + fraction) << more) + (int(rng.integers(0, 1 << more)) if more else 0)
        got = drop_bits(np.full(len(words), value), source.bits + more, Rounding.STOCHASTIC, word=words, source=source)
        up = Fraction(int((got - floor).sum()), len(words))
        off = abs(up - Fraction(fraction, 1 << source.bits))
        if off > gap:
            return Search(len(tries), f"a fraction of {fraction} rounds up with probability {up}")
        reached = max(reached, share(off, gap))
    return Search(len(tries), reached=reached)


def shared_word(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Pairs of products through the declared unit, one word for both."""
    rng, unit = np.random.default_rng(seed), profile_weight(p)
    fed = unit.change("product", kind="input", args=(), word=None)
    shift = unit.node("product").format.radix + p.rate - unit.node("w.step").format.radix
    fmt, product = unit.node("w.step").format, unit.node("product").format
    word = unit.node("w.step").word
    assert word is not None
    pair = np.array([sized(rng, product.low, product.high, draws) for _ in range(2)])
    drawn = rng.integers(*fed.node(word).bounds, draws, endpoint=True)
    ups = []
    for products in pair:
        run = Simulator(with_lanes(fed, draws))
        zeros = {n.name: np.zeros(draws, np.int64) for n in fed.of_kind("input") if n.name != "product"}
        steps = run.step(zeros | {"product": products, word: drawn})["w.step"]
        ups.append(steps - (products >> shift))
    inside = np.all([(pair >> shift >= fmt.low) & (pair >> shift < fmt.high)], axis=(0, 1))
    low, high = pair[0] & ((1 << shift) - 1), pair[1] & ((1 << shift) - 1)
    wrong = inside & (((low <= high) & (ups[0] > ups[1])) | ((low >= high) & (ups[0] < ups[1])))
    return Search(draws, f"products {pair[:, wrong][:, 0]}" if wrong.any() else "")


def mean_weight(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Exact means over all seeds of short runs that start just inside a limit, from counted words."""
    source, error = says["source"], says["error"]
    lfsr, rng = p.generators[source.generator], np.random.default_rng(seed)
    unit = profile_weight(p)
    ulp = unit.node("w").format.ulp
    scale = 1 << unit.node("w.magnitude").format.radix
    ulps = unit.node("credit").format.ulp * unit.node("trace").format.ulp
    runs, magnitudes = [], []
    for _ in range(min(draws, 40)):
        steps: list[int] = []
        while len(steps) < 6:
            credit = sized(rng, -(1 << int(rng.integers(1, unit.node("credit").format.width))), 1 << 12, 1)[0]
            trace = sized(rng, 0, unit.node("trace").format.high, 1)[0]
            update = credit * trace * ulps / 2**p.rate
            if abs(update) < 1:
                steps.append(update)
        runs.append(steps)
        magnitudes += [int(abs(u) * scale) for u in steps]
    law = dict(zip(magnitudes, counts(lfsr, source.bits, magnitudes), strict=True))
    reached = 0.0
    for steps in runs:
        mean = real = Fraction(0)
        for t, update in enumerate(steps, 1):
            mean -= ((update > 0) - (update < 0)) * law[int(abs(update) * scale)] * ulp
            real -= update * ulp
            if abs(mean - real) > t * error:
                return Search(
                    len(runs), f"after {t} steps of {[float(u) for u in steps]} off by {float(mean - real):.6g}"
                )
            reached = max(reached, share(abs(mean - real), t * error))
    return Search(len(runs), reached=reached)
