"""Networks of each cell for the cell tests: no two sizes equal, two samples, thresholds not 1, every state nonzero."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from balls import BALLS, BITS, precision
from scalar_oracle import dual

from gradcert.reference import FLOAT64, Layer, Loss, Network, Surrogate, record
from gradcert.reference.networks.cells import Alif, Gru, Integrator, LeakyRnn, Lif, Lstm, Ltc, Refractory, Synaptic
from gradcert.reference.networks.synapses import Dense

# dyadic scales: products of scales are taken in floating point, before the number system sees them
WIDE = Surrogate("sigmoid", scale=1.5)  # wide, so that no pseudo-derivative is small
NARROW = Surrogate(formula="where(x < 0, height, 2 height) / (1 + (pi x)^2)", height=0.375, amplitude=1.5)
SYNAPTIC = ("leak", "rho", "threshold")
ALL = ("leak", "threshold", "beta", "rho")
SCALED = {"gain": "one_minus_leak", "adaptation_gain": "one_minus_rho"}

CELLS = {
    "lif": Lif(leak=0.7, threshold=0.3, surrogate=WIDE, recurrent=True, train=("leak", "threshold")),
    "lif-hard-rest": Lif(
        leak=0.7,
        threshold=0.15,
        reset="hard",
        reset_value=-0.25,
        rest=0.125,
        gain="one_minus_leak",
        surrogate=WIDE,
        scaling="threshold",
        train=("leak", "threshold"),
    ),
    "lif-hard-with-input": Lif(
        leak=0.7,
        threshold=0.3,
        reset="hard_with_input",
        reset_value=0.125,
        rest=0.25,
        surrogate=WIDE,
        recurrent=True,
        train=("leak", "threshold"),
    ),
    "refractory": Refractory(
        leak=0.7, threshold=0.3, period=1, surrogate=WIDE, recurrent=True, train=("leak", "threshold")
    ),
    "refractory-two": Refractory(
        leak=0.7, threshold=0.2, reset="hard", reset_value=0.125, surrogate=NARROW, bias=False
    ),
    "synaptic": Synaptic(
        leak=0.7, rho=0.6, threshold=0.3, surrogate=WIDE, scaling="threshold", recurrent=True, train=SYNAPTIC
    ),
    "synaptic-old": Synaptic(
        leak=0.7,
        rho=0.6,
        threshold=0.015,
        order="old",
        reset="hard",
        reset_value=0.125,
        gain="one_minus_leak",
        surrogate=WIDE,
        train=SYNAPTIC,
    ),
    "synaptic-wiped": Synaptic(
        leak=0.7,
        rho=0.6,
        threshold=0.15,
        reset="hard_with_input",
        reset_value=0.125,
        current_gain="one_minus_rho",
        surrogate=WIDE,
        recurrent=True,
        train=SYNAPTIC,
    ),
    "synaptic-before": Synaptic(
        leak=0.7, rho=0.6, threshold=0.3, reset="subtract_before_leak", surrogate=WIDE, bias=False, train=SYNAPTIC
    ),
    "alif-e-prop": Alif(
        leak=0.7, threshold=0.4, beta=0.3, rho=0.8, recurrent=True, scaling="threshold", surrogate=WIDE, train=ALL
    ),
    "alif-light": Alif(
        leak=0.6, threshold=0.1, beta=0.4, rho=0.7, scaling="adaptive_threshold", surrogate=WIDE, train=ALL, **SCALED
    ),
    "alif-yin": Alif(
        leak=0.6,
        threshold=0.15,
        beta=0.5,
        rho=0.7,
        resistance=1.75,
        reset="adaptive_threshold",
        recurrent=True,
        surrogate=WIDE,
        train=ALL,
        **SCALED,
    ),
    "alif-plain": Alif(leak=0.7, threshold=0.4, beta=0.3, reset="none", bias=False, surrogate=WIDE),
    "ltc": Ltc(
        threshold=0.25,
        surrogate=Surrogate("multi_gaussian", sigma=0.375, side=0.125),
        scaling="threshold",
        train=("threshold", "beta"),
    ),
    "ltc-feed-forward": Ltc(threshold=0.2, surrogate=WIDE, recurrent=False, bias=False),
    "lstm": Lstm(),
    "lstm-peepholes": Lstm(peepholes=True),
    "lstm-feed-forward": Lstm(recurrent=False, bias=False),
    "gru-after": Gru(),
    "gru-before": Gru(reset="before"),
    "gru-no-bias": Gru(bias=False),
    "leaky-rnn": LeakyRnn(rate=0.3, train=("rate",)),
    "leaky-rnn-fixed": LeakyRnn(rate=0.3, recurrent=False, bias=False),
    "integrator": Integrator(kappa=0.6, gain="one_minus_kappa", train=("kappa",)),
    "integrator-fixed": Integrator(kappa=0.6, bias=False),
}
# nobody has said the peak of a pseudo-derivative that is a formula
OF_FORMULAS = {name for name, cell in CELLS.items() if hasattr(cell, "surrogate") and cell.surrogate.peak is None}
SPIKING = tuple(name for name in CELLS if name.startswith(("lif", "refractory", "synaptic", "alif", "ltc")))


@dataclass(frozen=True)
class Problem:
    network: Network
    parameters: dict[str, Any]
    inputs: Any
    targets: Any

    @property
    def arguments(self):
        return self.network, self.parameters, self.inputs, self.targets


def without_self_connections(layer):
    """e-prop's lateral weights, for the cells that have H."""
    if not (layer.cell.name == "alif" and layer.cell.recurrent):
        return layer
    absent = tuple((i, i) for i in range(layer.units))
    h = Dense(inputs=layer.units, units=layer.units, absent=absent)
    return Layer(layer.cell, inputs=layer.inputs, units=layer.units, synapses=(("H", h),))


