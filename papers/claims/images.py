"""What the claims about images share: layers of spiking neurons, ways to show an image, a run, its measures."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.papers.training import Sgd, alignment, gradient
from gradcert.reference.engines import Learner, record
from gradcert.reference.networks import Layer, Lif, Loss, Network, Rnn
from gradcert.reference.numbers import FLOAT32, Array, Surrogate
from gradcert.reference.rules import RULES

BATCH = 100
ROW_OF = {"ottt-a": "ottt", "ottt-o": "ottt"}  # one update a sequence, or one a step


def network(inputs: int, units: int, depth: int, leak: float, *, recurrent: bool = False) -> Network:
    """Return layers of the OTTT authors' neuron under a readout without memory."""
    cell = Lif(leak=leak, surrogate=Surrogate("sigmoid", scale=4.0), recurrent=recurrent)
    sizes = [inputs, *[units] * depth]
    layers = [Layer(cell, inputs=a, units=b) for a, b in pairwise(sizes)]
    head = Layer(Rnn(activation="identity", recurrent=False), inputs=units, units=10)
    return Network(layers=(*layers, head), loss=Loss(kind="cross_entropy", time="mean", batch="mean"))


def shown(images: Array, way: str, steps: int) -> Array:
    """Return a sequence (steps, batch, inputs): the image at every step, or its rows one after the other.

    Examples
    --------
    >>> shown(np.zeros((3, 64), np.float32), "static", 6).shape, shown(np.zeros((3, 64), np.float32), "rows", 8).shape
    ((6, 3, 64), (8, 3, 8))
    """
    if way == "static":
        return np.broadcast_to(images, (steps, *images.shape))
    return np.ascontiguousarray(images.reshape(len(images), steps, -1).transpose(1, 0, 2))


def one_hot(labels: Array, steps: int) -> Array:
    """Return targets (steps, batch, 10)."""
    return np.broadcast_to(np.eye(10, dtype=np.float32)[labels], (steps, len(labels), 10))


def trained(
    net: Network, train: tuple[Array, Array], test: tuple[Array, Array], *, rule: str, seed: int, rate: float,
    epochs: int, looks: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Train with momentum 0.9 and a rate that falls as a cosine; return the curve of errors, and looks at the gradient.

    Parameters
    ----------
    train, test : sequences (T, samples, inputs) and classes.
    rule : a row, ``ottt-a`` or ``ottt-o``.
    looks : how often the gradient of the rule is held against others' on the way.
    """
    (x, labels), p = train, net.parameters(seed=seed, numbers=FLOAT32)
    rng, descend, curve, seen = np.random.default_rng([seed, 3]), Sgd(rate, 0.9), [], []
    steps, total, k = len(x), epochs * (x.shape[1] // BATCH), 0
    for _ in range(epochs):
        order = rng.permutation(x.shape[1])
        for at in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[at : at + BATCH]
            xs, y = x[:, chosen], one_hot(labels[chosen], steps)
            if looks and k % max(1, total // looks) == 0:
                seen.append({"update": k, **beside(net, p, xs, y)})
            descend.rate = rate * 0.5 * (1 + np.cos(np.pi * k / total))
            p = updated(net, p, xs, y, rule, descend)
            k += 1
        curve.append([k, errors(net, p, *test)])
    return {"curve": curve, "error": curve[-1][1], "looks": seen}


def updated(net: Network, p: Mapping[str, Array], x: Array, y: Array, rule: str, descend: Sgd) -> dict[str, Array]:
    """Return the parameters after a batch: one update, or one after every step where the rule is online."""
    if rule != "ottt-o":
        return descend(p, gradient(ROW_OF.get(rule, rule), net, p, x, y, numbers=FLOAT32))
    learner = Learner(net, p, rule=RULES["ottt"], steps=len(x), batch=x.shape[1], numbers=FLOAT32)
    now = dict(p)
    for one, target in zip(x, y, strict=True):
        learner.step(one, target)
        now = descend(now, learner.take())
        learner.replace(now)
    return now


def errors(net: Network, p: Mapping[str, Array], x: Array, labels: Array) -> float:
    """Return the share of samples whose output, summed over the steps, is largest for another class."""
    return float((record(net, p, x, numbers=FLOAT32).outputs.sum(axis=0).argmax(axis=1) != labels).mean())


def beside(net: Network, p: Mapping[str, Array], x: Array, y: Array) -> dict[str, Any]:
    """Return the gradients of other rules beside BPTT's with the reset out of the graph, layer by layer."""
    truth = gradient("bptt-detached-reset", net, p, x, y, numbers=FLOAT32)
    rules = ("bptt", "ottt", "sltt")
    return {r: alignment(gradient(r, net, p, x, y, numbers=FLOAT32), truth, net.depth) for r in rules}
