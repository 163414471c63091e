"""C9. On-chip e-prop with 8-bit weights learns with stochastic rounding where truncation does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.hardware_models.arithmetic import Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.chips import PROFILES, Profile
from gradcert.hardware_models.cost.random_task import units_of
from gradcert.hardware_models.description.program import Numeric, Program
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.rules import RULES
from gradcert.papers.claim import Claim, Job, Published, Results
from gradcert.papers.figure import Figure, Table, spread
from gradcert.papers.training import TUNED, Search
from gradcert.papers.verdicts import Part, better, on_par
from gradcert.reference.numbers import Array

WORDS = Stochastic("lfsr25", 32, strict=True)
STEP = Format(True, 12, 4)  # of an update that is rounded to units of the weight
ROUNDED = {
    "stochastic": Numeric(STEP, Rounding.STOCHASTIC, Overflow.SATURATE, WORDS),
    "nearest": Numeric(STEP, Rounding.NEAREST_EVEN, Overflow.SATURATE),
    "truncation": Numeric(STEP, Rounding.TOWARD_ZERO, Overflow.SATURATE),
}
UPDATES = ("probability", *ROUNDED, "wide")  # ReckOn's own; rounded; with 20 more fraction bits in the weights
SEARCH = Search(rates=(8, 9, 10, 11), seeds=range(4, 12), measure="error")  # the learning rate is 2**-rate
INPUTS, NEURONS, OUTPUTS, STEPS = 8, 16, 2, 20
SEQUENCES, LAST = 200, 50
SPREADS = {"W": 1.2, "H": 0.4, "Wo": 0.15}  # of the weights that learning starts from; a unit is 1/16
MARGIN, BESIDE = 0.1, 0.2  # of the mean squared error; an output of zero has 1
DIVERGED = 10.0  # what a larger error counts as


def profile(update: str, rate: int) -> Profile:
    """Return ReckOn's numerics with another way to apply an update."""
    reckon = PROFILES["reckon"]
    if update == "probability":
        return replace(reckon, rate=rate)
    if update == "wide":
        roles = {
            "weight": Numeric(Format(True, 28, 24)),
            "update": Numeric(Format(True, 40, 24), Rounding.NEAREST_EVEN),
        }
    else:
        roles = {"update": ROUNDED[update]}
    return replace(reckon, roles={**reckon.roles, **roles}, update="value", rate=rate)


def plan(results: Results, quick: bool) -> Sequence[Job]:
    """Return the jobs: the same grid for every way to apply an update, then the seeds at its best rate."""
    return [job for update in UPDATES for job in SEARCH.jobs(results, update=update)]


def run(job: Job) -> dict[str, Any]:
    """Learn from fresh sequences, one after the other; an error is measured as a sequence is learned from."""
    p = profile(job["update"], job["rate"])
    step = RULES["e-prop"](p, inputs=INPUTS, neurons=NEURONS, outputs=OUTPUTS)
    chip, rng, words = Simulator(step), np.random.default_rng(job["seed"]), np.random.default_rng([job["seed"], 1])
    rest = {name: np.zeros_like(value) for name, value in chip.state.items() if name not in SPREADS}
    first = started(step, rng)
    chip.state.update(first)
    errors, right = [], []
    for _ in range(SEQUENCES):
        x, label = sequence(rng)
        chip.state.update(rest)  # membranes and traces; weights stay
        error, answer = learned(chip, p, x, label, words)
        errors.append(error)
        right.append(answer == label)
    moved = {name: int((chip.state[name] != first[name]).sum()) for name in SPREADS}
    curve = [[k + 20, min(float(np.mean(errors[k : k + 20])), DIVERGED)] for k in range(0, SEQUENCES, 20)]
    wrong = 1 - float(np.mean(right[-LAST:]))
    return {"curve": curve, "error": min(float(np.mean(errors[-LAST:])), DIVERGED), "wrong": wrong, "moved": moved}


def started(step: Program, rng: np.random.Generator) -> dict[str, Array]:
    """Return weights in units of 1/16, in the format of the program; no neuron is connected to itself."""
    out = {}
    for name, size in SPREADS.items():
        node = step.node(name)
        units = np.clip(np.rint(16 * rng.normal(0, size, step.shape(node))), -128, 127).astype(np.int64)
        if name == "H":
            np.fill_diagonal(units, 0)
        out[name] = units << (node.format.radix - 4)
    return out


def sequence(rng: np.random.Generator) -> tuple[Array, int]:
    """Return spikes (steps, inputs) and a class: which half of the inputs fires more often.

    Examples
    --------
    >>> sequence(np.random.default_rng(0))[0].shape
    (20, 8)
    """
    label, half = int(rng.integers(2)), INPUTS // 2
    x = rng.random((STEPS, INPUTS)) < 0.1
    x[:, half * label : half * (label + 1)] |= rng.random((STEPS, half)) < 0.4
    return x.astype(np.int64), label


