"""C5. Sequential digits: FPTT beside BPTT at equal sequences and equal updates, e-prop and OSTL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcert.papers.claim import Claim, Job, Published, Results
from gradcert.papers.claims.images import one_hot
from gradcert.papers.data import mnist
from gradcert.papers.figure import Figure, Table, spread
from gradcert.papers.training import TUNED, Adam, Schedule, Search, clipped, cut, gradient, trained_on_parts
from gradcert.papers.verdicts import Part, better, on_par
from gradcert.reference.engines import record
from gradcert.reference.networks import Integrator, Layer, Loss, Ltc, Network
from gradcert.reference.numbers import FLOAT32, Array, Surrogate
from gradcert.reference.procedures import start

EQUAL_UPDATES = "bptt, equal updates"
SCHEDULES = {"fptt": Schedule(), "parts, no regulariser": Schedule(form="none")}
LEARNERS = ("bptt", EQUAL_UPDATES, *SCHEDULES, "e-prop", "ostl")
ONLINE = ("e-prop", "ostl")  # the approximations that FPTT is said to outperform
SEARCH = Search(rates=(1e-3, 3e-3, 1e-2, 3e-2), seeds=range(4), measure="error")
SIDE, WIDTH, STEPS, UNITS = 14, 4, 49, 32
BATCH, SEQUENCES, PARTS, CLIP = 50, 120, 10, 1.0
MARGIN = 0.03  # of the share of wrong answers
TRAIN, VALID, TEST = slice(0, 6000), slice(6000, 7000), slice(8000, 9000)


def network() -> Network:
    """Return two layers of liquid time constants and a leaky readout; the loss is that of the last step of a part."""
    cell = Ltc(surrogate=Surrogate("multi_gaussian", sigma=0.3, scale=0.5))
    layers = (Layer(cell, inputs=WIDTH, units=UNITS), Layer(cell, inputs=UNITS, units=UNITS))
    head = Layer(Integrator(), inputs=UNITS, units=10)
    return Network(layers=(*layers, head), loss=Loss(kind="cross_entropy", when="last", batch="mean"))


def shown(images: Array) -> Array:
    """Return digits as sequences of four grey values of 14 x 14, row by row: (49, samples, 4).

    Examples
    --------
    >>> shown(np.zeros((3, 784), np.float32)).shape
    (49, 3, 4)
    """
    small = images.reshape(-1, SIDE, 2, SIDE, 2).mean(axis=(2, 4))
    return np.ascontiguousarray(small.reshape(len(small), STEPS, WIDTH).transpose(1, 0, 2))


def plan(results: Results, quick: bool) -> Sequence[Job]:
    """Return the jobs: the same grid for every learner on validation, then the seeds at its best rate."""
    jobs: list[Job] = []
    for learner in LEARNERS:
        if learner != EQUAL_UPDATES:
            jobs += SEARCH.jobs(results, learner=learner)
        elif (rate := SEARCH.best(results, learner="bptt")) is not None:  # ten times the work: at the rate of BPTT
            jobs += [{"learner": learner, "rate": rate, "seed": s} for s in SEARCH.seeds]
    return jobs


def run(job: Job) -> dict[str, Any]:
    """Train one network by Adam with clipped gradients."""
    (images, labels), net, name = mnist(), network(), job["learner"]
    x, held = shown(images[TRAIN]), VALID if job["seed"] == TUNED else TEST
    test = shown(images[held]), labels[held]
    p, rng = net.parameters(seed=job["seed"], numbers=FLOAT32), np.random.default_rng([job["seed"], 5])
    adam, schedule, state, curve = Adam(job["rate"]), SCHEDULES.get(name), start(p), []
    count = SEQUENCES * (PARTS if name == EQUAL_UPDATES else 1)

    def optimiser(w: Mapping[str, Array], g: Mapping[str, Array]) -> dict[str, Array]:
        return adam(w, clipped(g, CLIP))

    for k in range(count):
        chosen = rng.integers(0, x.shape[1], BATCH)
        xs, y = x[:, chosen], one_hot(labels[TRAIN][chosen], STEPS)
        if schedule is None:
            p = optimiser(p, gradient("bptt" if name == EQUAL_UPDATES else name, net, p, xs, y, numbers=FLOAT32))
        else:
            state = trained_on_parts(state, net, cut(xs, y, schedule), schedule=schedule, optimiser=optimiser)
            p = state.weights
        if (k + 1) % (count // 6) == 0:
            curve.append([(k + 1) * SEQUENCES / count, wrong(net, p, *test)])
    return {"curve": curve, "error": curve[-1][1], "updates": adam.count}


def wrong(net: Network, p: Mapping[str, Array], x: Array, labels: Array) -> float:
    """Return the share of digits whose output at the last step is largest for another class."""
    return float((record(net, p, x, numbers=FLOAT32).outputs[-1].argmax(axis=1) != labels).mean())


def judge(results: Results, quick: bool) -> list[Part]:
    """Return the parts: see `CLAIM.rule`."""
    runs, fptt, parts = results.without(seed=TUNED), {"learner": "fptt"}, []
    for other in ONLINE:
        found = better(runs.difference("error", fptt, {"learner": other}), MARGIN)
        parts.append(
            Part(f"FPTT better than {other}", found.verdict, f"wrong answers, {found.words}", {"mean": found.mean})
        )
    found = on_par(runs.difference("error", fptt, {"learner": "bptt"}), MARGIN)
    words = f"wrong answers, difference {found.words}"
    parts.append(Part("FPTT on par with BPTT at equal sequences", found.verdict, words, {"mean": found.mean}))
    for other in (EQUAL_UPDATES, "parts, no regulariser"):
        beside = on_par(runs.difference("error", fptt, {"learner": other}), MARGIN)
        parts.append(Part(f"FPTT on par with {other} ({beside.verdict})", "", beside.words, {}))
    for other in ONLINE:
        beside = on_par(runs.difference("error", {"learner": other}, {"learner": "bptt"}), MARGIN)
        parts.append(Part(f"{other} on par with BPTT ({beside.verdict})", "", beside.words, {}))
    return parts


def figures(results: Results) -> list[Figure]:
    """Return the learning curves."""
    runs = {name: [r["curve"] for _, r in results.without(seed=TUNED).where(learner=name)] for name in LEARNERS}
    curves = {name: spread(found) for name, found in runs.items() if found}
    title, level = "Share of wrong answers on the test, each learner at its best rate", (0.9, "chance")
    return [Figure(title, "batches (equal updates: tenths)", "error", curves, level=level)]


def tables(results: Results) -> list[Table]:
    """Return the rates that the search chose, and the errors."""
    rows = []
    for name in LEARNERS:
        runs = results.without(seed=TUNED).where(learner=name)
        if runs:
            errors = [100 * float(r["error"]) for _, r in runs]
            mean = f"{float(np.mean(errors)):.2f}"
            rate = "BPTT's" if name == EQUAL_UPDATES else SEARCH.words(results, learner=name)
            rows.append((name, rate, mean, f"{min(errors):.2f} ... {max(errors):.2f}", runs[0][1]["updates"]))
    columns = ("learner", "rate", "mean", "of the seeds", "updates")
    return [Table("Wrong answers on the test, in %", columns, rows)]


CLAIM = Claim(
    number="C5",
    name="sequential-digits",
    title="On sequential digits FPTT outperforms online approximations and is on par with BPTT",
    statement=(
        "FPTT outperforms online approximations of BPTT, and approaches or exceeds BPTT, on sequential MNIST among "
        "others."
    ),
    source="Yin, Corradi & Bohte, arXiv 2112.11231 (abstract)",
    published=(Published("S-MNIST, PS-MNIST, DVS-Gesture, DVS-CIFAR10", "numbers not read", "abstract"),),
    data=("mnist",),
    task=(
        "MNIST at 14 x 14, four grey values a step, 49 steps, the class after the last; 6,000 digits, 1,000 for the "
        "test."
    ),
    network="4 - 32 - 32 - 10, liquid time constants, leaky readout; the authors' networks are larger.",
    budget=(
        "120 batches of 50 sequences, Adam, gradients clipped at norm 1, ten parts; BPTT at equal updates has ten "
        "times the batches. OSTL and e-prop update once a sequence."
    ),
    seeds="4 at the best rate; one more for the search, on validation.",
    grid=(
        "Rates 0.001, 0.003, 0.01, 0.03, the same for every learner, on 1,000 digits of validation; BPTT at equal "
        "updates takes BPTT's."
    ),
    rule=(
        "Paired over seeds: the error of FPTT less that of e-prop and of OSTL (two layers, so that OSTL is not BPTT). "
        "Better is, in this order, shown if the upper 95 % limit of the mean difference is below 0; not shown if the "
        "lower 95 % limit is above -3 points; else inconclusive. And less that of BPTT at equal sequences: on par is, "
        "in this order, shown if the upper 95 % limit is below 3 points; not shown if the lower 95 % limit is above "
        "0. BPTT at equal updates, the same schedule without its regulariser, and the approximations beside BPTT "
        "stand beside it and do not enter."
    ),
    minutes=4.1,
    plan=plan,
    run=run,
    judge=judge,
    figures=figures,
    tables=tables,
    unconfirmed=(
        "The paper's own configurations (784 steps, 28 x 28, hundreds of epochs) are out of reach of a CPU.",
        "FPTT's labels come after every part, as published; the others' only after the last step.",
    ),
)
