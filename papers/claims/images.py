"""What the claims about images and speech share: spiking layers, ways to show an image, a run, its measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradcert.papers.training import Sgd, alignment, gradient
from gradcert.reference.engines import Learner, record
from gradcert.reference.networks import AvgPool, Cell, Conv2d, Layer, Lif, Loss, Network, Rnn
from gradcert.reference.numbers import FLOAT32, Array, Surrogate
from gradcert.reference.rules import RULES

BATCH = 100
Shown = tuple[Array, ...]
ROW_OF = {"ottt-a": "ottt", "ottt-o": "ottt"}  # one update a sequence, or one a step


def neuron(leak: float, *, recurrent: bool = False) -> Lif:
    """Return the OTTT authors' neuron: reset by subtraction before the leak, a sigmoid of slope 4."""
    return Lif(leak=leak, surrogate=Surrogate("sigmoid", scale=4.0), recurrent=recurrent)


def classifier(layers: Sequence[Layer], classes: int) -> Network:
    """Return layers under a readout without memory, with the cross entropy of every step."""
    head = Layer(Rnn(activation="identity", recurrent=False), inputs=layers[-1].units, units=classes)
    return Network(layers=(*layers, head), loss=Loss(kind="cross_entropy", time="mean", batch="mean"))


def network(inputs: int, units: int, depth: int, leak: float, *, recurrent: bool = False, classes: int = 10) -> Network:
    """Return so many layers of it."""
    sizes = [inputs, *[units] * depth]
    return classifier(
        [Layer(neuron(leak, recurrent=recurrent), inputs=a, units=b) for a, b in pairwise(sizes)], classes
    )


def convolutional(side: int, channels: int, leak: float) -> Network:
    """Return a convolution, a mean over 2 x 2, and a convolution of stride 2 with twice the channels, of 3 x 3.

    Examples
    --------
    >>> [layer.units for layer in convolutional(14, 8, 0.5).layers]
    [1568, 392, 256, 10]
    """
    half, same = side // 2, (1, 1)
    first = Conv2d(1, side, side, channels, padding=same)
    mean = AvgPool(channels=channels, height=side, width=side, kernel=(2, 2))
    second = Conv2d(channels, half, half, 2 * channels, stride=(2, 2), padding=same)
    passes = Rnn(activation="identity", recurrent=False, bias=False)
    parts: list[tuple[Cell, Any]] = [(neuron(leak), first), (passes, mean), (neuron(leak), second)]
    layers = [Layer(cell, inputs=s.inputs, units=s.units, synapses=(("W", s),)) for cell, s in parts]
    return classifier(layers, 10)


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


def one_hot(labels: Array, steps: int, classes: int = 10) -> Array:
    """Return targets (steps, batch, classes)."""
    return np.broadcast_to(np.eye(classes, dtype=np.float32)[labels], (steps, len(labels), classes))


def trained(
    net: Network, train: Shown, test: Shown, *, rule: str, seed: int, rate: float, epochs: int, looks: int = 0,
    batch: int = BATCH,
) -> dict[str, Any]:  # fmt: skip
    """Train with momentum 0.9 and a rate that falls as a cosine; return the curve of errors, and looks at the gradient.

    Parameters
    ----------
    train, test : sequences (T, samples, inputs), classes, and which steps count (T, samples), 0 where padded; of all
        steps where that is left out.
    rule : a row, ``ottt-a`` or ``ottt-o``.
    looks : how often the gradient of the rule is held against others' on the way.
    """
    (x, labels, *counted), p = train, net.parameters(seed=seed, numbers=FLOAT32)
    rng, descend, curve, seen = np.random.default_rng([seed, 3]), Sgd(rate, 0.9), [], []
    steps, total, k = len(x), epochs * (x.shape[1] // batch), 0
    for _ in range(epochs):
        order = rng.permutation(x.shape[1])
        for at in range(0, len(order) - batch + 1, batch):
            chosen = order[at : at + batch]
            xs, y = x[:, chosen], one_hot(labels[chosen], steps, net.layers[-1].units)
            data = {"weights": counted[0][:, chosen]} if counted else {}
            if looks and k % max(1, total // looks) == 0:
                seen.append({"update": k, **beside(net, p, xs, y, data)})
            descend.rate = rate * 0.5 * (1 + np.cos(np.pi * k / total))
            p = updated(net, p, xs, y, rule, descend, data)
            k += 1
        curve.append([k, errors(net, p, *test)])
    return {"curve": curve, "error": curve[-1][1], "looks": seen}


def updated(
    net: Network, p: Mapping[str, Array], x: Array, y: Array, rule: str, descend: Sgd, data: Mapping[str, Any]
) -> dict[str, Array]:
    """Return the parameters after a batch: one update, or one after every step where the rule is online."""
    if rule != "ottt-o":
        return descend(p, gradient(ROW_OF.get(rule, rule), net, p, x, y, numbers=FLOAT32, **data))
    learner = Learner(net, p, rule=RULES["ottt"], steps=len(x), batch=x.shape[1], numbers=FLOAT32, **data)
    now = dict(p)
    for one, target in zip(x, y, strict=True):
        learner.step(one, target)
        now = descend(now, learner.take())
        learner.replace(now)
    return now


def errors(net: Network, p: Mapping[str, Array], x: Array, labels: Array, counted: Array | None = None) -> float:
    """Return the share of samples whose output, summed over the steps that count, is largest for another class."""
    outputs = record(net, p, x, numbers=FLOAT32).outputs
    outputs = outputs if counted is None else outputs * counted[:, :, None]
    return float((outputs.sum(axis=0).argmax(axis=1) != labels).mean())


def beside(net: Network, p: Mapping[str, Array], x: Array, y: Array, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the gradients of other rules beside BPTT's with the reset out of the graph, layer by layer."""
    truth = gradient("bptt-detached-reset", net, p, x, y, numbers=FLOAT32, **data)
    rules = ("bptt", "ottt", "sltt")
    found = {r: gradient(r, net, p, x, y, numbers=FLOAT32, **data) for r in rules}
    return {r: alignment(g, truth, net.depth) for r, g in found.items()}
