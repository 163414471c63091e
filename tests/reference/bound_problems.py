"""Problems for the bounds: the benchmark's random networks, and one in which every bound is attained."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np

from gradcert.reference import Layer, Network, Rnn, record

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "bounds.py"


def load():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("benchmark_of_bounds", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def attained(*, steps=5, depth=3, bias=True):
    """One positive identity unit per layer, constant input 2, loss gradient 1 at every step: nothing can cancel.

    Every path is a positive number and every norm is multiplicative on 1 x 1 matrices, so that every bound that takes
    one tensor at a time equals the true error, up to rounding.
    """
    cell = Rnn(activation="identity", recurrent=True, bias=bias)
    network = Network(layers=tuple(Layer(cell, inputs=1, units=1) for _ in range(depth)))
    p = {name: np.full(shape, 0.5 if name.endswith("H") else 0.75) for name, shape in network.shapes().items()}
    x = np.full((steps, 1, 1), 2.0)
    y = record(network, p, x).outputs - 1
    return network, p, x, y
