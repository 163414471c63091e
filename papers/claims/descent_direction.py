"""C8. OTTT's gradient is a descent direction like that of spike representation; and what cosine hides: the norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcert.papers.claim import Claim, Job, Results
from gradcert.papers.claims import images
from gradcert.papers.data import digits
from gradcert.papers.figure import Figure, Table, spread
from gradcert.papers.training import Sgd, alignment, gradient
from gradcert.papers.verdicts import Part, holds
from gradcert.reference import estimator_named
from gradcert.reference.numbers import FLOAT32

TASKS = {
    "feed-forward, T = 6": {"steps": 6, "recurrent": False},
    "feed-forward, T = 24": {"steps": 24, "recurrent": False},
    "recurrent, T = 24": {"steps": 24, "recurrent": True},
}
SEEDS, UPDATES, LOOKS, DEPTH, RATE = range(4), 120, 8, 2, 0.1
RATE_BASED, BPTT, RANDOM = "spike representation", "bptt, reset detached", "a random direction"


def plan(results: Results, quick: bool) -> Sequence[Job]:
    """Return the jobs: two feed-forward networks, one recurrent one."""
    return [{"task": task, "seed": seed} for task in TASKS for seed in SEEDS]


def run(job: Job) -> dict[str, Any]:
    """Train by OTTT; hold its gradient against the others on the way."""
    task, (x, labels) = TASKS[job["task"]], digits()
    steps, recurrent = int(task["steps"]), bool(task["recurrent"])
    net = images.network(64, 48, DEPTH, 0.5, recurrent=recurrent)
    p, rng = net.parameters(seed=job["seed"], numbers=FLOAT32), np.random.default_rng([job["seed"], 5])
    descend, looks, curve = Sgd(RATE, 0.9), [], []
    test = images.shown(x[1200:], "static", steps), labels[1200:]
    for k in range(UPDATES):
        chosen = rng.integers(0, 1200, images.BATCH)
        sequence, y = images.shown(x[chosen], "static", steps), images.one_hot(labels[chosen], steps)
        ottt = gradient("ottt", net, p, sequence, y, numbers=FLOAT32)
        if k % (UPDATES // LOOKS) == 0:
            truths = {BPTT: gradient("bptt-detached-reset", net, p, sequence, y, numbers=FLOAT32)}
            if not recurrent:  # of feed-forward networks alone
                found = estimator_named("rate-based").gradients
                truths[RATE_BASED] = found(net, p, sequence, y, numbers=FLOAT32, live_reset=False)
            seen = {name: alignment(ottt, truth, DEPTH) for name, truth in truths.items()}
            drawn = {name: np.asarray(rng.standard_normal(g.shape)) for name, g in ottt.items()}
            looks.append({"update": k, **seen, RANDOM: alignment(drawn, truths[BPTT], DEPTH)})
            curve.append([k, images.errors(net, p, *test)])
        p = descend(p, ottt)
    curve.append([UPDATES, images.errors(net, p, *test)])
    return {"curve": curve, "looks": looks}


def seen(results: Results, task: str, truth: str, layer: int, measure: str) -> list[float]:
    """Return a measure at every look of every seed."""
    return [s[truth][layer][measure] for _, r in results.where(task=task) for s in r["looks"] if truth in s]


def judge(results: Results, quick: bool) -> list[Part]:
    """Return the parts: see `CLAIM.rule`."""
    parts = []
    for task in TASKS:
        for truth in (RATE_BASED, BPTT):
            cosines = [c for layer in range(DEPTH) for c in seen(results, task, truth, layer, "cosine")]
            ratios = [c for layer in range(DEPTH) for c in seen(results, task, truth, layer, "ratio")]
            if cosines:
                words = f"cosine {min(cosines):.3f} ... {max(cosines):.3f} at {len(cosines)} looks; "
                words += f"norm {min(ratios):.3g} ... {max(ratios):.3g} times the other's"
                name = f"{task}: OTTT descends along {truth}"
                parts.append(holds(name, min(cosines) > 0, words, lowest=min(cosines), ratio=float(np.median(ratios))))
    drawn = [c for task in TASKS for layer in range(DEPTH) for c in seen(results, task, RANDOM, layer, "cosine")]
    words = f"cosine {min(drawn):.3f} ... {max(drawn):.3f} at {len(drawn)} looks"
    parts.append(holds("a random direction, run as if it were OTTT", min(drawn) <= 0, words, control=True))
    return parts


def figures(results: Results) -> list[Figure]:
    """Return cosines and norms through training."""
    out = []
    for task in TASKS:
        runs = [r["looks"] for _, r in results.where(task=task)]
        for measure in ("cosine", "ratio"):
            lines = {
                f"{truth}, layer {i}": spread([[[s["update"], s[truth][i][measure]] for s in looks] for looks in runs])
                for truth in (RATE_BASED, BPTT)
                for i in range(DEPTH)
                if runs and truth in runs[0][0]
            }
            out.append(Figure(f"{task}: {measure}", "update", measure, lines))
        curves = {"ottt": spread([r["curve"] for _, r in results.where(task=task)])}
        out.append(Figure(f"{task}: share of wrong answers on the test", "update", "error", curves))
    return out


def tables(results: Results) -> list[Table]:
    """Return medians, layer by layer."""
    rows = []
    for task in TASKS:
        for truth in (RATE_BASED, BPTT):
            for i in range(DEPTH):
                cosines = seen(results, task, truth, i, "cosine")
                if cosines:
                    norm = float(np.median(seen(results, task, truth, i, "ratio")))
                    rows.append((f"{task}, {truth}, layer {i}", float(np.median(cosines)), min(cosines), norm))
    columns = ("OTTT against", "cosine, median", "lowest", "ratio of norms, median")
    return [Table("Layer by layer, through training", columns, rows)]


CLAIM = Claim(
    number="C8",
    name="descent-direction",
    title="OTTT descends along the gradients of spike representation, feed-forward (recurrent part not tested)",
    statement=(
        "OTTT provides a similar descent direction for optimisation as gradients based on spike "
        "representations, under both "
        "feed-forward and recurrent conditions."
    ),
    source="Xiao et al., arXiv 2210.04195 (abstract)",
    data=("digits",),
    task="scikit-learn's digits, the image at every step, T = 6 and 24.",
    network="Two layers of 48 LIF neurons (leak 0.5), feed-forward or with lateral weights, readout without memory.",
    budget="120 updates of 100 samples by OTTT_A, one a sequence, rate 0.1, momentum 0.9.",
    seeds="4.",
    grid="None.",
    rule="At 8 moments of each training, for both layers: the cosine of OTTT's gradient with that of rate-based "
    "backpropagation (the spike representation of this project; feed-forward networks alone) and with BPTT, reset "
    "detached. Shown if every one of them is above 0; not shown if one is not. The verdict is about these looks and "
    "networks: looks of one training depend on each other, so that no error rate for others is claimed. Control: a "
    "random direction has to have a cosine at or below 0 somewhere, which it has at 192 looks but for one time in "
    "2^192. The ratio of norms is said beside it: it enters no verdict, and cosine hides it.",
    minutes=0.2,
    plan=plan,
    run=run,
    judge=judge,
    figures=figures,
    tables=tables,
    unconfirmed=(
        "The paper's own spike-representation gradient; rate-based backpropagation (arXiv 2410.11488) stands for it.",
        "The claim for recurrent networks: they are held against BPTT alone, since the rate-based gradient is of "
        "feed-forward networks.",
    ),
)
