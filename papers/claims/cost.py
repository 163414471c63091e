"""C10. What an update costs: time of a step and memory of the traces against n, time of a sequence against T."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcert.papers.claim import Claim, Job, Published, Results
from gradcert.papers.figure import Figure, Table, spread
from gradcert.papers.training import gradient
from gradcert.papers.verdicts import Part, holds, on_par
from gradcert.reference.engines import Learner
from gradcert.reference.networks import Integrator, Layer, Lif, Loss, Network
from gradcert.reference.numbers import FLOAT32
from gradcert.reference.rules import RULES, draw_feedback

LATERAL = ", lateral weights"
# learner -> the published exponents of n: time of a step, memory of the traces; none where it walks backwards
EXPONENTS: dict[str, tuple[int, int | None]] = {
    "bptt": (2, None),
    "ostl" + LATERAL: (4, 3),
    "ostl": (2, 2),
    "osttp": (2, 2),
    "snap-1": (2, 2),
    "rflo": (2, 2),
    "e-prop": (2, 1),
    "decolle": (2, 1),
    "ottt": (2, 1),
    "sltt": (2, 0),
}
SIZES, LARGE = (128, 256, 512, 1024), (32, 64, 128, 256)  # units; the second where the published time is n^4
FILTERED = ("e-prop",)  # keep beside these traces a filtered eligibility for the leaky readouts, which is not counted
DENSE = ("snap-1",)  # published n^2 with lateral weights too, where this engine keeps n^3: that is not claimed
LENGTHS, UNITS = (50, 100, 200, 400), 64
SEEDS, STEPS, OUTPUTS = range(4), 12, 2
MARGIN = 0.25  # of an exponent of time
NEAR = 0.1  # of an exponent of memory, which is counted
ROUNDS = 5  # the lengths take turns, and the fastest of their rounds counts: a slow minute is then no length's own


def network(n: int, lateral: bool) -> Network:
    """Return n LIF neurons on as many inputs, under two leaky readouts."""
    hidden = Layer(Lif(leak=0.9, threshold=0.5, recurrent=lateral), inputs=n, units=n)
    head = Layer(Integrator(), inputs=n, units=OUTPUTS)
    return Network(layers=(hidden, head), loss=Loss(time="mean", batch="mean"))


def plan(results: Results, quick: bool) -> Sequence[Job]:
    """Return the jobs: every learner at every size, and at every length."""
    jobs: list[Job] = []
    for learner, (power, _) in EXPONENTS.items():
        sizes = LARGE if power == 4 else SIZES
        jobs += [{"learner": learner, "n": n, "T": STEPS, "seed": s} for n in sizes for s in SEEDS]
        jobs += [{"learner": learner, "n": UNITS, "lengths": list(LENGTHS), "seed": s} for s in SEEDS if power != 4]
    return jobs


def run(job: Job) -> dict[str, Any]:
    """Learn from one sequence, or from one of each length in turns, a sample at a time; see `sequence`."""
    if "lengths" not in job:
        return sequence(job["learner"], int(job["n"]), int(job["T"]), int(job["seed"]))
    rounds = [[sequence(job["learner"], int(job["n"]), T, int(job["seed"])) for T in LENGTHS] for _ in range(ROUNDS)]
    return {"sequences": [min(found["sequence"] for found in of_length) for of_length in zip(*rounds, strict=True)]}


def sequence(name: str, n: int, T: int, seed: int) -> dict[str, Any]:
    """Return seconds of CPU of a step (the median) and of the sequence, and bytes of the traces."""
    name, net = name.removesuffix(LATERAL), network(n, name.endswith(LATERAL))
    p, rng = net.parameters(seed=seed, numbers=FLOAT32), np.random.default_rng([seed, 4])
    x = (rng.random((T, 1, n)) < 0.1).astype(np.float32)
    y = np.zeros((T, 1, OUTPUTS), np.float32)
    if name == "bptt":
        gradient(name, net, p, x, y, numbers=FLOAT32)  # once for what is prepared at a first call
        began = time.process_time()
        gradient(name, net, p, x, y, numbers=FLOAT32)
        spent = time.process_time() - began
        return {"step": spent / T, "sequence": spent, "traces": 0}
    rule = RULES[name]
    feedback = {} if rule.feedback == "symmetric" else draw_feedback(net, rule, numbers=FLOAT32)
    learner = Learner(net, p, rule=rule, steps=T, batch=1, numbers=FLOAT32, feedback=feedback)
    took = []
    for t in range(T):
        began = time.process_time()
        learner.step(x[t], y[t])
        took.append(time.process_time() - began)
    return {"step": float(np.median(took[1:])), "sequence": sum(took), "traces": carried(learner)}


def carried(learner: Learner) -> int:
    """Return the bytes of the eligibility traces of the hidden layer's matrices, in that layer."""
    held = [trace for (_, name, _), trace in learner.traces[0].items() if name in ("W", "H")]
    return sum(int(tangent.array.nbytes) for trace in held for tangent in trace.values())


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of log value on log size, over the largest three.

    Examples
    --------
    >>> round(exponent([1, 2, 4, 8], [9, 4, 16, 64]), 12)
    2.0
    """
    found = np.log(np.array(sorted(zip(sizes, values, strict=True))[-3:], dtype=float))
    return float(np.polyfit(found[:, 0], found[:, 1], 1)[0])


def slopes(results: Results, learner: str, measure: str) -> list[float]:
    """Return the fitted exponent of each seed, of a step's time or of the traces against n."""
    runs = [results.where(learner=learner, seed=seed, T=STEPS) for seed in SEEDS]
    return [exponent([float(j["n"]) for j, _ in r], [float(found[measure]) for _, found in r]) for r in runs if r]


