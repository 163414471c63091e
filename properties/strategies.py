"""Hypothesis strategies for everything that a gradient is a function of.

Families
--------
exact
    Dyadic numbers, so few and so short that no intermediate of any order of summation is ever rounded (`Dyadics`
    proves it for every problem): the error budget is zero.
bounded
    Floats of moderate size, every membrane potential away from its threshold by more than any rounding (`Rounding`
    proves it): the error budget is an enclosure.
scale
    Larger and longer, drawn from a seed.
field
    Elements of a prime field, drawn from a seed; activations are random functions.

Shapes are not square, leaks differ from unit to unit, thresholds are not 1, batches hold more than one sample, and
silent networks are rejected (mathematics.md 14.10). Shrinking leads to fewer layers, fewer units, fewer steps and
smaller whole numbers, in this order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from gradcert.properties.evaluation import bits_needed, is_decided, why_vacuous
from gradcert.properties.numbers import SIGNIFICAND, PrimeField
from gradcert.properties.options import FAMILIES, cells, exact_cells, surrogates
from gradcert.reference import CELLS, FLOAT64, RULES, Floats, GradcertError, Layer, Loss, Network, Rnn, Rule
from gradcert.reference.engines import record
from gradcert.reference.networks import Cell, Conv2d, Dense, Problem
from gradcert.reference.numbers import Array
from gradcert.reference.rules import feedback_shapes

__all__ = [
    "FAMILIES",
    "cells",
    "losses",
    "networks",
    "parameters",
    "problems",
    "rules",
    "sequences",
    "surrogates",
    "targets",
]

Range = tuple[int, int]


def _check(family: str) -> None:
    if family not in FAMILIES:
        raise GradcertError(f"family={family!r}", allowed=", ".join(FAMILIES))


def losses(
    *,
    family: str = "exact",
    kinds: Sequence[str] = ("squared_error", "cross_entropy"),
    when: Sequence[str] = ("every", "last"),
    reductions: Sequence[str] = ("sum", "mean"),
) -> st.SearchStrategy[Loss]:
    """Losses; the exact family has no cross-entropy, whose softmax is not rational."""
    _check(family)
    kept = [kind for kind in kinds if kind == "squared_error" or family != "exact"]
    reduced = st.sampled_from(tuple(reductions))
    return st.builds(Loss, kind=st.sampled_from(kept), when=st.sampled_from(tuple(when)), time=reduced, batch=reduced)


def rules(*names: str) -> st.SearchStrategy[Rule]:
    """Rows of the rule table, all or the named ones."""
    return st.sampled_from([RULES[name] for name in names or tuple(RULES)])


@st.composite
def networks(
    draw: st.DrawFn,
    /,
    *,
    family: str = "exact",
    cells_from: Sequence[str] | None = None,
    depth: Range = (1, 2),
    units: Range = (1, 3),
    inputs: Range = (1, 3),
    readout: bool | str | None = None,
    readout_options: Mapping[str, Any] | None = None,
    convolution: bool | None = False,
    self_connections: bool = True,
    kinds: Sequence[str] = ("squared_error", "cross_entropy"),
    when: Sequence[str] = ("every", "last"),
    reductions: Sequence[str] = ("sum", "mean"),
    **fixed: Any,
) -> Network:
    """Draw a network.

    Parameters
    ----------
    family : see the module.
    cells_from : names of the registry; all that the family can compute where None.
    depth : smallest and largest number of layers, without the readout.
    units, inputs : smallest and largest sizes.
    readout : end with a layer of linear units without memory (True) or of the named cell; drawn where None.
    readout_options : options of the readout's cell.
    convolution : whether the first layer's input weights are kernels of a convolution; drawn where None.
    self_connections : whether the diagonal of H exists; e-prop forbids it.
    kinds, when, reductions : of `losses`.
    fixed : options of every cell that has them, such as ``recurrent=True``.
    """
    _check(family)
    names = tuple(cells_from or (exact_cells() if family == "exact" else CELLS))
    if family == "exact":
        names = tuple(n for n in names if n in exact_cells())
    if not names:
        raise GradcertError(f"cells {cells_from} in the family {family!r}", do="use the family bounded or field")
    below = draw(st.integers(*inputs))
    layers = []
    for i in range(draw(st.integers(*depth))):
        name = draw(st.sampled_from(names))
        if i == 0 and (convolution or (convolution is None and draw(st.booleans()))):
            image = Conv2d(in_channels=1, height=2, width=3, out_channels=draw(st.integers(1, 2)), kernel=(2, 2))
            cell = draw(cells(name, image.units, family=family, **fixed))
            weights = [k.weight for k in cell.links if k.source == "x" and k.weight is not None]
            layers.append(Layer(cell, image.inputs, image.units, tuple((w, image) for w in weights)))
            below = image.units
            continue
        sizes = [n for n in range(units[0], units[1] + 1) if n != below] or [below]
        size = draw(st.sampled_from(sizes))
        layers.append(_dense(draw(cells(name, size, family=family, **fixed)), below, size, self_connections))
        below = size
    if readout or (readout is None and draw(st.booleans())):
        size = draw(st.sampled_from([n for n in range(1, units[1] + 1) if n != below] or [below]))
        given = dict(readout_options or {})
        if isinstance(readout, str) and readout != "rnn":
            top = draw(cells(readout, size, family=family, **given))
        else:
            top = Rnn(**{"activation": "identity", "recurrent": False, **given})
        layers.append(Layer(top, inputs=below, units=size))
    return Network(tuple(layers), draw(losses(family=family, kinds=kinds, when=when, reductions=reductions)))


def _dense(cell: Cell, inputs: int, units: int, self_connections: bool) -> Layer:
    lateral = [k.weight for k in cell.links if k.lag and k.source == "z" and k.weight is not None]
    if self_connections or not lateral:
        return Layer(cell, inputs=inputs, units=units)
    hollow = Dense(inputs=units, units=units, absent=tuple((i, i) for i in range(units)))
    return Layer(cell, inputs=inputs, units=units, synapses=tuple((name, hollow) for name in lateral))


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], *, family: str, largest: int, per: int) -> Array:
    """Whole numbers up to `largest` over `per`; shrinks towards zeros."""
    size = int(np.prod(shape))
    if family == "scale":
        rng = np.random.default_rng(draw(st.integers(0, 2**31)))
        return rng.integers(-largest, largest + 1, size=shape) / per
    flat = draw(st.lists(st.integers(-largest, largest), min_size=size, max_size=size))
    return np.reshape(np.array(flat, dtype=float) / per, shape)


@st.composite
def parameters(draw: st.DrawFn, network: Network, *, family: str = "exact") -> dict[str, Array]:
    """Parameters of a network; trained leaks and thresholds start from the values of the cell's options."""
    _check(family)
    out: dict[str, Array] = {}
    for i, layer in enumerate(network.layers):
        constants = layer.cell.constants()
        for name, shape in layer.shapes().items():
            if name in constants:
                out[f"layers.{i}.{name}"] = np.broadcast_to(np.asarray(constants[name], dtype=float), shape).copy()
            elif family == "exact":
                out[f"layers.{i}.{name}"] = draw(arrays(shape, family=family, largest=4, per=2))
            else:
                columns = layer.synapse(name).columns if len(shape) > 1 else 1  # a bias has none
                value = draw(arrays(shape, family=family, largest=40, per=32))
                out[f"layers.{i}.{name}"] = value / (np.sqrt(columns) if family == "scale" else 1)
    return out


