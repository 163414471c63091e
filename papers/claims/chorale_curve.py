"""C3. The authors' own chorale configuration: the shape of their learning curve, and OSTL's traces on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcert.papers.claim import Claim, Job, Published, Results
from gradcert.papers.data import chorales
from gradcert.papers.figure import Figure, Table, spread
from gradcert.papers.training import Sgd, gradient, relative
from gradcert.papers.verdicts import Part, alike, on_par
from gradcert.reference.engines import record
from gradcert.reference.networks import Layer, Loss, Network, Rnn, Ssnu
from gradcert.reference.numbers import FLOAT32, FLOAT64, Array

RULES = (
    "bptt",
    "e-prop",
)  # with one recurrent layer OSTL keeps BPTT's edges: its runs would be BPTT's, to the last bit
THEIRS = {1: 11.551, 10: 9.617, 20: 9.151, 30: 8.943, 50: 8.728, 100: 8.601}  # test NLL per step, IBM/ostl
EPOCHS, SEEDS, KEYS, UNITS, RATE = 100, range(4), 88, 150, 5e-4
LOOKS = (0, 1, 10, 30, 99)
MARGIN = 0.1  # of what the curve falls by between its first and its last epoch
WORSE = 0.1  # nats a step, for e-prop beside BPTT, as in C2
Rolls = Sequence[Array]


def network() -> Network:
    """Return the authors' network: 88 keys, 150 recurrent sSNU with a leak of 0.4, 88 keys; losses are summed."""
    hidden = Layer(Ssnu(leak=0.4, threshold=0.0), inputs=KEYS, units=UNITS)
    head = Layer(Rnn(activation="identity", recurrent=False), inputs=UNITS, units=KEYS)
    return Network(layers=(hidden, head), loss=Loss(kind="bernoulli", time="sum", batch="sum"))


def drawn(net: Network, seed: int) -> dict[str, Array]:
    """Return weights as the authors draw them (Glorot, uniform), and biases of zero."""
    rng, out = np.random.default_rng([seed, 1234]), {}
    for name, w in net.parameters(seed=seed, numbers=FLOAT32).items():
        reach = float(np.sqrt(6 / sum(w.shape))) if w.ndim == 2 else 0.0
        out[name] = np.asarray(rng.uniform(-reach, reach, w.shape), dtype=np.float32)
    return out


def plan(results: Results, quick: bool) -> Sequence[Job]:
    """Return the jobs: one for every seed and rule."""
    return [{"rule": rule, "seed": seed} for rule in RULES for seed in SEEDS]


def run(job: Job) -> dict[str, Any]:
    """Train 100 epochs by plain gradient descent, one chorale at a time; hold OSTL's traces beside it on the way."""
    net, (train, _, test) = network(), chorales()
    p, descend = drawn(net, job["seed"]), Sgd(RATE)
    shortest, curve, looks = min(train, key=len)[:, None], [], []
    for epoch in range(EPOCHS):
        if job["rule"] == "bptt" and epoch in LOOKS:
            looks.append({"epoch": epoch, **online(net, p, shortest)})
        for roll in train:
            x = roll[:, None]
            p = descend(p, gradient(job["rule"], net, p, x[:-1], x[1:], numbers=FLOAT32))
        curve.append([epoch + 1, loss(net, p, test)])
    return {"curve": curve, "loss": curve[-1][1], "looks": looks}


def online(net: Network, p: Mapping[str, Array], x: Array) -> dict[str, float]:
    """Return how far the gradient by OSTL's traces is from BPTT's, in float64 at these weights."""
    wide, x = {k: w.astype(float) for k, w in p.items()}, x.astype(float)
    found, truth = (gradient(name, net, wide, x[:-1], x[1:], numbers=FLOAT64) for name in ("ostl, online", "bptt"))
    return relative(found, truth)


def loss(net: Network, p: Mapping[str, Array], rolls: Rolls) -> float:
    """Return the negative log-likelihood of a step, in nats, over all chorales."""
    total = steps = 0.0
    for roll in rolls:
        x = roll[:, None]
        total += float(net.loss.value(record(net, p, x[:-1], numbers=FLOAT32).outputs, x[1:], FLOAT32))
        steps += len(roll) - 1
    return total / steps


