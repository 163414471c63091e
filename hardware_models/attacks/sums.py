"""Searches against claims about any stored product: dead zone, remainder, window. The product becomes an input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import Rounding
from gradcert.hardware_models.attacks.drives import Search, sized
from gradcert.hardware_models.attacks.updates import Lanes
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.units import profile_weight

Says = Mapping[str, Any]


def fed(unit: Program) -> Program:
    """Return the unit with its product as an input."""
    return unit.change("product", kind="input", args=(), word=None)


def dead_zone(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Every product at the edges, and some within: none moves the weight, both ends do."""
    rng = np.random.default_rng(seed)
    positive, negative = says["positive"], says["negative"]
    inside = [*range(max(positive - 50, 1 - negative), positive), *range(1 - negative, min(51 - negative, positive))]
    inside += [int(x) for x in rng.integers(1 - negative, positive, draws)]
    products = [positive, -negative, *inside]
    run = Lanes(fed(profile_weight(p)), len(products), rng)
    after = run.step(product=products)[run.unit.next["w"]]
    moves = [w != 0 for w in after]
    if not (moves[0] and moves[1]) or any(moves[2:]):
        wrong = next(
            x for x, m, wanted in zip(products, moves, [True, True, *[False] * len(inside)], strict=True) if m != wanted
        )
        return Search(
            len(products), f"a product of {wrong}: the weight {'stays' if wrong in products[:2] else 'moves'}"
        )
    return Search(len(products))


def remainder(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Two dozen steps of any size up to the limit: the remainder's range, and what was released and kept, exactly."""
    rng, steps = np.random.default_rng(seed), 24
    unit = fed(profile_weight(p))
    if not says["floor"]:
        numeric = replace(unit.node("w.pulses").numeric, rounding=Rounding.TOWARD_ZERO)
        unit = unit.change("w.pulses", numeric=numeric)
    lanes = max(1, draws // steps)
    run, product = Lanes(unit, lanes, rng), unit.node("product").format
    total, released = [Fraction(0)] * lanes, [Fraction(0)] * lanes
    low = 0 if says["floor"] else -says["pulse"]
    for t in range(1, steps + 1):
        values = run.step(product=sized(rng, product.low, product.high, lanes))
        for k in range(lanes):
            if abs(values["w.step"][k]) > says["limit"]:
                run.simulator.state["w.sum"][k] = 0  # outside the hypothesis: this lane starts anew
                total[k] = released[k] = Fraction(0)
                continue
            total[k] -= run.value("w.step", values["w.step"][k])
            released[k] += run.value("w.pulses", values["w.pulses"][k])
            kept = run.value("w.sum", values["w.sum.next"][k])
            strict = low < kept if not says["floor"] else low <= kept
            if released[k] + kept != total[k] or not (strict and kept < says["pulse"]):
                return Search(
                    lanes, f"step {t}: released {float(released[k])}, kept {float(kept)} of {float(total[k])}"
                )
    return Search(lanes)


def window(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Products of every size, windows of every length, against sums in Fractions."""
    rng, steps = np.random.default_rng(seed), 24
    unit = fed(profile_weight(p))
    lanes = max(1, draws // steps)
    run, product, fmt = Lanes(unit, lanes, rng), unit.node("product").format, unit.node("w").format
    start = sized(rng, fmt.low, fmt.high, lanes)
    run.simulator.state["w"] = np.array(start)
    weights, sums = list(start), [Fraction(0)] * lanes
    most = int(says["limit"] * 2**p.rate / product.ulp / 4)
    for t in range(steps):
        given, ends = sized(rng, -most, most, lanes), rng.integers(0, 2, lanes)
        values = run.step(product=given, window_end=ends)
        for k in range(lanes):
            sums[k] += given[k] * product.ulp
            if abs(sums[k]) / 2**p.rate > says["limit"]:  # outside the hypothesis: start anew
                run.simulator.state["w.sum"][k], sums[k] = 0, Fraction(0)
                weights[k] = int(run.simulator.state["w"][k])
                continue
            if ends[k]:
                moved = weights[k] - (sums[k] / 2**p.rate / fmt.ulp).__floor__()
                weights[k], sums[k] = max(fmt.low, min(fmt.high, moved)), Fraction(0)
            kept = values["w.sum.next"][k] * unit.node("w.sum").format.ulp
            if values[unit.next["w"]][k] != weights[k] or kept != sums[k]:
                return Search(
                    lanes, f"step {t}: weight {values[unit.next['w']][k]}, not {weights[k]}; sum {float(kept)}"
                )
    return Search(lanes)


def window_length(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """The longest window of the largest products, of either sign, and of random ones."""
    rng = np.random.default_rng(seed)
    run = Lanes(fed(profile_weight(p)), 8, rng)
    for _ in range(says["steps"]):
        run.step(product=[says["largest"], -says["largest"], *sized(rng, -says["largest"], says["largest"], 6)])
        if run.simulator.log.total("w.sum.added"):
            return Search(8, f"the sum overflows: {run.simulator.log.events[0]}")
    return Search(8)