def sequences(network: Network, *, steps: int, batch: int, family: str = "exact") -> st.SearchStrategy[Array]:
    """Inputs, (steps, batch, n_in)."""
    _check(family)
    largest, per = (2, 1) if family == "exact" else (60, 32)
    return arrays((steps, batch, network.layers[0].inputs), family=family, largest=largest, per=per)


def targets(network: Network, *, steps: int, batch: int, family: str = "exact") -> st.SearchStrategy[Array]:
    """Targets, (steps, batch, n_out)."""
    _check(family)
    largest, per = (3, 2) if family == "exact" else (40, 32)
    return arrays((steps, batch, network.layers[-1].units), family=family, largest=largest, per=per)


@st.composite
def problems(
    draw: st.DrawFn,
    /,
    *,
    rule: Rule | str = "ostl",
    family: str = "exact",
    dtype: str = "float64",
    steps: Range = (2, 4),
    batch: Range = (2, 3),
    also: Sequence[str] = (),
    vacuous: bool = False,
    **network_options: Any,
) -> Problem:
    """Draw a whole problem for a rule, with its feedback matrices.

    Parameters
    ----------
    rule : decides on the readout, the feedback, and which gradient has to be neither silent nor rounded.
    family, dtype : see the module.
    steps, batch : smallest and largest.
    also : further rules whose rows have to be exact in the exact family.
    vacuous : accept silent networks too.
    network_options : of `networks`.

    Examples
    --------
    >>> from hypothesis import Phase, find, settings
    >>> once = settings(phases=[Phase.generate], database=None, derandomize=True)  # no time spent on shrinking
    >>> found = find(problems(rule="ostl", cells_from=["snu"]), lambda problem: True, settings=once)
    >>> found.network.layers[0].cell.name, found.inputs.ndim
    ('snu', 3)
    """
    _check(family)
    row = RULES[rule] if isinstance(rule, str) else rule
    if row.feedback in ("direct", "target"):
        network_options.setdefault("readout", True)
    network = draw(networks(family=family, **network_options))
    length, width = draw(st.integers(*steps)), draw(st.integers(*batch))
    if family == "exact":
        divisor = network.loss.divisor(length, width)
        assume(divisor & (divisor - 1) == 0)
    shapes = feedback_shapes(network, row)
    if family == "field":
        numbers = PrimeField(seed=draw(st.integers(0, 2**31)))
        problem = _in_field(network, shapes, numbers, (length, width))
    else:
        problem = Problem(
            network,
            draw(parameters(network, family=family)),
            draw(sequences(network, steps=length, batch=width, family=family)),
            draw(targets(network, steps=length, batch=width, family=family)),
            {name: draw(arrays(shape, family=family, largest=4, per=2)) for name, shape in shapes.items()},
            FLOAT64,
        ).in_numbers(Floats(dtype))
    if family == "exact" and draw(st.booleans()):
        problem = _with_a_tie(problem)
    if not vacuous:
        assume(why_vacuous(problem, row) is None)
    if family == "exact":
        rows = [row, *(RULES[name] for name in also)]
        assume(max(bits_needed(problem, r) for r in rows) <= SIGNIFICAND[dtype])
    if family == "bounded":
        assume(is_decided(problem, row, dtype=dtype))
    return problem