def fallen(curve: Mapping[int, float], epoch: int) -> float:
    """Return the share of the whole fall, from the first to the last epoch, that is done by an epoch.

    Examples
    --------
    >>> fallen({1: 10.0, 10: 9.0, 100: 8.0}, 10)
    0.5
    """
    return (curve[1] - curve[epoch]) / (curve[1] - curve[EPOCHS])


def judge(results: Results, quick: bool) -> list[Part]:
    """Return the parts: see `CLAIM.rule`."""
    curves = {int(j["seed"]): dict(r["curve"]) for j, r in results.where(rule="bptt")}
    parts = []
    for epoch in list(THEIRS)[1:-1]:
        theirs = fallen(THEIRS, epoch)
        found = alike([fallen(curve, epoch) - theirs for curve in curves.values()], MARGIN)
        words = f"the authors' fall is {100 * theirs:.0f} % done, ours less theirs: {found.words}"
        parts.append(Part(f"epoch {epoch}: as much of the fall is done", found.verdict, words, {"mean": found.mean}))
    errors = [look["error"] for _, r in results.where(rule="bptt") for look in r["looks"]]
    said = f"relative, float64, at epochs {', '.join(map(str, LOOKS))}: {max(errors):.2g} at most"
    parts.append(Part("OSTL's traces at this size against BPTT", "", said, {"worst": max(errors)}))
    beside = on_par(results.difference("loss", {"rule": "e-prop"}, {"rule": "bptt"}), WORSE)
    words = f"nats a step, difference {beside.words}"
    parts.append(Part(f"e-prop on par at the same rate ({beside.verdict})", "", words, {}))
    return parts


def figures(results: Results) -> list[Figure]:
    """Return the learning curves, the authors' beside them."""
    runs = {rule: [r["curve"] for _, r in results.where(rule=rule)] for rule in RULES}
    curves = {f"{rule}, these chorales": spread(found) for rule, found in runs.items() if found}
    curves["the authors', JSB"] = [(float(e), v, v, v) for e, v in THEIRS.items()]
    return [Figure("Test, nats a step", "epoch", "nats", curves)]


def tables(results: Results) -> list[Table]:
    """Return the losses at the authors' epochs."""
    rows: list[tuple[Any, ...]] = [("the authors', JSB", *THEIRS.values())]
    for rule in RULES:
        found = [dict(r["curve"]) for _, r in results.where(rule=rule)]
        if found:
            rows.append((rule, *(round(float(np.mean([c[e] for c in found])), 3) for e in THEIRS)))
    return [Table("Test, nats a step, mean of the seeds", ("", *(f"epoch {e}" for e in THEIRS)), rows)]


CLAIM = Claim(
    number="C3",
    name="chorale-curve",
    title="The authors' chorale configuration gives the shape of their curve",
    statement=(
        "A sSNU network of 88-150-88, trained by OSTL or by BPTT for 100 epochs, reaches a test loss of 8.60 nats a "
        "step; the two differ by 2.2e-7 at most."
    ),
    source="IBM/ostl (the authors' repository), its notebook on JSB chorales",
    published=tuple(
        Published(f"test NLL per step, epoch {epoch}", f"{value:.3f}", "IBM/ostl") for epoch, value in THEIRS.items()
    ),
    data=("chorales",),
    task="The next quarter note of Bach's chorales (music21's scores, not the JSB data set).",
    network="88 - 150 recurrent sSNU, leak 0.4, threshold 0 - 88 without memory; Bernoulli loss, summed.",
    budget="100 epochs over 254 chorales, one at a time, plain gradient descent at 5e-4: 25,400 updates.",
    seeds="4.",
    grid="None: the authors' rate.",
    rule=(
        "The data is not theirs, so that levels cannot be compared; the shape can: the share of the whole fall, from "
        "epoch 1 to epoch 100, that is done by epochs 10, 20, 30 and 50, less theirs. Shown if for each of the four "
        "the mean over seeds is within 0.1 (both one-sided 95 % limits); not shown if for one it is certainly beyond "
        "(a 95 % limit); else inconclusive. OSTL by traces against BPTT at this size, and e-prop at the same rate, "
        "stand beside it and do not enter."
    ),
    minutes=8.3,
    plan=plan,
    run=run,
    judge=judge,
    figures=figures,
    tables=tables,
    unconfirmed=(
        "The authors' level of 8.60 nats: the JSB data set is in no registry.",
        "OSTL's own run: with one recurrent layer it keeps the edges that BPTT keeps, so that the reverse engine's "
        "runs of both are the same to the last bit; traces are held beside it at five moments.",
    ),
)