def grown(results: Results, learner: str) -> list[float]:
    """Return the fitted exponent of each seed, of a sequence's time against T."""
    runs = results.where(learner=learner, lengths=list(LENGTHS))
    return [exponent(LENGTHS, found["sequences"]) for _, found in runs]


def judge(results: Results, quick: bool) -> list[Part]:
    """Return the parts: see `CLAIM.rule`."""
    parts = []
    for learner, (power, room) in EXPONENTS.items():
        found = on_par([v - power for v in slopes(results, learner, "step")], MARGIN)
        words = f"fitted less {power}: {found.words}"
        parts.append(Part(f"{learner}: a step takes O(n^{power})", found.verdict, words, {"mean": found.mean}))
        if room:
            memory = slopes(results, learner, "traces")[0]
            near, words = memory < room + NEAR, f"n^{memory:.3f}, counted"
            where = ""
            if learner in FILTERED:
                where = " in its own layer"
                words += "; beside them n^2 for each leaky readout, the filtered eligibility, which is not counted"
            if learner in DENSE:
                words += "; without lateral weights: with them this engine keeps the dense array, n^3, and masks it"
            parts.append(holds(f"{learner}: traces{where} take O(n^{room})", near, words, exponent=memory))
        elif room == 0:
            most = max(r["traces"] for _, r in results.where(learner=learner, T=STEPS))
            parts.append(holds(f"{learner}: no traces", most == 0, f"{most} bytes at most", bytes=most))
        if power != 4:
            longer = on_par([v - 1 for v in grown(results, learner)], MARGIN)
            parts.append(
                Part(f"{learner}: a sequence takes O(T)", longer.verdict, f"fitted less 1: {longer.words}", {})
            )
    quartic = slopes(results, "ostl" + LATERAL, "step")
    words = f"lateral OSTL grows with n^{min(quartic):.2f} at least"
    parts.append(holds("control: the clock sees more than n^2", min(quartic) > 2 + MARGIN, words, control=True))
    return parts