def _with_a_tie(problem: Problem) -> Problem:
    """Move a bias so that the first unit is exactly at its threshold at the first step of the first sample.

    What happens at a tie is part of a claim, and random numbers meet few (trap T114).
    """
    layer = record(problem.network, problem.parameters, problem.inputs).layers[0]
    if "threshold" not in layer.p or "b" not in layer.layer.cell.trained or "v" not in layer.now:
        return problem
    threshold = np.broadcast_to(layer.p["threshold"], (layer.layer.units,))[0]
    bias = np.array(problem.parameters["layers.0.b"])
    # the bias may be scaled on its way by a gain that is a power of two, or pass a rectifier that is closed
    for gain in (1, 2, 4):
        moved = bias.copy()
        moved[0] += gain * (threshold - layer.now["v"][0, 0, 0])
        found = replace(problem, parameters={**problem.parameters, "layers.0.b": moved})
        if record(found.network, found.parameters, found.inputs).layers[0].now["v"][0, 0, 0] == threshold:
            return found
    return problem


def _in_field(
    network: Network, shapes: dict[str, tuple[int, ...]], numbers: PrimeField, size: tuple[int, int]
) -> Problem:
    rng = np.random.default_rng(numbers.seed)
    return Problem(
        network,
        {name: numbers.draw(rng, shape) for name, shape in network.shapes().items()},
        numbers.draw(rng, (*size, network.layers[0].inputs)),
        numbers.draw(rng, (*size, network.layers[-1].units)),
        {name: numbers.draw(rng, shape) for name, shape in shapes.items()},
        numbers,
    )
