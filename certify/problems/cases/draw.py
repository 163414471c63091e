"""What the families share: the cells of a claim with their options, sizes, targets, a problem in the claim's dtype."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from gradcert.certify.claims import Claim, about, local_of, of_layer
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.given import QUIET, activity_of, named, with_given
from gradcert.reference.networks import Layer, Loss, Network, Problem, cell_named
from gradcert.reference.numbers import Array, held, surrogate_from
from gradcert.reference.published import Algorithm, Claimed
from gradcert.reference.rules import feedback_shapes

SIZES = {1: (3, 4), 2: (3, 4, 2), 3: (3, 2, 4, 2)}  # no layer is square, and no layer is like the next
APART = 0.06  # of two decays that would be one
CONTINUOUS = (*DECAYS, "threshold", "beta")  # drawn for each layer, unless the claim fixes them


class Family(Protocol):
    """How a family draws its numbers; made anew for every attempt, so that it may try another grain."""

    steps: int
    batch: int
    sizes: Any  # depth -> inputs and units of every layer; the usual ones where there is no such attribute

    def __init__(self, claim: Claim, least_steps: int, attempt: int = 0) -> None: ...

    @staticmethod
    def applies(claim: Claim, cell: str, turn: int = 0) -> bool:
        """Return whether the family makes sense for a cell with the turn-th of the claim's alternatives."""
        ...

    @staticmethod
    def may_be_exact(cell: Any) -> bool:
        """Return whether gradients of the cell can be exact in this family."""
        ...

    def constant(self, name: str, rng: np.random.Generator, *, spiking: bool) -> float:
        """Return a decay, a threshold or another constant."""
        ...

    def weight(self, shape: tuple[int, ...], columns: int, scale: float, rng: np.random.Generator) -> Array:
        """Return a weight matrix."""
        ...

    def vector(self, shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Array:
        """Return biases."""
        ...

    def signal(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return inputs, targets or feedback."""
        ...


@dataclass(frozen=True)
class Cells:
    """What a claim says about one cell: its alternatives and its fixed options."""

    name: str
    fixed: Mapping[str, Any]
    alternatives: Mapping[str, tuple[Any, ...]]


def cell_options(claim: Claim, cell: str) -> Cells:
    """Return the options of a claim that this cell has; a list names alternatives (`Claim`)."""
    known = {f.name for f in fields(cell_named(cell))}
    given = {k: v for k, v in claim.options.items() if k in known}
    many = {k: tuple(v) for k, v in given.items() if isinstance(v, (list, tuple)) and not _names(k, v)}
    fixed = {k: v for k, v in given.items() if k not in many}
    return Cells(cell, {k: _option(k, v) for k, v in fixed.items()}, many)


def _names(option: str, value: Any) -> bool:
    """Return whether a list is one value, the names of the trained parameters, rather than alternatives."""
    return option == "train" and all(isinstance(v, str) for v in value)


def turns(claim: Claim, cell: str) -> int:
    """Return after how many turns every alternative of a cell, or of layers that differ, has been taken."""
    if claim.layers:
        return math.lcm(*(turns(of_layer(claim, layer), layer["cell"]) for layer in claim.layers))
    return math.lcm(*(len(values) for values in cell_options(claim, cell).alternatives.values()))


def stack(claim: Claim, cell: str, depth: int, turn: int) -> list[tuple[Any, dict[str, Any]]]:
    """Return the cell class and the options of every layer of a stack, a readout left out.

    Examples
    --------
    >>> claim = Claim(rule="bptt", layers=[{"cell": "lif", "options": {"recurrent": True}}, "rnn"])
    >>> [(kind.name, options) for kind, options in stack(claim, claim.stacks[0], 2, 0)]
    [('lif', {'recurrent': True}), ('rnn', {})]
    """
    if claim.layers:
        return [stack(of_layer(claim, layer), layer["cell"], 1, turn)[0] for layer in claim.layers]
    return [(cell_named(cell), chosen_options(claim, cell, turn))] * depth


def cells_of(claim: Claim, cell: str) -> list[Any]:
    """Return the cells of a stack, with default options: one, unless its layers differ."""
    return [kind() for kind, _ in stack(claim, cell, 1, 0)]


def chosen_options(claim: Claim, cell: str, turn: int) -> dict[str, Any]:
    """Return the options for the turn-th case of a cell."""
    what = cell_options(claim, cell)
    out = dict(what.fixed)
    for name, values in sorted(what.alternatives.items()):
        out[name] = _option(name, values[turn % len(values)])
    return out


def _option(name: str, value: Any) -> Any:
    """Return the value of an option as its cell takes it."""
    return surrogate_from(value) if name == "surrogate" else tuple(value) if name == "train" else value


def latency(claim: Claim, spec: Spec) -> int:
    """Return how many steps an input needs, at least, to reach the output of the network of a spec."""
    return sum(_delay(kind(**options)) for kind, options in stack(claim, spec.cell, spec.depth, spec.turn))


def _delay(cell: Any) -> int:
    """Return the fewest steps from a cell's input to its output.

    Examples
    --------
    >>> from gradcert.reference.networks import Lif
    >>> _delay(Lif())
    0
    """
    least = {"x": 0}
    for _ in cell.nodes:
        for link in cell.links:
            if link.source in least:
                least[link.target] = min(least.get(link.target, 1 << 20), least[link.source] + link.lag)
    return least.get("z", 0)


def spiking(cell: Any) -> bool:
    """Return whether a cell's output is a spike."""
    return hasattr(cell, "surrogate")


def draw(spec: Spec, claim: Claim, rule: Claimed, family: Family, rng: np.random.Generator, *, scale: float) -> Problem:
    """Draw a problem.

    Parameters
    ----------
    scale : of the weights; larger scales make more spikes.
    """
    _allow(family, claim)
    sizes = (getattr(family, "sizes", None) or SIZES).get(spec.depth) or tuple(
        3 + (i % 2) - 2 * (i == spec.depth) for i in range(spec.depth + 1)
    )
    layers = []
    if any(getattr(kind, "square", False) for kind, _ in stack(claim, spec.cell, spec.depth, spec.turn)):
        sizes = (sizes[1],) * len(sizes)  # an input that is read without weights has as many units
    for (kind, options), (below, units) in zip(
        stack(claim, spec.cell, spec.depth, spec.turn), pairwise(sizes), strict=True
    ):
        own = {f.name for f in fields(kind)}
        constants = {
            name: family.constant(name, rng, spiking="surrogate" in own)
            for name in CONTINUOUS
            if name in own and name not in options
        }
        layers.append(Layer(kind(**options, **constants), inputs=below, units=units))
    if claim.readout is not None:
        # not like the layer below; a power of two where a mean over outputs has to be exact
        outputs = 2 if sizes[-1] != 2 else 4 if spec.family == "dyadic" else 3
        outputs = claim.sizes[-1] if claim.sizes else outputs
        layers.append(Layer(_readout(claim, family, rng, layers), inputs=sizes[-1], units=outputs))
    loss = Loss(
        kind=spec.loss,
        when=spec.when,
        time=claim.time,
        batch=claim.batch,
        outputs=claim.outputs,
        node=claim.node,
        level=claim.level,
        activity=activity_of(claim, spec.depth),
        local=local_of(claim),
    )
    network = Network(layers=tuple(layers), loss=loss)
    inputs = family.signal((family.steps, family.batch, sizes[0]), rng)
    inputs = (inputs > 0.5).astype(float) if claim.inputs == "spikes" else inputs
    problem = Problem(
        id=spec.id,
        format=claim.dtype,
        network=network,
        parameters={name: _as(claim, v) for name, v in _parameters(network, family, scale, rng).items()},
        inputs=_as(claim, inputs),
        targets=_as(claim, _targets(network, claim, family, rng)),
        feedback={
            name: _as(claim, family.weight(s, s[0], 1.0, rng)) for name, s in feedback_shapes(network, rule).items()
        },
    )
    if isinstance(rule, Algorithm):
        drawn = rule.drawn(network, problem.inputs.shape[:2], rng)
        problem = replace(problem, drawn=drawn, settings=rule.settings)
    if named(claim):
        row = QUIET if spec.family == "long" else getattr(family, "row", {})
        problem = with_given(problem, claim, row, rng, exact=spec.family == "dyadic", turn=spec.turn + spec.index)
    wanted, untrained = about(claim, problem.gradient_names)
    return replace(problem, wanted=wanted, untrained=untrained)


def _allow(family: Family, claim: Claim) -> None:
    """Move a family's length and batch to such as the claim does not rule out."""
    lengths, batches = claim.without.get("T", ()), claim.without.get("B", ())

    def level(steps: int) -> str:
        return str(steps) if steps <= 2 else "odd" if steps % 2 else "even"

    if claim.sizes:
        widths = claim.sizes[:-1] if claim.readout is not None else claim.sizes
        family.sizes = {len(widths) - 1: widths}
    while level(family.steps) in lengths or (family.steps >= 100 and "hundreds" in lengths):
        family.steps += 1 if family.steps < 99 else -51
    family.steps = claim.T or family.steps
    family.batch = claim.B or next(
        (b for b in (family.batch, 3, 2, 1) if (str(b) if b <= 2 else "more") not in batches), family.batch
    )


def _readout(claim: Claim, family: Family, rng: np.random.Generator, below: list[Layer]) -> Any:
    """Return the readout's cell; where numbers are free, its decays are not those of a layer below.

    Else a trace that is filtered with the decay of another layer would be the right one.
    """
    taken = {layer.cell.constants().get(name) for layer in below for name in DECAYS}
    kind: Any = cell_named(str(claim.readout))
    own = {f.name for f in fields(kind)}
    plain = {"recurrent": False, "activation": "identity"}
    options = {**{k: v for k, v in plain.items() if k in own}, **claim.readout_options}
    options = {k: _option(k, v) for k, v in options.items()}
    for name in CONTINUOUS:
        if name in own and name not in options:
            value = family.constant(name, rng, spiking="surrogate" in own)
            apart = name in DECAYS and value in taken and APART < value < 0.99 and value != 0.5  # extremes stay so
            options[name] = round(value - APART, 2) if apart else value
    return kind(**options)


def _parameters(network: Network, family: Family, scale: float, rng: np.random.Generator) -> dict[str, Array]:
    out: dict[str, Array] = {}
    for i, layer in enumerate(network.layers):
        constants, cell = layer.cell.constants(), layer.cell
        lateral = {link.weight for link in cell.links if link.weight is not None and link.lag}
        for name, shape in layer.shapes().items():
            if name in constants:
                values = [family.constant(name, rng, spiking=spiking(cell)) for _ in range(layer.units)]
                out[f"layers.{i}.{name}"] = np.array(values)
            elif len(shape) == 1:
                out[f"layers.{i}.{name}"] = family.vector(shape, scale, rng)
            else:
                own = min(scale, 1.5) if name in lateral else scale
                out[f"layers.{i}.{name}"] = family.weight(shape, layer.synapse(name).columns, own, rng)
    return out


def _targets(network: Network, claim: Claim, family: Family, rng: np.random.Generator) -> Array:
    shape = (family.steps, family.batch, network.layers[-1].units)
    kind = claim.targets or {"cross_entropy": "one-hot", "bernoulli": "bits"}.get(str(network.loss.kind), "real")
    if kind == "real":
        return getattr(family, "target", family.signal)(shape, rng)
    if kind == "bits":
        return (family.signal(shape, rng) > 0.5).astype(float)
    labels = rng.integers(0, shape[2], shape[:2])
    labels[:] = labels[0] if kind == "classes" else labels
    return np.eye(shape[2])[labels]


def _as(claim: Claim, values: Array) -> Array:
    return np.ascontiguousarray(held(values, claim.dtype))
