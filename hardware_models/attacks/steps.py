"""Searches against claims about a whole learning step: which intermediates overflow, how far off it is.

The real-valued rule is evaluated here, scalar by scalar in Fractions, with the decisions of the fixed-point run.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from gradcert.hardware_models.attacks.drives import Search, cut, drives, share
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.oracle import Oracle
from gradcert.hardware_models.description.program import Node, Program, with_lanes
from gradcert.hardware_models.description.random import flatten, random_states
from gradcert.hardware_models.description.simulate import Simulator

Says = Mapping[str, Any]
WEIGHTS = ("W", "Wo", "H")
LIMITED = tuple(f"{m}.{part}" for m in WEIGHTS for part in ("next", "moved"))


def step_of(p: Profile) -> Program:
    """Return the step that the claims are about."""
    return program(p, "ottt", inputs=2, neurons=2, outputs=2)


def overflow(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Random weights loaded, every way of driving the inputs: nothing overflows but what is listed."""
    wide = with_lanes(step_of(p), draws)
    simulator = Simulator(wide)
    simulator.state |= {k: v for k, v in random_states(wide, seed).items() if k in WEIGHTS}
    for one in drives(step_of(p), draws, 60, seed):
        simulator.step(one)
        extra = [e for e in simulator.log.events if e.name not in says["named"]]
        if extra:
            return Search(draws, str(extra[0]))
    return Search(draws)


def error(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Runs from states that a run reaches, fixed and real, until anything but a weight overflows."""
    step = step_of(p)
    lanes, warm = max(8, draws // 20), 12  # most runs leave the hypothesis, and say nothing
    wide = with_lanes(step, lanes)
    simulator = Simulator(wide)
    simulator.state |= {k: v >> (v % 4) for k, v in random_states(wide, seed).items() if k in WEIGHTS}
    every = drives(step, lanes, warm + len(says["bounds"]), seed)
    for one in every[:warm]:
        simulator.step(one)
    reached, tried = 0.0, 0
    for lane in range(lanes):
        oracle = Oracle(step)
        nodes = {n.name: n for n in oracle.flat.nodes}
        start = {k: v[lane] for k, v in simulator.state.items()}
        oracle.state = {k: nodes[k].format.value(int(v)) for k, v in flatten(step, start).items()}
        real = dict(oracle.state)
        for t, bounds in enumerate(says["bounds"]):
            given = flatten(step, {k: v[lane] for k, v in every[warm + t].items()})
            values = oracle.step(given)
            if any(name.partition("[")[0] not in LIMITED for _, name in oracle.overflowed):
                break  # outside the hypothesis
            tried += t == 0
            following = real_step(oracle.flat, values, real)
            real = {s: following[source] for s, source in oracle.flat.next.items()}
            for name, bound in bounds.items():
                gap = abs(oracle.state[name] - real[name])
                if gap > bound:
                    return Search(tried, f"{name} off by {float(gap):.6g} after {t + 1} steps")
                reached = max(reached, share(gap, bound)) if bound else reached
    return Search(tried, reached=reached)


def real_step(flat: Program, fixed: Mapping[str, Fraction], state: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Return the real-valued step: exact operations, weights cut at their limits, the fixed run's comparisons."""
    out: dict[str, Fraction] = {}
    for node in flat.nodes:
        if node.kind == "state":
            out[node.name] = state[node.name]
        elif node.kind == "constant":
            out[node.name] = node.real[0]
        elif node.kind in ("input", "random", "ge", "gt"):
            out[node.name] = fixed[node.name]
        else:
            out[node.name] = _operate(node, [out[a] for a in node.args if a in out])
    return out


def _operate(node: Node, args: list[Fraction]) -> Fraction:
    kind, a = node.kind, args[0]
    if kind == "select":
        return args[1] if a == 1 else args[2]
    if kind == "sign":
        return Fraction((a > 0) - (a < 0))
    if kind == "bernoulli":
        return cut(a, Fraction(0), Fraction(1))
    if kind == "abs":
        return abs(a)
    if kind in ("cast", "shift"):
        return a * Fraction(2) ** node.shift
    if kind in ("min", "max"):
        return min(args) if kind == "min" else max(args)
    result = a * args[1] if kind == "mul" else a + args[1] if kind == "add" else a - args[1]
    if node.name.partition("[")[0] in LIMITED:
        fmt = node.format
        result = cut(result, fmt.value(fmt.low), fmt.value(fmt.high))
    return result


def product_lemma(p: Profile, says: Says, draws: int, seed: int) -> Search:
    """Products of numbers of every sign and size, at the ends of their errors."""
    rng, reached = np.random.default_rng(seed), 0.0
    for _ in range(draws):
        most = [Fraction(int(x), 16) for x in rng.integers(0, 64, 4)]
        a, d = (m * int(rng.integers(-1, 2)) for m in most[:2])
        c, b = a + most[2] * int(rng.integers(-1, 2)), d + most[3] * int(rng.integers(-1, 2))
        limit = most[0] * most[3] + most[1] * most[2]
        if abs(a * b - c * d) > limit:
            return Search(draws, f"{a} {b} {c} {d}")
        reached = max(reached, share(abs(a * b - c * d), limit)) if limit else reached
    return Search(draws, reached=reached)
