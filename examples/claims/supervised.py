"""Deep supervision of stacks of LIF neurons, in NumPy: a loss of their own for hidden layers, beside the output's.

`gradcert certify examples/claims/supervised.py:auxiliary --claim examples/claims/auxiliary.toml`; a mistake is
`wrong_auxiliary`. The readouts of hidden layers come with the problem and are not trained.
"""

from functools import partial

import numpy as np
from rules import error, run, swept


def gradients(problem, above, mistake=""):
    """Return the gradient over all edges in a parameter's own layer, and over some in the layers above."""
    layers, outputs = run(problem)
    delta, found = error(problem, outputs), {}
    for i in reversed(range(len(layers))):
        told = delta
        if i < len(layers) - 1:
            told = delta + own_loss(problem, i, layers[i + 1]["x"], strength=mistake != "auxiliary")
        g = swept(layers[i], told, "state reset")
        found[f"layers.{i}.W"] = np.einsum("tbi,tbj->ij", g, layers[i]["x"])
        found[f"layers.{i}.b"] = g.sum(axis=(0, 1))
        passed = delta if mistake == "auxiliary_below" else told  # as if what a layer's own loss says ended there
        delta = swept(layers[i], passed, above) @ layers[i]["w"]
    return found


def own_loss(problem, i, z, *, strength):
    """Return the derivative of a hidden layer's own loss, a cross-entropy at its readout, by its spikes."""
    loss, readout = problem.network.loss, problem.readouts[f"layers.{i}"]
    read = z @ readout.T
    p = np.exp(read - read.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    delta = p * problem.targets.sum(axis=-1, keepdims=True) - problem.targets
    delta[: -1 if loss.when == "last" else 0] = 0
    return (loss.local[0].strength if strength else 1.0) * delta @ readout


WITH = {"auxiliary": "state reset", "auxiliary_below": ""}  # of the layers above: bptt, ostl
globals().update({name: partial(gradients, above=above) for name, above in WITH.items()})
globals().update({f"wrong_{name}": partial(gradients, above=above, mistake=name) for name, above in WITH.items()})
