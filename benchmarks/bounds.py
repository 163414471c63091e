"""Bounds against true errors over random networks: how often a bound fails (never), and how tight it is.

    python benchmarks/bounds.py [--networks 3000] [--seed 0]

Networks are smooth and spiking, of 2 to 4 layers, with and without lateral weights; rules cycle through the table. The
true error is `residual`; a bound fails where it is below the true error by more than that sum's own rounding. Printed:
the number of comparisons and failures, and the quantiles of bound / true error, per bound and family of networks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.reference import (
    RULES,
    Layer,
    Lif,
    Loss,
    Network,
    Rnn,
    Rule,
    Snu,
    Ssnu,
    Surrogate,
    draw_feedback,
    record,
    rule_named,
)
from gradcert.reference.bounds import (
    Bound,
    Online,
    a_priori,
    componentwise,
    descent,
    entries,
    roundings,
    tape_bound,
    windowed,
)
from gradcert.reference.engines import gamma, projected_signal, residual, reverse

SMOOTH = ("rnn", "ssnu")
SPIKING = ("snu", "lif-before", "lif-after", "lif-hard", "lif-none")
RULE_NAMES = (
    "ostl",
    "ottt",
    "e-prop",
    "sltt",
    "bptt-detached-reset",
    "ostl-random",
    "e-prop-random",
    "osttp",
    "tbptt(2)",
    "tbptt-chunks(2)",
    "snap-1",
    "decolle",
    "bptt",
)
BOUNDS = ("a priori", "online", "windowed(1)", "windowed(2)", "windowed(T)", "componentwise")


@dataclass(frozen=True)
class Problem:
    """A random network, its data and a rule."""

    family: str
    network: Network
    parameters: dict[str, Any]
    inputs: Any
    targets: Any
    rule: Rule
    feedback: dict[str, Any]


def cell(name: str, rng: np.random.Generator, *, recurrent: bool) -> Any:
    """Draw a cell."""
    leak, threshold = float(rng.uniform(0.3, 0.95)), float(rng.uniform(0.1, 0.6))
    surrogate = Surrogate(("sigmoid", "atan", "triangle", "fast_sigmoid")[rng.integers(4)])
    train = ("leak", "threshold") if rng.random() < 0.5 else ()
    if name == "rnn":
        return Rnn(activation=("tanh", "sigmoid", "relu")[rng.integers(3)], recurrent=recurrent)
    if name == "ssnu":
        return Ssnu(leak=leak, threshold=threshold, recurrent=recurrent, transfer="tanh", train=train)
    if name == "snu":
        return Snu(leak=leak, threshold=threshold, surrogate=surrogate, recurrent=recurrent, train=train)
    reset = {"before": "subtract_before_leak", "after": "subtract_after_leak", "hard": "hard", "none": "none"}[name[4:]]
    options: dict[str, Any] = {"reset": reset, "surrogate": surrogate, "recurrent": recurrent, "train": train}
    return Lif(leak=leak, threshold=threshold, **options)


def draw(seed: int, number: int) -> Problem:
    """Draw problem `number`: families, depths and rules in turn, the rest at random."""
    rng = np.random.default_rng([seed, number])
    smooth, recurrent = number % 2 == 0, (number // 2) % 2 == 0
    depth = 2 + (number // 4) % 3
    rule = rule_named(RULE_NAMES[(number // 12) % len(RULE_NAMES)])
    sizes = rng.integers(1, 5, depth + 1)
    names = SMOOTH if smooth else SPIKING
    layers = tuple(
        Layer(cell(names[rng.integers(len(names))], rng, recurrent=recurrent), inputs=int(a), units=int(b))
        for a, b in pairwise(sizes)
    )
    loss = Loss(when=("every", "last")[rng.integers(2)], time=("sum", "mean")[rng.integers(2)])
    network = Network(layers=layers, loss=loss)
    steps, batch = int(rng.integers(3, 9)), int(rng.integers(1, 3))
    parameters = network.parameters(seed=number, scale=float(rng.uniform(0.5, 2.0)))
    inputs = rng.standard_normal((steps, batch, sizes[0]))
    targets = rng.standard_normal((steps, batch, sizes[-1]))
    family = f"{'smooth' if smooth else 'spiking'}, {'recurrent' if recurrent else 'feed-forward'}"
    return Problem(family, network, parameters, inputs, targets, rule, draw_feedback(network, rule, seed=number))


def bounds(problem: Problem) -> dict[str, Bound]:
    """Return every bound of a problem."""
    q, network, steps = problem, problem.network, len(problem.inputs)
    tape = record(network, q.parameters, q.inputs)
    delta = network.loss.gradient(tape.outputs, q.targets, tape.numbers)
    signal = None
    if q.rule.feedback == "target":
        signal = largest(projected_signal(tape, q.targets))
    elif q.rule.feedback == "local":
        signal = max(largest(local_error(tape, m, q)) for m in range(network.depth - 1))
    common: dict[str, Any] = {"rule": q.rule, "feedback": q.feedback}
    data: Any = (network, q.parameters, q.inputs, q.targets)
    online = Online(network, q.parameters, steps=steps, batch=q.inputs.shape[1], **common)
    for x, y in zip(q.inputs, q.targets, strict=True):
        online.step(x, y)
    return {
        "a priori": a_priori(
            network,
            q.parameters,
            steps=steps,
            batch=q.inputs.shape[1],
            input_bound=abs(q.inputs).max(axis=(0, 1)),
            loss_gradient_bound=largest(delta),
            signal_bound=signal,
            **common,
        ),
        "online": online.bound(),
        "windowed(1)": windowed(*data, window=1, **common),
        "windowed(2)": windowed(*data, window=2, **common),
        "windowed(T)": windowed(*data, window=steps, **common),
        "componentwise": componentwise(*data, **common),
    }


def largest(rows: Any) -> float:
    """Return the largest 2-norm of the last axis, moved up by its rounding."""
    return float(np.sqrt((rows * rows).sum(axis=-1)).max() * (1 + 2 * gamma(rows.shape[-1] + 4)))


def local_error(tape: Any, m: int, problem: Problem) -> Any:
    """Return the gradient of a layer's own loss by its readout, before the readout's transpose."""
    readout = problem.feedback[problem.network.layers[m].matrix_name(m)]
    return problem.network.loss.gradient(np.matmul(tape.layers[m].now["z"], readout.T), problem.targets, tape.numbers)


def true_error(problem: Problem) -> tuple[dict[str, float], dict[str, float]]:
    """Return the norm of the true error and of its own rounding, per tensor.

    The residual's rounding is at most gamma_N times its sum over absolute values, which is what `entries` bounds.
    """
    q = problem
    data: dict[str, Any] = {"rule": q.rule, "feedback": q.feedback}
    error = residual(q.network, q.parameters, q.inputs, q.targets, **data).total
    mass = entries(q.network, q.parameters, q.inputs, q.targets, **data)
    count = 2 * roundings(q.network, len(q.inputs)) + 2 * q.inputs.shape[0] * q.inputs.shape[1] + 64
    norms = {name: float(np.sqrt((g * g).sum())) for name, g in error.items()}
    return norms, {name: float(gamma(count) * np.sqrt((g * g).sum()) * 2) for name, g in mass.items()}


@dataclass
class Tally:
    """Comparisons, failures and tightness."""

    ratios: dict[tuple[str, str], list[float]]
    compared: int = 0
    failures: int = 0
    disorder: int = 0
    certified: int = 0
    wrong: int = 0
    estimates: int = 0


def check(problem: Problem, tally: Tally) -> None:
    """Compare every bound of a problem with its true error, and the bounds with each other."""
    norms, slack = true_error(problem)
    found = bounds(problem)
    estimate = reverse.gradients(
        problem.network,
        problem.parameters,
        problem.inputs,
        problem.targets,
        rule=problem.rule,
        feedback=problem.feedback,
    )
    exact = reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])
    for label, bound in found.items():
        for name, value in bound.tensors.items():
            tally.compared += 1
            tally.failures += value + slack[name] < norms[name]
            if norms[name] > 1e3 * slack[name]:
                tally.ratios[label, problem.family].append(value / norms[name])
    for a, b in pairwise(ORDER):
        for name, value in found[a].tensors.items():
            if value > found[b].tensors[name] * ROOM:
                tally.disorder += bare(problem, a, name, value) > found[b].tensors[name] * ROOM
    tally.estimates += 1
    certificate = descent(estimate, found["windowed(T)"])
    if certificate.holds:
        tally.certified += 1
        inner = sum(float((g * exact[name]).sum()) for name, g in estimate.items())
        tally.wrong += inner <= 0


ORDER = ("windowed(T)", "online", "a priori")
ROOM = 1 + gamma(10**5)  # each is moved outward by its sums' rounding: some 60 terms, 8 steps, 4 layers, 10 times


def bare(problem: Problem, label: str, name: str, value: float) -> float:
    """Return a bound without what it adds to its norms for the rounding of their matrices, or less.

    The order is one of exact norms. What is added, g times the majorant, is not ordered, and where products of
    Jacobians cancel it is seen. The bound is a polynomial in g without negative coefficients, hence convex: b(0) is at
    least 2 b(g) - b(2 g).
    """
    q = problem
    tape = record(q.network, q.parameters, q.inputs)
    window = len(q.inputs) if label == "windowed(T)" else 1
    twice = tape_bound(tape, q.targets, rule=q.rule, feedback=q.feedback, window=window, allowance=2)
    return 2 * value - twice.tensors[name]


def run(networks: int, seed: int) -> Tally:
    """Draw and check networks."""
    tally = Tally(defaultdict(list))
    for number in range(networks):
        check(draw(seed, number), tally)
    return tally


def table(tally: Tally) -> str:
    """Return the quantiles of bound / true error as text."""
    families = sorted({family for _, family in tally.ratios})
    lines = [f"{'bound / true error: median (10 %, 90 %)':40s}" + "".join(f"{f:>28s}" for f in families)]
    for label in BOUNDS:
        row = f"{label:40s}"
        for family in families:
            ratios = np.array(tally.ratios.get((label, family), [np.nan]))
            low, middle, high = np.quantile(ratios, [0.1, 0.5, 0.9])
            row += f"{f'{middle:.3g} ({low:.3g}, {high:.3g})':>28s}"
        lines.append(row)
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    start = time.perf_counter()
    tally = run(given.networks, given.seed)
    print(table(tally))
    print(f"{given.networks} networks, {tally.compared} comparisons of a bound with a true error")
    print(f"bounds below the true error: {tally.failures}")
    print(f"windowed(T) <= online <= a priori violated: {tally.disorder}")
    print(f"descent certified by windowed(T): {tally.certified} of {tally.estimates}, wrongly: {tally.wrong}")
    print(f"{time.perf_counter() - start:.0f} s")
    sys.exit(bool(tally.failures or tally.disorder or tally.wrong))


if __name__ == "__main__":
    main()
