"""Max pooling is PyTorch's: sizes, values, and who gets the credit where several of a window are the largest."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from gradcert.reference import (
    RULES,
    Connection,
    Dense,
    GradcertError,
    Graph,
    Layer,
    Lif,
    MaxPool,
    Network,
    Population,
    Rnn,
    forward,
    from_dict,
    record,
    reverse,
)
from gradcert.reference.networks import Tap, synapse_from_dict, synapse_to_dict

SIZES = itertools.product((1, 2, 3, 5, 6), (2, 5), (1, 2, 3), (None, 1, 2, 3), (0, 1), (1, 2), (False, True))
GEOMETRIES = [
    {"height": h, "width": w, "kernel": (k, 2), "stride": s if s is None else (s, s + 1), "padding": (p, p),
     "dilation": (d, d), "ceil": c}
    for h, w, k, s, p, d, c in SIZES
]  # fmt: skip


def through(pool):
    """A network that is a pooling of its input alone."""
    graph = Graph(
        {"x": pool.inputs},
        (Population("out", Rnn(activation="identity", recurrent=False, bias=False), 2),),
        (Connection("x", "out", synapse=(Dense(pool.inputs, pool.inputs), pool, Dense(pool.units, 2))),),
    )
    return Network(graph=graph)


def by_torch(pool, x, g):
    image = torch.tensor(x.reshape(-1, pool.channels, pool.height, pool.width), requires_grad=True)
    how = (pool.kernel, pool.stride, pool.padding, pool.dilation, pool.ceil)
    y = torch.nn.functional.max_pool2d(image, *how)
    y.backward(torch.tensor(g).reshape(y.shape))
    return tuple(y.shape[2:]), y.detach().numpy().reshape(len(x), -1), image.grad.numpy().reshape(len(x), -1)


def by_taps(pool, x, g, *, last=False):
    """The largest, tap by tap, and the credit of the inputs; `last` gives it to the last of the largest."""
    best, owner = None, np.zeros(g.shape, dtype=int)
    for k, tap in enumerate(pool.taps):
        entry = tap.apply(None, x)
        new = np.ones(g.shape, dtype=bool) if best is None else entry >= best if last else entry > best
        best, owner = entry if best is None else np.maximum(best, entry), np.where(new, k, owner)
    return best, sum(tap.pull_input(None, np.where(owner == k, g, 0.0)) for k, tap in enumerate(pool.taps))


def test_every_geometry_is_that_of_torch_or_refused_by_both():
    """Zeros and ones: nearly every window has several that are the largest; dilated, padded, overlapping, cut off."""
    rng, met, told_apart = np.random.default_rng(0), 0, 0
    for options in GEOMETRIES:
        size = {"height": options["height"], "width": options["width"]}
        image = torch.zeros(1, 2, size["height"], size["width"])
        how = [options[k] for k in ("kernel", "stride", "padding", "dilation", "ceil")]
        try:
            theirs = torch.nn.functional.max_pool2d(image, *how)
        except RuntimeError:
            theirs = None
        if theirs is None or not theirs.isfinite().all():  # of a window outside the image -inf is the largest
            with pytest.raises(GradcertError):
                MaxPool(channels=2, **options)
            continue
        pool = MaxPool(channels=2, **options)
        x = rng.integers(0, 2, (3, pool.inputs)).astype(float)
        g = rng.integers(1, 9, (3, pool.units)).astype(float)
        out, y, back = by_torch(pool, x, g)
        best, credit = by_taps(pool, x, g)
        assert out == pool.out and (best == y).all() and (credit == back).all(), pool
        told_apart += bool((by_taps(pool, x, g, last=True)[1] != back).any())
        met += 1
    assert met > 250 and told_apart > 200


@pytest.mark.parametrize("change", [{}, {"stride": (1, 2), "padding": (1, 1)}, {"dilation": (2, 1), "ceil": True}])
def test_both_engines_give_the_credit_to_whom_torch_gives_it(change):
    pool = replace(MaxPool(channels=2, height=4, width=5), **change)
    network, rng = through(pool), np.random.default_rng(1)
    p = {"out.W.0": np.eye(pool.inputs), "out.W.2": rng.integers(-4, 5, (2, pool.units)).astype(float)}
    x, y = rng.integers(0, 2, (3, 2, pool.inputs)).astype(float), np.zeros((3, 2, 2))
    tape = record(network, p, x)
    error = tape.layers[-1].leaving.reshape(6, 2)
    _, pooled, back = by_torch(pool, x.reshape(6, -1), error @ p["out.W.2"])
    assert (error == pooled @ p["out.W.2"].T).all()
    for engine in (reverse, forward):
        found = engine.gradients(network, p, x, y, rule=RULES["bptt"])
        assert (found["out.W.0"] == back.T @ x.reshape(6, -1)).all()
        assert (found["out.W.2"] == error.T @ pooled).all()


def test_it_is_written_down_and_read_back():
    pool = MaxPool(channels=2, height=4, width=5, stride=(1, 2), ceil=True)
    for synapse in (pool, pool.taps[3]):
        assert synapse_from_dict(synapse_to_dict(synapse)) == synapse
    assert from_dict(through(pool).to_dict()) == through(pool)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: MaxPool(1, height=2, width=3, kernel=(3, 1)), r"window \(3, 1\) larger than the image \(2, 3\)"),
        (lambda: MaxPool(channels=1, height=0, width=3), "sizes, kernel, stride and dilation >= 1"),
        (lambda: MaxPool(channels=1, height=4, width=4, padding=(2, 0)), "allowed: at most half a window"),
        (lambda: MaxPool(1, 1, 4, (2, 2), (1, 1), (2, 0), (3, 1)), "a window that meets no pixel"),
        (lambda: MaxPool(channels=1, height=99, width=99, kernel=(40, 40)), "of at most 1024 entries"),
        (lambda: Tap(channels=1, height=2, width=2, entry=4), r"the entry 4 of a window \(2, 2\)"),
        (
            lambda: Layer(Rnn(), inputs=16, units=4, synapses=(("W", MaxPool(channels=1, height=4, width=4)),)),
            "a max pooling for the weight 'W', which is linear; to fix it: give it to a connection of a graph",
        ),
        (
            lambda: Graph(
                {"x": 9}, (Population("a", Lif(), 4),), (Connection("x", "a", synapse=MaxPool(1, 4, 4)),)
            ),
            "a synapse from 16 to 4 units on the connection x -> a; allowed: from 9 to 4",
        ),
    ],
)  # fmt: skip
def test_what_is_no_max_pooling_is_one_sentence(make, said):
    with pytest.raises(GradcertError, match=said):
        make()