def absent_removed(network):
    """What the scalar oracle does with a dense synapse that lacks connections."""

    def widen(i, p):
        for name, synapse in network.layers[i].synapses:
            for row, column in getattr(synapse, "absent", ()):
                p[name][row][column] = dual(0)
        return p

    return widen


def stack(name, depth):
    """`depth` layers of a cell under a leaky readout."""
    sizes = [2, *(3, 4, 3)[:depth]]
    layers = [Layer(CELLS[name], inputs=a, units=b) for a, b in pairwise(sizes)]
    layers = [without_self_connections(layer) for layer in layers]
    readout = Layer(Integrator(kappa=0.65, gain="one_minus_kappa"), inputs=sizes[-1], units=2)
    return Network(layers=(*layers, readout), loss=Loss(time="mean"))


def bare(name, depth):
    """`depth` layers of a cell, the last of which is the output."""
    return Network(layers=stack(name, depth).layers[:-1], loss=Loss(time="mean"))


def problem(network, *, steps=4, batch=2, numbers=BALLS, seed=0, scale=1.6):
    """Draw parameters and data in which every spiking layer both fires and is silent, in the first half already.

    A layer that reads its current a step late has two steps more for that.
    """
    steps += 2 * sum(getattr(layer.cell, "order", "") == "old" for layer in network.layers)
    for attempt in range(300):
        rng = np.random.default_rng([seed, attempt])
        inputs = rng.standard_normal((steps, batch, network.layers[0].inputs))
        targets = rng.standard_normal((steps, batch, network.layers[-1].units))
        parameters = network.parameters(seed=seed + 1000 * attempt, scale=scale)
        tape = record(network, parameters, inputs, numbers=FLOAT64)
        if all(_lively(layer.now["z"]) for layer in tape.layers if hasattr(layer.layer.cell, "surrogate")):
            with precision(BITS):
                exact = {k: numbers.array(v) for k, v in parameters.items()}
                return Problem(network, exact, numbers.array(inputs), numbers.array(targets))
    raise AssertionError("no parameters found with which every layer spikes")


def _lively(z):
    half = z[: len(z) // 2]
    return 0 < half.mean() < 1 and 0.2 < z.mean() < 0.8
