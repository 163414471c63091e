"""Searches against claims about traces and membranes: overflow, distance from the real-valued trace, decay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.attacks.drives import Search, drives, share
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.oracle import Oracle
from gradcert.hardware_models.description.program import Program, with_lanes
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.units import profile_membrane, profile_trace

LONGEST = 2400  # steps of one program


def unit_of(p: Profile, says: Mapping[str, Any]) -> Program:
    """Return the declared trace or membrane."""
    return profile_trace(p) if says["unit"] == "trace" else profile_membrane(p)


def trace_of(p: Profile, says: Mapping[str, Any]) -> Program:
    """Return the declared trace, with the rounding that a claim is about."""
    unit = profile_trace(p)
    if says["own"]:
        return unit
    numeric = replace(unit.node("e.leaked").numeric, rounding=says["rounding"], source=None, shared=())
    return unit.change("e.leaked", numeric=numeric, word=None)


def horizon(p: Profile) -> int:
    """Return how many steps a leak needs to forget, or `LONGEST`."""
    return min(LONGEST, math.ceil(6 / (1 - p.leak)))


def no_overflow(p: Profile, says: Mapping[str, Any], draws: int, seed: int) -> Search:
    """Drive the declared unit and look for any overflow."""
    return _never(unit_of(p, says), p, draws, seed)


def _never(unit: Program, p: Profile, draws: int, seed: int) -> Search:
    simulator = Simulator(with_lanes(unit, draws))
    for one in drives(unit, draws, horizon(p), seed):
        simulator.step(one)
        if simulator.log.events:
            return Search(draws, f"{simulator.log.events[0]}")
    return Search(draws)


def overflow(p: Profile, says: Mapping[str, Any], draws: int, seed: int) -> Search:
    """Run the program that is said to overflow the declared register, and look for an overflow of the wider one."""
    unit, register = unit_of(p, says), says["register"]
    simulator = Simulator(unit)
    for _ in range(says["steps"]):
        simulator.step(says["inputs"])
    last = [e for e in simulator.log.events if e.name == unit.next[register]]
    if not last or last[0].step != says["steps"] - 1:
        return Search(1, f"no overflow of {register} at step {says['steps']} of {says['inputs']}")
    wide = unit
    for node in unit.nodes:
        if node.kind == "state" or (node.kind not in ("input", "random", "constant")):
            fmt = replace(node.format, width=says["width"])
            wide = wide.change(node.name, numeric=replace(node.numeric, format=fmt))
    return _never(wide, p, max(8, draws // 4), seed)


def trace(p: Profile, says: Mapping[str, Any], draws: int, seed: int) -> Search:
    """Drive the declared trace; float64 finds the worst program, exact numbers judge it."""
    unit, steps = trace_of(p, says), horizon(p)
    lanes = max(8, min(draws if says["own"] else draws // 4, 2_000_000 // steps))
    inputs = drives(unit, lanes, steps, seed)
    simulator = Simulator(with_lanes(unit, lanes))
    leak, ulp = float(p.leak), float(unit.node("e").format.ulp)
    real, alive = np.zeros(lanes), np.ones(lanes, bool)
    worst = {1: (-np.inf, 0, 0), -1: (-np.inf, 0, 0)}
    for t, one in enumerate(inputs):
        values = simulator.step(one)
        real = leak * real + one["spike"]
        if says["saturates"]:  # the claim ends where the register first saturates
            radix = unit.node("e").format.radix
            alive &= values["e.leaked"] + (one["spike"] << radix) == values["e.next"]
        gap = values["e.next"] * ulp - real
        for side in worst:
            sized = np.where(alive, side * gap, -np.inf)
            lane = int(sized.argmax())
            worst[side] = max(worst[side], (float(sized[lane]), t, lane))
    reached = 0.0
    for side, (_, t, lane) in worst.items():
        exact = exact_gap(unit, p.leak, [{k: int(v[lane]) for k, v in one.items()} for one in inputs[: t + 1]])
        if not says["low"] <= exact <= says["high"]:
            return Search(lanes, f"off by {float(exact):.6g} after {t + 1} steps (lane {lane} of seed {seed})")
        reached = max(reached, share(side * exact, says["high"] if side > 0 else -says["low"]))
    return Search(lanes, reached=reached)


def exact_gap(unit: Program, leak: Fraction, inputs: list[dict[str, int]]) -> Fraction:
    """Return fixed - real of a trace after a program, in exact numbers; the real one is written here once more."""
    oracle, real, value = Oracle(unit), Fraction(0), Fraction(0)
    for one in inputs:
        value = oracle.step(one)["e.next"]
        real = leak * real + one["spike"]
    return value - real


def decays(p: Profile, says: Mapping[str, Any], draws: int, seed: int) -> Search:
    """Try every stored trace above the level with a word at either end of its range, and some in between."""
    unit = trace_of(p, says)
    fmt = unit.node("e").format
    rng = np.random.default_rng(seed)
    high = min(fmt.high, says["level"] + (1 << 16))
    traces = np.concatenate([np.arange(says["level"] + 1, high + 1), rng.integers(says["level"], fmt.high, draws) + 1])
    simulator = Simulator(with_lanes(unit, len(traces)))
    random = unit.of_kind("random")
    for k in range(4 if random else 1):
        inputs = {"spike": np.zeros(len(traces), np.int64)}
        for node in random:
            low, top = node.bounds
            ends = (low, top)
            inputs[node.name] = np.full(len(traces), ends[k]) if k < 2 else rng.integers(low, top + 1, len(traces))
        simulator.state["e"] = traces
        after = simulator.step(inputs)["e.next"]
        if (after >= traces).any():
            lane = int(np.flatnonzero(after >= traces)[0])
            return Search(len(traces), f"a trace of {traces[lane]} becomes {after[lane]}")
    return Search(len(traces))
