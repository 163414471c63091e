"""Problems for the bounds: the benchmark's random networks, one in which every bound is attained; the signed error."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np

from gradcert.reference import TEMPORAL, Layer, Network, Rnn, record
from gradcert.reference.bounds.recorded import Recorded
from gradcert.reference.bounds.recursion import _column, _combined
from gradcert.reference.bounds.system import assemble
from gradcert.reference.engines import projected_signal

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


def signed_error(network, p, x, y, rule, feedback):
    """The error by the bounds' own system, signs kept and no norm taken: forward in time, unlike the residual."""
    tape = record(network, p, x)
    delta = network.loss.gradient(tape.outputs, y, tape.numbers)
    pieces = Recorded(tape, rule, feedback, TEMPORAL)
    signal = y if rule.feedback == "local" else projected_signal(tape, y)
    out = {}
    for m, layer in enumerate(network.layers):
        system = assemble(network, m, rule, pieces, pieces.credit(delta), pieces.signal(m, signal))
        for name, injections in pieces.injections(m).items():
            total = np.zeros(layer.shapes()[name])
            for injection in injections:
                fresh = []
                for t in range(len(x)):
                    row = {c: e[:, t] for c, e in system.error.items()}
                    now = _combined({port: {"": e} for port, e in system.error_drive.items()}, injection, t).get("")
                    terms = [(s, sum(np.matmul(row[c], b[c]) for c in b if c in row)) for s, b in fresh]
                    for s, e in [*terms, (t, now)]:
                        if e is not None and np.ndim(e) > 1:
                            total = total + contribution(tape.layers[m], name, injection, e[0][:, 0, :], s)
                    a = {k: v[:, min(t, v.shape[1] - 1)] for k, v in system.transition.items()}
                    fresh = [(s, _column(a, b)) for s, b in fresh]
                    fresh.append((t, _combined(system.drive, injection, t)))
            out[layer.full_name(m, name)] = total
    return out


def contribution(tape, name, injection, row, s):
    """The gradient of a tensor from the row of one step: rows times the input of the link, or summed over samples."""
    for link in tape.layer.cell.links:
        if link.weight == name and injection.ports[0][0][0] == link.target:
            return tape.layer.synapse(name).pull_weight(row, tape.source(link)[s])
    return row.sum(axis=0)