def figures(results: Results) -> list[Figure]:
    """Return times and bytes against n, and times against T."""
    out = []
    for measure, title in (("step", "Seconds of a step"), ("traces", "Bytes of the traces")):
        curves = {}
        for learner in EXPONENTS:
            runs = [results.where(learner=learner, seed=seed, T=STEPS) for seed in SEEDS]
            lines = [[[float(j["n"]), float(r[measure])] for j, r in found if r[measure]] for found in runs]
            if all(lines):
                curves[learner] = spread(lines)
        out.append(Figure(title, "n", measure, curves, log_x=True, log_y=True))
    longer = {}
    for learner in EXPONENTS:
        if found := results.where(learner=learner, lengths=list(LENGTHS)):
            longer[learner] = spread([list(map(list, zip(LENGTHS, r["sequences"], strict=True))) for _, r in found])
    return [*out, Figure("Seconds of a sequence, 64 units", "T", "sequence", longer, log_x=True, log_y=True)]


def tables(results: Results) -> list[Table]:
    """Return what a step costs beside BPTT's, and the fitted exponents."""
    rows = []
    for learner, (power, room) in EXPONENTS.items():
        at = LARGE[-1] if power == 4 else SIZES[-1]
        steps = [float(r["step"]) for _, r in results.where(learner=learner, n=at, T=STEPS)]
        if steps:
            fitted, longer = slopes(results, learner, "step"), grown(results, learner)
            memory = f"{slopes(results, learner, 'traces')[0]:.2f}" if room else ""
            length = f"{float(np.median(longer)):.2f}" if longer else ""
            rows.append(
                (learner, at, f"{1e3 * float(np.median(steps)):.2f}", f"n^{power}", f"{float(np.median(fitted)):.2f}",
                 "" if room is None else f"n^{room}", memory, length)
            )  # fmt: skip
    columns = ("learner", "n", "ms a step", "time, published", "time, fitted", "traces, published", "traces, counted",
               "of T, fitted")  # fmt: skip
    return [Table("Cost of a step of the hidden layer, one sample, float32", columns, rows)]


CLAIM = Claim(
    number="C10",
    name="cost",
    title="Nine rules cost no more than what is quoted of them, against n and against T",
    statement=(
        "OTTT, SLTT, e-prop, RFLO, SnAp-1 and OSTL without lateral weights take O(n^2) a step, OSTL with lateral "
        "weights O(n^4) and traces of O(n^3); BPTT takes O(n^2) a step and stores every step."
    ),
    source="the papers of the rows (`gradcert rules NAME`); mathematics.md 11",
    published=(
        Published("RTRL, and OSTL with lateral weights: time of a step, memory", "n^4, n^3", "secondary"),
        Published("RFLO, SnAp-1: time of a step, memory", "n^2, n^2", "secondary"),
    ),
    task="Random bits, one sample; drawn, no data.",
    network="n inputs, n LIF neurons (recurrent where it says lateral weights), 2 leaky readouts, float32.",
    budget=(
        "12 steps at n = 128, 256, 512, 1024 (32, 64, 128, 256 where the time is n^4); 50 to 400 steps at n = 64, in "
        "turns, the fastest of five rounds. The largest three make the fit: below them it is Python that takes the "
        "time."
    ),
    seeds="4: of the clock, which is noisy; the counted bytes do not depend on them.",
    grid="None.",
    rule=(
        "Time: the fitted exponent of the median step less the published one, over 4 repetitions. In this order: "
        "shown if the upper 95 % limit of the mean is below 0.25; not shown if the lower 95 % limit is above 0; else "
        "inconclusive. O() is an upper bound, so that less is no contradiction, for memory too. Memory: the bytes of "
        "the hidden layer's traces are counted; shown if their exponent is below the published one plus 0.1. Control: "
        "that of OSTL with lateral weights, of time, has to be above 2.25, or the clock sees nothing but Python."
    ),
    minutes=1,
    timed=True,
    plan=plan,
    run=run,
    judge=judge,
    figures=figures,
    tables=tables,
    unconfirmed=(
        "The papers' own tables of complexity, but for those that others quote.",
        "All that a rule keeps: counted are the traces of the hidden layer's weights in that layer. e-prop's total "
        "under leaky readouts is of order n^2.",
        "SnAp-1 with lateral weights, for which it was made: its row is of a layer without them, where it is OSTL. "
        "With them this engine keeps n^3, OSTL's dense array, and masks it; the paper stores what is not 0, n^2.",
        "Times are of this engine, in NumPy; a processor's caches move a fitted exponent by some tenths.",
    ),
)
