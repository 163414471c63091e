"""Small networks for the reference tests: no two sizes equal, batch > 1, thresholds not 1, a leak per layer."""

from __future__ import annotations

import numpy as np

from gradcert.reference import Layer, Lif, Loss, Network, Rnn, Snu, Ssnu, Surrogate, record

LEAKS = (0.7, 0.55, 0.85)
BOTH = ("leak", "threshold")


def cell(name, leak):
    return {
        "snu": lambda: Snu(leak=leak, threshold=0.2, transfer="tanh", train=BOTH),
        "snu-triangle": lambda: Snu(leak=leak, threshold=0.3, surrogate=Surrogate("triangle", scale=0.7)),
        "snu-ff": lambda: Snu(leak=leak, threshold=0.4, recurrent=False, bias=False),
        "ssnu": lambda: Ssnu(leak=leak, threshold=0.3, transfer="tanh", train=BOTH),
        "lif-before": lambda: Lif(leak=leak, threshold=0.3, recurrent=True, train=BOTH),
        "lif-after": lambda: Lif(
            leak=leak, threshold=0.05, reset="subtract_after_leak", gain="one_minus_leak", strict=True, train=BOTH
        ),
        "lif-hard": lambda: Lif(leak=leak, threshold=0.3, reset="hard", reset_value=0.1, recurrent=True, train=BOTH),
        "lif-none": lambda: Lif(leak=leak, threshold=0.35, reset="none", surrogate=Surrogate("atan")),
        "lif-ff": lambda: Lif(leak=leak, threshold=0.35),
        "rnn": lambda: Rnn(),
    }[name]()


CELL_NAMES = "snu snu-triangle snu-ff ssnu lif-before lif-after lif-hard lif-none lif-ff rnn".split()


def problem(name, depth, *, seed=0, steps=6, samples=3, **loss):
    sizes = [3, *(4, 5, 2)[:depth]]
    layers = tuple(Layer(cell(name, LEAKS[i]), inputs=sizes[i], units=sizes[i + 1]) for i in range(depth))
    network = Network(layers=layers, loss=Loss(**loss))
    for attempt in range(200):
        rng = np.random.default_rng([seed, attempt])
        inputs = rng.standard_normal((steps, samples, 3))
        targets = np.abs(rng.standard_normal((steps, samples, sizes[-1])))
        parameters = network.parameters(seed=1000 * seed + attempt, scale=1.6)
        rates = [layer.now["z"].mean() for layer in record(network, parameters, inputs).layers]
        if name in ("ssnu", "rnn") or steps == 1 or all(0.05 < rate < 0.95 for rate in rates):
            return network, parameters, inputs, targets
    raise AssertionError(f"no spiking problem found for {name}, depth {depth}")
