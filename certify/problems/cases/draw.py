"""What the families share: a network of the claim's cells, its sizes, targets, a problem in the claim's dtype."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from gradcert.certify.claims import Claim, about, activity_of, graph_of, local_of, usual_sizes
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.given import QUIET, named, with_given
from gradcert.certify.problems.cases.graphs import draw_graph, latest
from gradcert.certify.problems.cases.options import CONTINUOUS, option_value, stack
from gradcert.certify.problems.cases.owners import owners
from gradcert.reference.networks import Layer, Loss, Network, Problem, cell_named, cell_with
from gradcert.reference.numbers import Array, held
from gradcert.reference.published import Algorithm, Claimed
from gradcert.reference.rules import feedback_shapes

SIZES = {1: (3, 4), 2: (3, 4, 2), 3: (3, 2, 4, 2)}  # no layer is square, and no layer is like the next
WIDE = {1: (3, 5), 2: (3, 5, 4), 3: (3, 4, 6, 5)}  # normalised, the difference of two units is all but a sign
APART = 0.06  # of two decays that would be one


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


def latency(claim: Claim, spec: Spec) -> int:
    """Return how many steps an input needs, at least, to reach the output of the network of a spec."""
    cells = [cell_with(kind, options) for kind, options in stack(claim, spec.cell, spec.depth, spec.turn)]
    if claim.network:
        names = [p["name"] for p in claim.network["populations"]]
        graph = graph_of(claim.network, dict(zip(names, cells, strict=True)), usual_sizes(claim.network))
        return max(0, latest(graph) - 1)  # what comes one step late is in every case, as lateral connections are
    return sum(map(_delay, cells))


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


NORMALISED = 16.0  # times, of weights from below under layer normalisation where digits are few


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
    graph = draw_graph(claim, spec.turn, family, rng) if claim.network else None
    layers = () if graph is not None else _layers(spec, claim, family, rng)
    loss = Loss(
        kind=spec.loss,
        when=spec.when,
        time=claim.time,
        batch=claim.batch,
        outputs=claim.outputs,
        node=claim.node,
        level=claim.level,
        activity=activity_of(claim, spec.depth, graph),
        local=local_of(claim, graph),
    )
    network = Network(layers=layers, graph=graph, loss=loss)
    inputs = family.signal((family.steps, family.batch, network.inputs), rng)
    inputs = (inputs > 0.5).astype(float) if claim.inputs == "spikes" else inputs
    problem = Problem(
        id=spec.id,
        format=claim.dtype,
        network=network,
        parameters={name: _as(claim, v) for name, v in _parameters(network, claim, family, scale, rng).items()},
        inputs=_as(claim, inputs),
        targets=_as(claim, _targets(network, claim, family, rng)),
        feedback={
            name: _as(claim, family.weight(s, s[0], 1.0, rng)) for name, s in feedback_shapes(network, rule).items()
        },
    )
    readouts = _readouts(network, rule, family, rng)
    if readouts:
        problem = replace(problem, readouts={name: _as(claim, value) for name, value in readouts.items()})
    if isinstance(rule, Algorithm):
        drawn = rule.drawn(network, problem.inputs.shape[:2], rng)
        problem = replace(problem, drawn=drawn, settings=rule.settings)
    if named(claim):
        row = QUIET if spec.family == "long" else getattr(family, "row", {})
        problem = with_given(problem, claim, row, rng, exact=spec.family == "dyadic", turn=spec.turn + spec.index)
    wanted, untrained = about(claim, problem.gradient_names)
    return replace(problem, wanted=wanted, untrained=untrained)


def _readouts(network: Network, rule: Claimed, family: Family, rng: np.random.Generator) -> dict[str, Array]:
    """Draw the fixed readouts of auxiliary losses; a rule with local feedback has matrices of its own."""
    own = network.loss.local if rule.feedback != "local" else ()
    hidden = [(m, layer) for m, layer in enumerate(network.layers[:-1]) if any(one.about(m) for one in own)]
    outputs = network.layers[-1].units
    return {layer.owner(m): family.weight((outputs, layer.units), outputs, 1.0, rng) for m, layer in hidden}


def _layers(spec: Spec, claim: Claim, family: Family, rng: np.random.Generator) -> tuple[Layer, ...]:
    """Draw the layers of a stack, its readout included."""
    sizes = (getattr(family, "sizes", None) or SIZES).get(spec.depth) or tuple(
        3 + (i % 2) - 2 * (i == spec.depth) for i in range(spec.depth + 1)
    )
    layers = []
    plan = stack(claim, spec.cell, spec.depth, spec.turn)
    if any(options.get("normalised") for _, options in plan) and not getattr(family, "sizes", None):
        sizes = WIDE.get(spec.depth, sizes)
    if any(getattr(kind, "square", False) for kind, _ in plan):
        sizes = (sizes[1],) * len(sizes)  # an input that is read without weights has as many units
    for (kind, options), (below, units) in zip(plan, pairwise(sizes), strict=True):
        own = {f.name for f in fields(kind)}
        constants = {
            name: family.constant(name, rng, spiking="surrogate" in own)
            for name in CONTINUOUS
            if name in own and name not in options
        }
        layers.append(Layer(cell_with(kind, {**options, **constants}), inputs=below, units=units))
    if claim.readout is not None:
        # not like the layer below; a power of two where a mean over outputs has to be exact
        outputs = 2 if sizes[-1] != 2 else 4 if spec.family == "dyadic" else 3
        outputs = claim.sizes[-1] if claim.sizes else outputs
        layers.append(Layer(_readout(claim, family, rng, layers), inputs=sizes[-1], units=outputs))
    return tuple(layers)


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
    options = {k: option_value(k, v) for k, v in options.items()}
    for name in CONTINUOUS:
        if name in own and name not in options:
            value = family.constant(name, rng, spiking="surrogate" in own)
            apart = name in DECAYS and value in taken and APART < value < 0.99 and value != 0.5  # extremes stay so
            options[name] = round(value - APART, 2) if apart else value
    return cell_with(kind, options)


def _parameters(
    network: Network, claim: Claim, family: Family, scale: float, rng: np.random.Generator
) -> dict[str, Array]:
    out: dict[str, Array] = {}
    # layer normalisation multiplies what comes back over lateral weights by 1 / deviation, step by step: budgets of few
    # digits grow with it. What comes from below makes the deviation, and is itself the same at any scale.
    below = 1.0 if claim.dtype == "float64" else NORMALISED
    for owner in owners(network):
        layer, cell = network.layers[owner.layer], owner.cell
        constants = cell.constants()
        lateral = {owner.prefix + link.weight for link in cell.links if link.weight is not None and link.lag}
        weights = {link.weight for link in layer.cell.links}
        lateral |= {link.weight for link in layer.cell.links if link.weight is not None and link.lag}
        for name, shape in owner.shapes(layer).items():
            local, full = owner.prefix + name, f"{owner.name}.{name}"
            if name in constants:
                values = [family.constant(name, rng, spiking=spiking(cell)) for _ in range(shape[0])]
                out[full] = np.array(values)
            elif local not in weights:
                out[full] = family.vector(shape, scale, rng)
            else:
                own = min(scale, 1.5) if local in lateral else scale
                own *= below if getattr(cell, "mixed", ()) and local not in lateral else 1.0
                out[full] = family.weight(shape, layer.synapse(local).columns, own, rng)
    return {name: out[name] for name in network.shapes()}


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
