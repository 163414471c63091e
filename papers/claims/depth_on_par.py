"""C2. OSTL is on par with BPTT in deep networks: chorales, text by characters; e-prop, SLTT, OSTTP beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.papers.claim import Claim, Job, Published, Results
from gradcert.papers.data import chorales, text
from gradcert.papers.figure import Figure, Table, spread
from gradcert.papers.training import TUNED, Adam, Search, gradient, relative, rule_of
from gradcert.papers.verdicts import Part, better, on_par
from gradcert.reference.engines import record
from gradcert.reference.networks import Layer, Loss, Network, Rnn, Snu
from gradcert.reference.numbers import FLOAT32, Array
from gradcert.reference.rules import draw_feedback

RULES = ("bptt", "ostl", "ostl-random", "e-prop", "sltt", "osttp")
SEARCH = Search(rates=(0.001, 0.003, 0.01, 0.03), seeds=range(4), measure="valid")
TASKS = (("chorales", 2), ("chorales", 3), ("text", 2), ("text", 3), ("chorales", 1))  # and layers
MARGIN = {"chorales": 0.1, "text": 0.05}  # nats: of a step of all keys (about 1 % of it), of a character (about 2 %)
UNITS = 64
EPOCHS, SIZE = 10, 16  # chorales
UPDATES, STEPS, BATCH = 150, 40, 32  # text
Batch = tuple[Array, Array]


def network(task: str, depth: int) -> Network:
    """Return layers of SNU and a readout without memory."""
    width = 88 if task == "chorales" else text().classes
    sizes = [width, *[UNITS] * depth]
    layers = [Layer(Snu(leak=0.4, threshold=0.5), inputs=a, units=b) for a, b in pairwise(sizes)]
    head = Layer(Rnn(activation="identity", recurrent=False), inputs=UNITS, units=width)
    kind = "bernoulli" if task == "chorales" else "cross_entropy"
    return Network(layers=(*layers, head), loss=Loss(kind=kind, time="mean", batch="mean"))


def plan(results: Results, quick: bool) -> Sequence[Job]:
    """Return the jobs: the same grid for every rule on the validation split, then the seeds at its best rate."""
    return [
        job
        for task, depth in TASKS
        for rule in RULES
        for job in SEARCH.jobs(results, task=task, depth=depth, rule=rule)
    ]


def groups(rolls: Sequence[Array], size: int) -> list[Array]:
    """Return chorales, sorted by length, in groups cut to the shortest, (steps, size, 88)."""
    order = sorted(rolls, key=len)
    parts = [order[k : k + size] for k in range(0, len(order), size)]
    return [np.stack([roll[: len(part[0])] for roll in part], axis=1) for part in parts]


def batches(job: Job, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield inputs and targets: the next step of a chorale, the next character of a text."""
    if job["task"] == "chorales":
        made = groups(chorales()[0], SIZE)
        for _ in range(EPOCHS):
            for i in rng.permutation(len(made)):
                yield made[i][:-1], made[i][1:]
        return
    codes = text().codes[: len(text().codes) * 8 // 10]
    for _ in range(UPDATES):
        yield passage(codes, rng, BATCH)


def passage(codes: Array, rng: np.random.Generator, batch: int) -> Batch:
    """Return passages of a text, one-hot."""
    starts = rng.integers(0, len(codes) - STEPS - 1, batch)
    chosen = codes[starts + np.arange(STEPS + 1)[:, None]]
    hot = np.eye(text().classes, dtype=np.float32)[chosen]
    return hot[:-1], hot[1:]


def held(job: Job, part: str) -> list[Batch]:
    """Return the validation or the test split."""
    if job["task"] == "chorales":
        return [(g[:-1], g[1:]) for g in groups(chorales()[1 if part == "valid" else 2], 16)]
    codes, n = text().codes, len(text().codes)
    own = codes[n * 8 // 10 : n * 9 // 10] if part == "valid" else codes[n * 9 // 10 :]
    return [passage(own, np.random.default_rng(5), 256)]


def run(job: Job) -> dict[str, Any]:
    """Train one network; look at its gradient beside BPTT's ten times."""
    net, name = network(job["task"], job["depth"]), job["rule"]
    p, rng, adam = (
        net.parameters(seed=job["seed"], numbers=FLOAT32),
        np.random.default_rng([job["seed"], 7]),
        Adam(job["rate"]),
    )
    rule = rule_of(name)
    feedback = {} if rule.feedback == "symmetric" else draw_feedback(net, rule, seed=job["seed"], numbers=FLOAT32)
    tuning = job["seed"] == TUNED
    parts = held(job, "valid" if tuning else "test")
    work = list(batches(job, rng))
    curve, looks = [], []
    for k, (x, y) in enumerate(work):
        g = gradient(name, net, p, x, y, numbers=FLOAT32, feedback=feedback)
        if not tuning and k % max(1, len(work) // 8) == 0:
            truth = gradient("bptt", net, p, x, y, numbers=FLOAT32)
            looks.append({"update": k, "layers": [relative(g, truth, f"layers.{i}.") for i in range(net.depth)]})
            curve.append([k, loss(net, p, parts)])
        p = adam(p, g)
    curve.append([len(work), loss(net, p, parts)])
    return {"curve": curve, "valid" if tuning else "loss": curve[-1][1], "looks": looks}


def loss(net: Network, p: Mapping[str, Array], parts: Sequence[Batch]) -> float:
    """Return the negative log-likelihood of a step, in nats."""
    total = steps = 0.0
    for x, y in parts:
        count = x.shape[0] * x.shape[1]
        total += count * float(net.loss.value(record(net, p, x, numbers=FLOAT32).outputs, y, FLOAT32))
        steps += count
    return total / steps


def judge(results: Results, quick: bool) -> list[Part]:
    """Return the parts: see `CLAIM.rule`."""
    parts, tested = [], results.without(seed=TUNED)
    for task, depth in TASKS:
        base = {"task": task, "depth": depth, "rule": "bptt"}
        for rule in RULES[1:]:
            differences = tested.difference("loss", {**base, "rule": rule}, base)
            found, ahead = on_par(differences, MARGIN[task]), better(differences, MARGIN[task])
            enters = rule == "ostl" and depth > 1
            said = "" if enters else f" ({found.verdict}{'; better: ' + ahead.verdict})"
            name = f"{task}, {depth} layer{'s' if depth > 1 else ''}: {rule} on par with BPTT{said}"
            parts.append(
                Part(
                    name,
                    found.verdict if enters else "",
                    f"nats a step, difference {found.words}",
                    {"mean": found.mean},
                )
            )
    return parts


def figures(results: Results) -> list[Figure]:
    """Return learning curves, and the cosine of the lowest layer."""
    out = []
    for task, depth in TASKS:
        runs = {r: [x for j, x in results.where(task=task, depth=depth, rule=r) if j["seed"] != TUNED] for r in RULES}
        runs = {r: found for r, found in runs.items() if found}
        words = f"{task}, {depth} layer{'s' if depth > 1 else ''}"
        curves = {r: spread([x["curve"] for x in found]) for r, found in runs.items()}
        out.append(Figure(f"{words}: test, nats a step, each rule at its best rate", "update", "nats", curves))
        for measure in ("cosine", "ratio"):
            lines = {
                r: spread([[[s["update"], s["layers"][0][measure]] for s in x["looks"]] for x in found])
                for r, found in runs.items()
                if r != "bptt"
            }
            out.append(Figure(f"{words}: {measure} with BPTT's gradient, lowest layer", "update", measure, lines))
    return out


def tables(results: Results) -> list[Table]:
    """Return what the search chose and what came of it."""
    rows = []
    for task, depth in TASKS:
        for rule in RULES:
            fields = {"task": task, "depth": depth, "rule": rule}
            values = [r["loss"] for _, r in results.without(seed=TUNED).where(**fields)]
            if values:
                rate = SEARCH.words(results, **fields)
                rows.append((f"{task}, {depth}, {rule}", rate, float(np.mean(values)), min(values), max(values)))
    return [Table("Test, nats a step", ("task, layers, rule", "rate", "mean", "lowest", "highest"), rows)]


CLAIM = Claim(
    number="C2",
    name="depth-on-par",
    title="OSTL in deep networks is on par with BPTT",
    statement=(
        "OSTL performs on par with BPTT on tasks from music and language modelling to speech, for spiking "
        "networks and others, "
    "although it leaves out R."
    ),
    source="Bohnstingl et al., arXiv 2007.12723 (abstract)",
    published=(
        Published("JSB chorales, sSNU 88-150-88: test NLL, BPTT and OSTL", "8.5985, 8.6007 at last", "IBM/ostl"),
        Published("PTB, TIMIT", "not found", "-"),
    ),
    data=("chorales", "text"),
    task=(
        "The next quarter note of Bach's chorales (music21's scores), the next character of Python's reference "
        "in 48 classes."
    ),
    network="One, two and three layers of 64 SNU (leak 0.4), readout without memory.",
    budget=(
        "10 passes over 254 chorales, 16 at a time (160 updates); 150 updates of 32 passages of 40 "
        "characters; Adam."
    ),
    seeds="4 at the best rate; one more for the search.",
    grid="Rates 0.001, 0.003, 0.01, 0.03, the same for every rule, on the validation split.",
    rule=(
        "Paired over seeds, two and three layers: the test loss of OSTL less that of BPTT. On par is, in this order, "
        "shown if the upper 95 % limit of the mean difference is below the margin, 0.1 nats a step (chorales, about 1 "
        "%) and 0.05 nats a character (text, about 2 %); not shown if the lower 95 % limit is above 0; else "
        "inconclusive. Random feedback, e-prop, SLTT and OSTTP, each at its own best rate, and one layer stand beside "
        "it and do not enter: whether each is on par, and whether it is better than BPTT. The gradients are the "
        "reverse engine's, which C1 found equal to those with traces."
    ),
    minutes=7.3,
    plan=plan,
    run=run,
    judge=judge,
    figures=figures,
    tables=tables,
    unconfirmed=("The paper's PTB and TIMIT numbers.",
        "The JSB data set itself; these chorales are as played, not transposed, split otherwise.",
    ),
)  # fmt: skip
