"""C1. OSTL computes the gradient of BPTT for one recurrent layer, through training; with two layers it differs by R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.certify.problems.budget import Undecided, expect
from gradcert.papers.claim import Claim, Job, Published, Results
from gradcert.papers.data import echo
from gradcert.papers.figure import Figure, Table, spread
from gradcert.papers.training import Adam, alignment, gradient, relative
from gradcert.papers.training.alignment import flat
from gradcert.papers.verdicts import Part, holds, on_par
from gradcert.reference.engines import record, residual
from gradcert.reference.networks import Gru, Layer, Loss, Lstm, Network, Problem, Rnn, Snu, Ssnu
from gradcert.reference.numbers import Array
from gradcert.reference.rules import RULES

CELLS: Mapping[str, Any] = {
    "snu": lambda: Snu(leak=0.6, threshold=0.5),
    "ssnu": lambda: Ssnu(leak=0.6, threshold=0.5),
    "lstm": Lstm,
    "gru": Gru,
}
RESETTING = ("snu", "ssnu")
WIDTH, RATE = 4, 0.01
MARGIN = 0.05  # of the loss that BPTT ends with
FULL = {"units": 12, "steps": 12, "batch": 4, "updates": 120}
QUICK = {"units": 8, "steps": 10, "batch": 2, "updates": 40}
SEEDS, LOOKS = range(4), (0, 1, 3, 10, 30, 60, 119)
MOST = 1e300  # stands for infinity, which JSON does not have


def network(cell: str, depth: int, units: int) -> Network:
    """Return `depth` recurrent layers and a readout without memory."""
    sizes = [WIDTH, *[units] * depth]
    layers = [Layer(CELLS[cell](), inputs=a, units=b) for a, b in pairwise(sizes)]
    head = Layer(Rnn(activation="identity", recurrent=False), inputs=units, units=WIDTH)
    return Network(layers=(*layers, head), loss=Loss(kind="bernoulli", time="mean", batch="mean"))


def plan(results: Results, quick: bool) -> Sequence[Job]:
    """Return the jobs: OSTL online and BPTT for every cell, the planted mistakes, and two layers."""
    sizes, seeds = (QUICK, range(1)) if quick else (FULL, SEEDS)
    jobs: list[Job] = []
    for cell in CELLS:
        learners = ["ostl, online", "bptt", *(("late trace", "no reset edge") if cell in RESETTING else ())]
        jobs += [{"cell": cell, "depth": 1, "learner": name, "seed": s, **sizes} for name in learners for s in seeds]
        deep = {**sizes, "updates": 1 + sizes["updates"] // 10}
        jobs += [{"cell": cell, "depth": 2, "learner": "ostl, online", "seed": s, **deep} for s in seeds]
    return jobs


def run(job: Job) -> dict[str, Any]:
    """Train one network; look at the gradient on the way."""
    net = network(job["cell"], job["depth"], job["units"])
    p, rng = net.parameters(seed=job["seed"]), np.random.default_rng([job["seed"], 1])
    descend, curve, looks = Adam(RATE), [], []
    held = echo(np.random.default_rng([job["seed"], 2]), job["steps"], 64, width=WIDTH)
    for k in range(job["updates"]):
        x, y = echo(rng, job["steps"], job["batch"], width=WIDTH)
        found = gradient(job["learner"], net, p, x, y)
        if k in LOOKS and job["learner"] != "bptt":
            looks.append({"update": k, **look(net, p, x, y, found, job["learner"])})
        if k % 5 == 0:
            curve.append([k, loss(net, p, *held)])
        p = descend(p, found)
    curve.append([job["updates"], loss(net, p, *held)])
    return {"curve": curve, "loss": curve[-1][1], "looks": looks}


def loss(net: Network, p: Mapping[str, Array], x: Array, y: Array) -> float:
    """Return the loss on sequences that are not trained on."""
    tape = record(net, p, x)
    return float(net.loss.value(tape.outputs, y, tape.numbers))


def look(
    net: Network, p: Mapping[str, Array], x: Array, y: Array, found: Mapping[str, Array], learner: str
) -> dict[str, Any]:
    """Return how far a gradient is from OSTL's and from BPTT's, in budgets, which are enclosures."""
    problem = Problem(net, dict(p), x, y)
    try:
        ostl, bptt = (expect(problem, RULES[name], "float64").gradients for name in ("ostl", "bptt"))
    except Undecided:
        return {"undecided": True}
    truth = gradient("bptt", net, p, x, y)
    dropped = residual(net, dict(p), x, y, rule=RULES["ostl"]).total
    return {
        # as OSTL, and as BPTT: the largest distance of an entry, over its budget
        "as_ostl": worst({k: abs(found[k] - ostl[k].value) for k in found}, {k: b.budget for k, b in ostl.items()}),
        "as_bptt": worst({k: abs(found[k] - bptt[k].value) for k in found}, {k: b.budget for k, b in bptt.items()}),
        "reverse": worst({k: abs(truth[k] - bptt[k].value) for k in found}, {k: b.budget for k, b in bptt.items()}),
        # the paths that R sums are among BPTT's: its rounding is within BPTT's budget as well
        "with_r": worst(
            {k: abs(found[k] + dropped[k] - bptt[k].value) for k in found},
            {k: ostl[k].budget + 2 * bptt[k].budget for k in found},
        ),
        "budget": float(np.linalg.norm(flat({k: b.budget for k, b in bptt.items()})) / np.linalg.norm(flat(truth))),
        "r": float(np.linalg.norm(flat(dropped)) / np.linalg.norm(flat(truth))),
        **relative(found, truth),
        "layers": alignment(found, truth, net.depth),
    }


def worst(distance: Mapping[str, Array], budget: Mapping[str, Array]) -> float:
    """Return the largest distance over its budget; where the budget is 0, any distance is too large.

    Examples
    --------
    >>> worst({"w": np.array([1.0, 0.0])}, {"w": np.array([2.0, 0.0])})
    0.5
    """
    out = 0.0
    for name, d in distance.items():
        b = np.broadcast_to(budget[name], d.shape)
        ratios = np.where(d == 0, 0.0, d / np.where(b == 0, np.finfo(float).tiny, b))
        out = max(out, float(ratios.max(initial=0.0)))
    return min(out, MOST)


def judged(results: Results, **fields: Any) -> list[dict[str, Any]]:
    """Return the looks of some jobs whose spikes have a margin."""
    return [seen for _, r in results.where(**fields) for seen in r["looks"] if not seen.get("undecided")]


def judge(results: Results, quick: bool) -> list[Part]:
    """Return the parts: see `CLAIM.rule`."""
    parts = []
    for cell in CELLS:
        one, two = (judged(results, cell=cell, depth=d, learner="ostl, online") for d in (1, 2))
        high = max((seen["as_bptt"] for seen in one), default=MOST)
        reverse = max((seen["reverse"] for seen in one), default=MOST)
        apart = curve_distance(results, cell)
        words = (
            f"at most {high:.2g} of the budget over {len(one)} gradients ({size(one, 'error')} relative); "
            f"curves differ by {apart:.1e}"
        )
        parts.append(holds(f"{cell}, one layer: OSTL online is BPTT", bool(one) and high <= 1 and reverse <= 1, words,
                           over_budget=high, looks=len(one), curves=apart))  # fmt: skip
        high, low = max((s["with_r"] for s in two), default=MOST), min((s["as_bptt"] for s in two), default=0.0)
        words = (
            f"R is {size(two, 'r')} of BPTT; OSTL + R is BPTT to {high:.2g} of the budget, OSTL alone is "
            f"{low:.1g} budgets off or more"
        )
        parts.append(
            holds(
                f"{cell}, two layers: it differs by R", bool(two) and high <= 1 < low, words, with_r=high, without=low
            )
        )
    for learner in ("no reset edge", "late trace"):
        parts += [control(results, cell, learner, quick) for cell in CELLS if results.where(cell=cell, learner=learner)]
    return parts


def control(results: Results, cell: str, learner: str, quick: bool) -> Part:
    """Return whether a planted mistake is told apart by C1, and what cosine and learning curve would have said."""
    seen = judged(results, cell=cell, learner=learner)
    low = min((s["as_ostl"] for s in seen), default=0.0)
    words = (
        f"told apart by {low:.1g} budgets or more; error {size(seen, 'error')}, cosine "
        f"{size(seen, 'cosine')}, ratio {size(seen, 'ratio')}"
    )
    words += f". The learning curve: {told_by_curve(results, cell, learner)}"
    return holds(f"{cell}, {learner}, run as if it were OSTL", bool(seen) and low > 1, words, control=True, budgets=low)


def told_by_curve(results: Results, cell: str, learner: str) -> str:
    """Return what the losses at the end would have said, by the rule for "on par", margin 5 %."""
    one, other = ({"cell": cell, "depth": 1, "learner": name} for name in (learner, "bptt"))
    base = results.values("loss", **other)
    found = on_par(results.difference("loss", one, other), MARGIN * float(np.mean(list(base.values()))))
    says = {"shown": "on par with BPTT: it would have told nothing", "not shown": "worse than BPTT: it would have told",
            "inconclusive": "it could not have told"}  # fmt: skip
    return f"{says[found.verdict]} ({found.words})"


def size(seen: Sequence[Mapping[str, Any]], name: str) -> str:
    """Return the range of a measure in words."""
    values = [float(s[name]) for s in seen]
    return f"{min(values):.3g} ... {max(values):.3g}" if values else "unknown"


def curve_distance(results: Results, cell: str) -> float:
    """Return the largest difference of the losses of two trainings, OSTL online and BPTT, each on its own weights."""
    out = 0.0
    for job, r in results.where(cell=cell, depth=1, learner="ostl, online"):
        for _, other in results.where(cell=cell, depth=1, learner="bptt", seed=job["seed"]):
            out = max(out, *(abs(a[1] - b[1]) for a, b in zip(r["curve"], other["curve"], strict=True)))
    return out


def figures(results: Results) -> list[Figure]:
    """Return learning curves and alignment through training."""
    out = []
    for cell in CELLS:
        names = ("bptt", "ostl, online", "no reset edge", "late trace")
        runs = {n: results.where(cell=cell, depth=1, learner=n) for n in names}
        curves = {n: spread([r["curve"] for _, r in found]) for n, found in runs.items() if found}
        out.append(Figure(f"{cell}: loss on sequences that are not trained on", "update", "loss", curves))
        errors = {
            n: spread(
                [[[s["update"] + 1, max(s["error"], 1e-17)] for s in r["looks"] if "error" in s] for _, r in found]
            )
            for n, found in runs.items()
            if found and n != "bptt"
        }
        out.append(
            Figure(
                f"{cell}: distance from BPTT's gradient, relative", "update", "error", errors, log_x=True, log_y=True
            )
        )
    return out


def tables(results: Results) -> list[Table]:
    """Return the last look at every learner, layer by layer."""
    rows = []
    for job, r in results.done:
        seen = [s for s in r["looks"] if "layers" in s]
        if job["seed"] == 0 and seen:
            for i, layer in enumerate(seen[-1]["layers"]):
                rows.append((f"{job['cell']}, {job['learner']}, depth {job['depth']}", seen[-1]["update"], i,
                             layer["error"], layer["cosine"], layer["ratio"]))  # fmt: skip
    title = "Against BPTT, layer by layer, at the last look (seed 0)"
    return [Table(title, ("learner", "update", "layer", "error", "cosine", "ratio of norms"), rows)]


CLAIM = Claim(
    number="C1",
    name="same-gradient",
    title="OSTL is BPTT for one recurrent layer, online",
    statement=(
        "OSTL is gradient-equivalent to BPTT for networks with one recurrent layer (shallow networks, in "
        "the paper's "
        "word); in deep networks it leaves out a residual R."
    ),
    source="Bohnstingl et al., arXiv 2007.12723 (abstract); IBM/ostl (the authors' repository)",
    published=(
        Published(
            "JSB chorales, sSNU 88-150-88: largest difference of the test loss over 100 epochs", "2.2e-7", "IBM/ostl"
        ),
    ),
    task="Bits said again two steps later, four at a time; drawn, no data.",
    network=(
        "One or two recurrent layers of 12 SNU, sSNU, LSTM or GRU units and a readout without memory; 12 "
        "steps, 4 samples."
    ),
    budget="120 updates of Adam, rate 0.01, float64; 13 with two layers.",
    seeds="4; quick: 1, 8 units, 10 steps, 40 updates.",
    grid="None: the rate makes no difference to whether two gradients are equal.",
    rule=(
        "At 7 moments (5 with two layers) of training every entry of the forward engine's gradient is compared "
        "with an enclosure of what every "
        "correct program of BPTT may return (the budget that certificates rest on). Shown if no entry ever leaves "
        "its budget, for "
        "any of the four cells, and if with two layers OSTL leaves it while OSTL + R does not. Moments at which a "
        "spike has no margin "
        "in float64 are left out. Controls: OSTL without the reset edge, and with traces one step late, have to "
        "leave OSTL's budget "
        "at every moment. Budgets are enclosures: a right program is never refused. Whether the learning curve would "
        "have told "
        "the mistake is said beside it: on par with BPTT, with a margin of 5 % of its loss and an error rate of 5 %."
    ),
    minutes=2.7,
    plan=plan,
    run=run,
    judge=judge,
    figures=figures,
    tables=tables,
    unconfirmed=("The paper's own wording: only its abstract could be read.",),
    quick=True,
)