def learned(chip: Simulator, p: Profile, x: Array, label: int, words: np.random.Generator) -> tuple[float, int]:
    """Take a sequence, every step of it an update; return the mean squared error and the class that was answered."""
    step = chip.program
    unit = units_of(p["error"].format)
    one = int(1 / unit)
    target = np.where(np.arange(OUTPUTS) == label, one, -one)
    summed, squared = np.zeros(OUTPUTS), 0.0
    for spikes in x:
        drawn = {
            n.name: words.integers(*n.bounds, step.shape(n), dtype=np.int64, endpoint=True)
            for n in step.of_kind("random")
        }
        seen = chip.step({"x": spikes, "target": target, **drawn})
        error = seen["error"] * unit
        summed += error + target * unit
        squared += float((error**2).mean()) / len(x)
    return squared, int(summed.argmax())


def judge(results: Results, quick: bool) -> list[Part]:
    """Return the parts: see `CLAIM.rule`."""
    runs, parts = results.without(seed=TUNED), []
    for ours in ("probability", "stochastic"):
        for other in ("truncation", "nearest"):
            found = better(runs.difference("error", {"update": ours}, {"update": other}), MARGIN)
            enters, words = other == "truncation", f"mean squared error, difference {found.words}"
            name = f"{ours} better than {other}" if enters else f"{ours} better than {other} ({found.verdict})"
            parts.append(Part(name, found.verdict if enters else "", words, {"mean": found.mean}))
        near = on_par(runs.difference("error", {"update": ours}, {"update": "wide"}), BESIDE)
        parts.append(Part(f"{ours} on par with wide weights ({near.verdict})", "", near.words, {}))
    for update in UPDATES:
        moved = [sum(r["moved"].values()) for _, r in runs.where(update=update)]
        wrong = [100 * float(r["wrong"]) for _, r in runs.where(update=update)]
        words = f"{min(moved)} ... {max(moved)} weights have moved; {float(np.mean(wrong)):.1f} % wrong at last"
        parts.append(Part(update, "", words, {"wrong": float(np.mean(wrong))}))
    return parts


def figures(results: Results) -> list[Figure]:
    """Return the errors as they fall."""
    runs = {u: [r["curve"] for _, r in results.without(seed=TUNED).where(update=u)] for u in UPDATES}
    curves = {u: spread(found) for u, found in runs.items() if found}
    title = "Mean squared error of 20 sequences, each update at its best rate"
    return [Figure(title, "sequences", "error", curves, level=(1.0, "an output of zero"))]


def tables(results: Results) -> list[Table]:
    """Return what the search chose and what came of it, and the search itself."""
    rows = []
    for update in UPDATES:
        runs = results.without(seed=TUNED).where(update=update)
        if runs:
            errors = [float(r["error"]) for _, r in runs]
            searched = {j["rate"]: float(r["error"]) for j, r in results.where(update=update, seed=TUNED)}
            rows.append(
                (update, f"2^-{runs[0][0]['rate']}", f"{float(np.mean(errors)):.3f}", f"{min(errors):.3f}",
                 f"{max(errors):.3f}", *(f"{searched[r]:.3f}" for r in SEARCH.rates))
            )  # fmt: skip
    columns = ("update", "rate", "mean", "lowest", "highest", *(f"search, 2^-{r}" for r in SEARCH.rates))
    return [Table("Mean squared error of the last 50 sequences", columns, rows)]


CLAIM = Claim(
    number="C9",
    name="chip-learning",
    title="8-bit e-prop learns with stochastic rounding where truncation does not",
    statement=(
        "ReckOn learns on chip with 8-bit weights, because an update that is smaller than a unit moves the weight by a "
        "unit with the update's magnitude as probability."
    ),
    source="Frenkel & Indiveri, ISSCC 2022; ChFrenkel/ReckOn (hardware.md 1.1)",
    published=(Published("ReckOn: weights, update", "8 bits; by one unit, with a probability", "ChFrenkel/ReckOn"),),
    task=(
        "Which half of 8 inputs fires more often (40 against 10 %), 20 steps, a target of 1 or -1 at each; drawn, no "
        "data."
    ),
    network="8 - 16 - 2, recurrent LIF and leaky readout, bit by bit as the ReckOn profile describes them.",
    budget="200 sequences, an update at every step. The error is that of the last 50, as they are learned from.",
    seeds="8 at the best rate, numbers 4 to 11: 0 to 3 were too few to decide. One more for the search.",
    grid="Rates 2^-8, 2^-9, 2^-10, 2^-11, the same for every way to apply an update.",
    rule=(
        "Paired over seeds, each at its own best rate: the mean squared error with ReckOn's update (probability), and "
        "with updates rounded stochastically, less that with updates truncated toward zero. Better is shown if the "
        "upper 95 % limit of the mean difference is below 0; not shown if the lower 95 % limit is above -0.1; else "
        "inconclusive. Rounding to nearest, and weights with 20 more fraction bits, stand beside it and do not enter. "
        "An error above 10 counts as 10."
    ),
    minutes=4.6,
    plan=plan,
    run=run,
    judge=judge,
    figures=figures,
    tables=tables,
    unconfirmed=(
        "The chip itself: this is its arithmetic in our description, with e-prop in the order of the equations, not "
        "the chip's own (`gradcert hardware` has both).",
        "Random words are drawn by NumPy, uniformly over their range, not by the chip's registers.",
    ),
)
