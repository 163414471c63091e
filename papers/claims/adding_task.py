"""C4. FPTT with liquid time constants learns the adding task where BPTT does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcert.papers.claim import Claim, Job, Published, Results
from gradcert.papers.data import adding
from gradcert.papers.figure import Figure, Table, spread
from gradcert.papers.training import Adam, Schedule, clipped, cut, gradient, trained_on_parts
from gradcert.papers.verdicts import Part, better
from gradcert.reference.engines import record
from gradcert.reference.networks import Alif, Integrator, Layer, Loss, Lstm, Ltc, Network
from gradcert.reference.numbers import FLOAT32, Array, Surrogate
from gradcert.reference.procedures import start

SPIKE = Surrogate("multi_gaussian", sigma=0.3, scale=0.5)
CELLS: Mapping[str, Any] = {
    "ltc": lambda: Ltc(surrogate=SPIKE),
    "alif": lambda: Alif(
        leak=0.95, rho=0.98, threshold=0.1, beta=1.8, gain="one_minus_leak", surrogate=SPIKE, recurrent=True
    ),
    "lstm": Lstm,
}
FPTT = {
    "fptt": Schedule(),
    "fptt, paper's form": Schedule(form="paper"),
    "parts, no regulariser": Schedule(form="none"),
    "fptt, script's slips": Schedule(early=True, steep=True),
}
LEARNERS = ("bptt, equal sequences", "bptt, equal updates", *FPTT)
SHORTS = {"alif": ("bptt, equal sequences", "fptt"), "lstm": ("bptt, equal sequences", "fptt")}
LENGTHS, SEEDS = (50, 100), range(4)
FARTHER, TWO = (200, 500, 1000), ("bptt, equal sequences", "fptt")  # lengths for two learners alone
UNITS, BATCH, SEQUENCES, PARTS, RATE, CLIP = 32, 32, 100, 10, 3e-3, 1.0
MARGIN = 0.02  # of the mean squared error; a constant guess has 0.167
DIVERGED = 1.0  # what a run that ends in no number counts as


def network(cell: str) -> Network:
    """Return one recurrent layer and a leaky readout; the loss is that of the last step (of a part)."""
    head = Layer(Integrator(), inputs=UNITS, units=1)
    loss = Loss(kind="squared_error", when="last", batch="mean")
    return Network(layers=(Layer(CELLS[cell](), inputs=2, units=UNITS), head), loss=loss)


def plan(results: Results, quick: bool) -> Sequence[Job]:
    """Return the jobs: liquid time constants with every learner, the other cells with two."""
    jobs: list[Job] = [
        {"cell": "ltc", "learner": n, "T": T, "seed": s} for T, ns in of_length().items() for n in ns for s in SEEDS
    ]
    return jobs + [
        {"cell": c, "learner": n, "T": 100, "seed": s} for c, ns in SHORTS.items() for n in ns for s in SEEDS
    ]


def of_length() -> dict[int, tuple[str, ...]]:
    """Return the learners at every length: equal updates are ten times the work, and long sequences ten times more."""
    return {**dict.fromkeys(LENGTHS, LEARNERS), **dict.fromkeys(FARTHER, TWO)}


def run(job: Job) -> dict[str, Any]:
    """Train one network; one batch of sequences at a time, or a part of it, by Adam with clipped gradients."""
    net, T, name = network(job["cell"]), int(job["T"]), job["learner"]
    p = net.parameters(seed=job["seed"], numbers=FLOAT32)
    rng, adam, curve = np.random.default_rng([job["seed"], 1]), Adam(RATE), []
    held = adding(np.random.default_rng([job["seed"], 2]), T, 256)
    schedule, state = FPTT.get(name), start(p)
    count = SEQUENCES * (PARTS if name == "bptt, equal updates" else 1)

    def optimiser(w: Mapping[str, Array], g: Mapping[str, Array]) -> dict[str, Array]:
        return adam(w, clipped(g, CLIP))

    for k in range(count):
        x, y = adding(rng, T, BATCH)
        if schedule is None:
            p = optimiser(p, gradient("bptt", net, p, x, y, numbers=FLOAT32))
        else:
            parts = cut(x, y, schedule)
            state = trained_on_parts(state, net, parts, schedule=schedule, optimiser=optimiser)
            p = state.weights
        if (k + 1) % (count // 10) == 0:
            curve.append([(k + 1) * SEQUENCES / count, error(net, p, *held)])
    return {"curve": curve, "error": curve[-1][1], "updates": adam.count}


def error(net: Network, p: Mapping[str, Array], x: Array, y: Array) -> float:
    """Return the mean squared error at the last step."""
    found = float(((record(net, p, x, numbers=FLOAT32).outputs[-1] - y[-1]) ** 2).mean())
    return min(found, DIVERGED) if np.isfinite(found) else DIVERGED


def judge(results: Results, quick: bool) -> list[Part]:
    """Return the parts: see `CLAIM.rule`."""
    parts = []
    for T, learners in of_length().items():
        fptt = {"cell": "ltc", "learner": "fptt", "T": T}
        for other in learners:
            if other == "fptt":
                continue
            found = better(results.difference("error", fptt, {**fptt, "learner": other}), MARGIN)
            enters = other.startswith("bptt") and T in LENGTHS
            name = f"T = {T}: FPTT better than {other}"
            name = name if enters else f"{name} ({found.verdict})"
            parts.append(
                Part(
                    name,
                    found.verdict if enters else "",
                    f"mean squared error, difference {found.words}",
                    {"mean": found.mean},
                )
            )
    for cell in SHORTS:
        fptt = {"cell": cell, "learner": "fptt", "T": 100}
        found = better(results.difference("error", fptt, {**fptt, "learner": "bptt, equal sequences"}), MARGIN)
        parts.append(
            Part(
                f"T = 100, {cell}: FPTT better than BPTT at equal sequences ({found.verdict})",
                "",
                found.words,
            )
        )
    return parts


def figures(results: Results) -> list[Figure]:
    """Return the errors against batches of sequences seen, or their like."""
    out = []
    for cell, T in (*(("ltc", T) for T in of_length()), *((c, 100) for c in SHORTS)):
        runs = {n: results.where(cell=cell, learner=n, T=T) for n in LEARNERS}
        curves = {n: spread([r["curve"] for _, r in found]) for n, found in runs.items() if found}
        title, level = f"{cell}, T = {T}: mean squared error", (1 / 6, "a constant guess")
        out.append(Figure(title, "batches (equal updates: tenths)", "error", curves, level=level))
    against = {
        n: spread([[[T, r["error"]] for T in of_length() for _, r in results.where(cell="ltc", learner=n, T=T, seed=s)]
                   for s in SEEDS])
        for n in TWO
    }  # fmt: skip
    guess = (1 / 6, "a constant guess")
    return [
        *out,
        Figure("ltc: mean squared error at the end, against T", "T", "error", against, log_x=True, level=guess),
    ]


def tables(results: Results) -> list[Table]:
    """Return the errors at the end."""
    rows = []
    for cell, T in (*(("ltc", T) for T in of_length()), *((c, 100) for c in SHORTS)):
        for name in LEARNERS:
            found = results.where(cell=cell, learner=name, T=T)
            if found:
                errors = [r["error"] for _, r in found]
                rows.append(
                    (
                        f"{cell}, T = {T}, {name}",
                        float(np.mean(errors)),
                        min(errors),
                        max(errors),
                        found[0][1]["updates"],
                    )
                )
    return [
        Table(
            "Mean squared error at the end (a constant guess: 0.167)",
            ("learner", "mean", "lowest", "highest", "updates"),
            rows,
        )
    ]


CLAIM = Claim(
    number="C4",
    name="adding-task",
    title="FPTT with liquid time constants learns the adding task, BPTT does not",
    statement="With liquid time-constant neurons FPTT learns the adding task at lengths at which BPTT fails.",
    source="Yin, Corradi & Bohte, arXiv 2112.11231; byin-cwi/sFPTT (the authors' repository)",
    published=(
        Published("LTC, BPTT, T = 200; 500 and 1000", "0.148; NaN or chance", "byin-cwi/sFPTT"),
        Published("LTC, FPTT, T = 200, 500, 1000", "0.0027, 0.0030, 0.0097", "byin-cwi/sFPTT"),
        Published("ALIF, BPTT and FPTT", "0.166 ... 0.183 and 0.159 ... 0.172", "byin-cwi/sFPTT"),
        Published("LSTM, FPTT, T = 500 and 1000", "0.0011 and 0.0015", "byin-cwi/sFPTT"),
    ),
    task=(
        "The adding task, T = 50 and 100, and for BPTT and FPTT at equal sequences 200, 500 and 1000; mean squared "
        "error of the last step, a constant guess has 0.167; drawn, no data."
    ),
    network=(
        "2 - 32 - 1, liquid time constants (also ALIF, LSTM at T = 100), leaky readout; the authors have 128 "
        "units."
    ),
    budget=(
        "100 batches of 32 sequences (the authors: 10,000 batches of 128), Adam 3e-3, gradients clipped at norm 1, ten "
        "parts; BPTT at equal updates has ten times the batches."
    ),
    seeds="4.",
    grid="None: the authors' rate for all.",
    rule=(
        "Paired over seeds, T = 50 and 100: the error of FPTT (the code's form, average and multiplier across "
        "sequences) less that of BPTT, at equal sequences and at equal updates. Better is shown if the upper 95 % "
        "limit of the mean difference is below 0; not shown if the lower 95 % limit is above -0.02; else inconclusive. "
        "Longer sequences, the paper's form, the same schedule without a regulariser, the published script's two "
        "slips, ALIF and LSTM stand beside it. A run that ends in no number counts as 1."
    ),
    minutes=7.9,
    plan=plan,
    run=run,
    judge=judge,
    figures=figures,
    tables=tables,
    unconfirmed=("The authors' sizes (128 units, 10,000 batches of 128) are hours of a CPU and were not run.",
                 "The authors read the membrane of a readout neuron; here it is a leaky readout."),
)  # fmt: skip
