"""Two LIF layers on symbols, for the rules that are no cut of edges: their equations are written out here as sums.

Nothing of a rule's code is used: the credit within a step is the chain rule written down, over two layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.proving.common import compare_gradients
from gradcert.derivations.proving.proof import Problem, Result, loss_slopes, named, problem
from gradcert.reference import Layer, Lif, Network
from gradcert.reference.engines import Tape, record
from gradcert.reference.networks import lif
from gradcert.reference.numbers import Array

#: leak of the first layer, of the second, and the threshold of both
LEAKS = sympy.symbols("λ_1 λ_2")
THRESHOLD = sympy.Symbol("θ")


def stack(*, steps: int = 3, batch: int = 2, leaks: tuple[Any, Any] = LEAKS, units: int = 2, **options: Any) -> Problem:
    """Return two LIF layers with one leak each and nothing trained but weights and biases.

    Examples
    --------
    >>> stack(steps=2).inputs.shape
    (2, 2, 2)
    """
    cells = [Lif(leak=leak, threshold=THRESHOLD, **options) for leak in leaks]
    layers = (Layer(cells[0], inputs=2, units=units), Layer(cells[1], inputs=units, units=2))
    return problem(Network(layers=layers), steps=steps, batch=batch)


@dataclass(frozen=True)
class Values:
    """What the equations speak of, by layer; arrays are (time, batch, units).

    Attributes
    ----------
    x, before : input of the layer, and its own output one step before.
    psi : pseudo-derivative of its output.
    delta : dE/dz through paths of the same step.
    """

    x: tuple[Array, Array]
    before: tuple[Array, Array]
    psi: tuple[Array, Array]
    delta: tuple[Array, Array]


def tape_of(p: Problem) -> Tape:
    """Return the forward pass from rest, on names."""
    return record(named(p.network, Ledger()), p.parameters, p.inputs, numbers=SYMBOLS)


def values(p: Problem) -> Values:
    """Run the forward code; write the same-step credit of the lower layer out."""
    low, high = tape_of(p).layers
    slopes = loss_slopes(p)
    top: Array = np.empty(high.now["z"].shape, dtype=object)
    for index, z in np.ndenumerate(high.now["z"]):
        top[index] = slopes[z]
    down: Array = np.empty(low.now["z"].shape, dtype=object)
    weight = p.parameters["layers.1.W"]
    for t, b, j in np.ndindex(down.shape):
        down[t, b, j] = sum(
            top[t, b, i] * high.factors[lif.OUTPUT][t, b, i] * weight[i, j] for i in range(top.shape[2])
        )
    return Values(
        x=(low.x, high.x),
        before=(low.prev["z"], high.prev["z"]),
        psi=(low.factors[lif.OUTPUT], high.factors[lif.OUTPUT]),
        delta=(down, top),
    )


def written(p: Problem, terms: Mapping[str, Callable[[int, tuple[int, ...], int, int], Any]]) -> dict[str, Array]:
    """Return gradients whose entries are the sum over steps and samples of a term written down.

    Parameters
    ----------
    p : the problem.
    terms : local name of a parameter -> f(layer, index of the entry, step, sample).
    """
    steps, batch = p.inputs.shape[:2]
    out = {}
    for name, parameter in p.parameters.items():
        _, layer, local = name.split(".")
        if local in terms:
            total = np.empty(parameter.shape, dtype=object)
            for index in np.ndindex(parameter.shape):
                total[index] = sum(
                    sympy.sympify(terms[local](int(layer), index, t, b)) for t in range(steps) for b in range(batch)
                )
            out[name] = total
    return out


def filtered_sums(p: Problem, credit: tuple[Array, ...]) -> dict[str, Array]:
    """Return the sum over steps of credit ψ^t x̂^t written out, the trace with the leak of the layer that it feeds.

    Parameters
    ----------
    p : the problem.
    credit : at the output of each layer, (time, batch, units).
    """
    v = values(p)

    def term(layer: int, i: int, x: Any, t: int, b: int) -> Any:
        trace = sum(LEAKS[layer] ** (t - k) * x[k] for k in range(t + 1))
        return credit[layer][t, b, i] * v.psi[layer][t, b, i] * trace

    return written(
        p,
        {
            "W": lambda layer, index, t, b: term(layer, index[0], v.x[layer][:, b, index[1]], t, b),
            "H": lambda layer, index, t, b: term(layer, index[0], v.before[layer][:, b, index[1]], t, b),
            "b": lambda layer, index, t, b: term(layer, index[0], [1] * (t + 1), t, b),
        },
    )


def run_rule(p: Problem, method: Any, **options: Any) -> dict[str, Array]:
    """Run the code of a rule on names."""
    found: dict[str, Array] = method.gradients(
        named(p.network, Ledger()), p.parameters, p.inputs, p.targets, numbers=SYMBOLS, **options
    )
    return found


def agree(claim: str, found: Mapping[str, Array], expected: Mapping[str, Array]) -> Result:
    """Compare the code's gradients with those written down; every parameter that is written down has to be found."""
    return compare_gradients(claim, {name: found[name] for name in expected}, expected)
