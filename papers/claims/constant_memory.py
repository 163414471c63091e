"""C7. Online rules need memory that does not grow with the sequence; BPTT's does."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradcert.papers.claim import Claim, Job, Published, Results
from gradcert.papers.figure import Figure, Table
from gradcert.papers.training import Schedule, Sgd, trained_on_parts
from gradcert.papers.training.fptt import Part
from gradcert.papers.verdicts import Part as Judged
from gradcert.papers.verdicts import holds
from gradcert.reference.engines import Learner, reverse
from gradcert.reference.networks import Integrator, Layer, Loss, Network, Snu
from gradcert.reference.numbers import FLOAT32, Array
from gradcert.reference.procedures import start
from gradcert.reference.rules import RULES, draw_feedback

# every row that is walked with eligibility traces and claims a memory without T
ONLINE = (
    "ostl",
    "ostl-random",
    "rtrl",
    "e-prop",
    "e-prop-random",
    "ottt",
    "sltt",
    "osttp",
    "rflo",
    "snap-1",
    "decolle",
)
PARTS = "fptt, parts of 25 steps"
TEN = "fptt, 10 parts"
GROWING = ("bptt", TEN)
LENGTHS, QUICK_LENGTHS = (100, 10000), (75, 300)
FEWER = (100, 1000)  # for relatives of a rule that is measured at the longest
QUICK = ("ostl", "e-prop", "ottt", "sltt", "osttp", "snap-1")
UNITS, INPUTS, OUTPUTS = 16, 4, 2
LATERAL = np.float32(0.1)  # of the lateral weights as drawn: as they are, traces overflow within a thousand steps
CLEARED = 50  # steps after which Python's lists of free small objects are emptied: they fill up for thousands of steps
SLACK = 1.02  # what counts as the same: Python's own small objects come and go
LEAST = 8192  # bytes of them
ROUNDS = 2  # the smaller counts: what Python keeps at a moment can only add to what a rule needs


def network() -> Network:
    """Return recurrent SNU under a leaky readout: leak, reset and lateral weights are there."""
    hidden = Layer(Snu(leak=0.9, threshold=0.5), inputs=INPUTS, units=UNITS)
    return Network(
        layers=(hidden, Layer(Integrator(), inputs=UNITS, units=OUTPUTS)), loss=Loss(time="mean", batch="mean")
    )


def plan(results: Results, quick: bool) -> Sequence[Job]:
    """Return the jobs: every rule at every length."""
    rules = (*(QUICK if quick else ONLINE), PARTS, *GROWING)
    lengths = {r: FEWER if r in ONLINE and r not in QUICK else LENGTHS for r in rules}
    return [{"rule": r, "T": T, "seed": 0} for r in rules for T in (QUICK_LENGTHS if quick else lengths[r])]


def run(job: Job) -> dict[str, Any]:
    """Learn from one sequence of T steps; return the largest memory at any moment, less what was there before.

    What was learned has to be finite numbers: a rule whose traces overflow has learned nothing in its memory.
    """
    found = [measure(job) for _ in range(ROUNDS)]
    finite = all(one["finite"] for one in found)
    return {**min(found, key=lambda one: int(one["bytes"])), "finite": finite}


def measure(job: Job) -> dict[str, Any]:
    """Learn once."""
    net, T = network(), int(job["T"])
    p = net.parameters(seed=job["seed"], numbers=FLOAT32)
    p = {**p, "layers.0.H": p["layers.0.H"] * LATERAL}
    learn = way(job["rule"], net, p, T)
    gc.collect()
    tracemalloc.start()
    began = time.process_time()
    learned = learn(np.random.default_rng([job["seed"], 3]))
    seconds = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"bytes": peak, "seconds": seconds, "finite": all(bool(np.isfinite(v).all()) for v in learned.values())}


def way(rule: str, net: Network, p: Mapping[str, Any], T: int) -> Callable[[np.random.Generator], Mapping[str, Array]]:
    """Return how a rule learns: a step at a time from a stream, a part at a time, or from the whole sequence."""

    def steps(rng: np.random.Generator) -> Mapping[str, Array]:
        row = RULES[rule]
        feedback = {} if row.feedback == "symmetric" else draw_feedback(net, row, numbers=FLOAT32)
        learner = Learner(net, p, rule=row, steps=T, batch=1, numbers=FLOAT32, feedback=feedback)
        for t in range(T):
            if t % CLEARED == 0:
                gc.collect()
            x, y = drawn(rng, 1)
            learner.step(x[0], y[0])
        return learner.gradients()

    def parts(rng: np.random.Generator) -> Mapping[str, Array]:
        length = 25 if rule == PARTS else T // 10

        def stream() -> Iterator[Part]:
            for _ in range(T // length):
                gc.collect()
                yield (*drawn(rng, length), 1.0)

        state = trained_on_parts(start(dict(p)), net, stream(), schedule=Schedule(), optimiser=Sgd(1e-3))
        return state.weights

    def whole(rng: np.random.Generator) -> Mapping[str, Array]:
        x, y = drawn(rng, T)
        return reverse.gradients(net, p, x, y, rule=RULES["bptt"], numbers=FLOAT32)

    return whole if rule == "bptt" else parts if rule in (PARTS, TEN) else steps


def drawn(rng: np.random.Generator, steps: int) -> Any:
    """Return inputs (steps, 1, 4) and targets (steps, 1, 2) of zeros and ones."""
    x = (rng.random((steps, 1, INPUTS)) < 0.3).astype(np.float32)
    return x, np.zeros((steps, 1, OUTPUTS), np.float32)


def judge(results: Results, quick: bool) -> list[Judged]:
    """Return the parts: see `CLAIM.rule`."""
    parts = []
    for rule in (*ONLINE, PARTS):
        sizes = measured(results, rule)
        if not sizes:
            continue
        first, last = sizes[min(sizes)], sizes[max(sizes)]
        words = f"{first / 1024:.0f} KiB at T = {min(sizes)}, {last / 1024:.0f} KiB at T = {max(sizes)}"
        finite = all(r["finite"] for _, r in results.where(rule=rule))
        words = words if finite else f"{words}; but what was learned is no number"
        parts.append(holds(rule, finite and last <= SLACK * first + LEAST, words, bytes=last))
    for rule in GROWING:
        sizes = measured(results, rule)
        if not sizes:
            continue
        grown, longer = sizes[max(sizes)] / sizes[min(sizes)], max(sizes) / min(sizes)
        words = f"{grown:.1f} times the memory at {longer:.0f} times the length: it grows, and the measure sees it"
        parts.append(holds(f"{rule} as if it were constant", grown > longer / 10, words, control=True, grown=grown))
    return parts


def measured(results: Results, rule: str) -> dict[int, float]:
    """Return bytes by length."""
    return {int(job["T"]): float(r["bytes"]) for job, r in results.where(rule=rule)}


def figures(results: Results) -> list[Figure]:
    """Return memory against the length."""
    rules = [r for r in (*ONLINE, PARTS, *GROWING) if results.where(rule=r)]
    curves = {
        r: [(float(T), b / 1024, b / 1024, b / 1024) for T, b in sorted(measured(results, r).items())] for r in rules
    }
    return [Figure("Largest memory while learning from one sequence", "T", "KiB", curves, log_x=True, log_y=True)]


def tables(results: Results) -> list[Table]:
    """Return memory and time of every rule."""
    lengths = sorted({int(job["T"]) for job, _ in results.done})
    rows = []
    for rule in (*ONLINE, PARTS, *GROWING):
        found = {int(job["T"]): r for job, r in results.where(rule=rule)}
        if not found:
            continue
        took = found[max(found)]["seconds"] / max(found) * 1e6
        sizes = [f"{found[T]['bytes'] / 1024:.0f}" if T in found else "" for T in lengths]
        rows.append((rule, *sizes, f"{took:.0f}"))
    columns = ("rule", *(f"KiB, T = {T}" for T in lengths), "µs a step, traced")
    return [Table("Memory and time", columns, rows)]


CLAIM = Claim(
    number="C7",
    name="constant-memory",
    title="Online rules learn in memory that does not depend on T",
    statement=(
        "OTTT: 'constant training memory costs agnostic to time steps'; FPTT, OSTL, e-prop: memory "
        "independent of the "
        "length of the sequence."
    ),
    source=(
        "Xiao et al., arXiv 2210.04195 (abstract); Yin et al., arXiv 2112.11231 (abstract); Bohnstingl et "
        "al., arXiv 2007.12723"
    ),
    published=(
        Published("OTTT, CIFAR-10: memory against BPTT, T = 6", "1.71 GB against 3.00 GB", "secondary"),
        Published("FPTT, DVS-CIFAR10: memory against BPTT", "3.75 GB against 15.72 GB", "secondary"),
    ),
    task="A stream of random bits, a target at every step; drawn as it is learned from, no data.",
    network="4 inputs, 16 recurrent SNU with small lateral weights (a tenth of the usual), 2 leaky readouts, float32.",
    budget=(
        "Sequences of 100 and of 10,000 steps; of 100 and 1,000 for relatives (ostl-random, e-prop-random, "
        "rflo, decolle, rtrl)."
    ),
    seeds="1: memory does not depend on the draw.",
    grid="None.",
    rule=(
        "Shown if for every rule the largest memory at the longest length is that at the shortest, to 2 % and 8 "
        "KiB (small objects of Python's own), and what was learned is finite. Controls: BPTT, and FPTT with ten parts "
        "however long the sequence is, have to grow by a tenth of the factor of the length at least, or the measure "
        "does not see memory. Memory is what Python's allocator and NumPy ask for (tracemalloc), counted from before "
        "the sequence, the smaller of two runs; what Python keeps for objects that it has freed is given back every 50 "
        "steps or less."
    ),
    minutes=4.4,
    plan=plan,
    run=run,
    judge=judge,
    figures=figures,
    tables=tables,
    unconfirmed=(
        "GPU memory of the papers' own frameworks.",
        "FPTT as published has ten parts: its memory is a tenth of BPTT's and grows with T; with parts of fixed "
        "length it is constant.",
    ),
    quick=True,
)
