"""What a claim of an algorithm that is no row can say, tried on a small network before anything is asked."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np

from gradcert.certify.claims.trial import try_rule
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Graph, Layer, Loss, Network, Problem, cell_named, cell_with, option_names
from gradcert.reference.numbers import Surrogate
from gradcert.reference.published import Algorithm, Claimed

STEPS = 3  # of the trial, at least


def check_algorithm(claim: Any, found: Algorithm) -> None:
    """Raise unless an algorithm is defined for the stacks of a claim, with its settings, and can be judged as claimed.

    Raises
    ------
    GradcertError : the algorithm's own, for what it does not fit.
    """
    arrays = [name for name, there in _optional(claim).items() if there]
    if arrays:
        raise GradcertError(f"{found.name} with {', '.join(arrays)}", allowed="inputs and targets alone")
    if claim.layers and found.kind.name != "rows" and not found.kind.own:
        raise GradcertError(f"{found.name} on a stack whose layers differ", allowed="cells and depths")
    if claim.acceptance == "bounded":
        raise GradcertError(f"a bounded claim of {found.name}", allowed="a row of the rule table: its bound is proven")
    if claim.acceptance == "unbiased" and found.kind.mean is None:
        why = "whose mean is not known in closed form" if found.kind.draw else "which is not random"
        raise GradcertError(f"an unbiased claim of {found.name}, {why}", do="acceptance='exact'")
    if claim.acceptance == "exact" and found.settings.get("normalisers") == "paper":
        raise GradcertError(
            f"an exact claim of {found.name}, whose normalisers are quotients of norms that vanish at first",
            do="acceptance='unbiased', or settings={'normalisers': [1.0, 1.0]}",
        )
    if claim.online:
        raise GradcertError(f"an online claim of {found.name}", allowed="a row of the rule table")
    fewest = len(claim.layers) or min(claim.depths) + (claim.readout is not None)
    if (rows := found.settings.get("rows")) and fewest < len(rows):
        raise GradcertError(f"{found.name} on a stack of {fewest}", allowed=f"{len(rows)} layers or more")
    if claim.T is not None and claim.T < found.least:
        raise GradcertError(f"{found.name} and T={claim.T}", allowed=f"T >= {found.least}")
    for cell in claim.cells:
        for depth in claim.depths:
            tried(claim, claim.claimed, layers=_stack(claim, cell, depth))


def _optional(claim: Any) -> dict[str, bool]:
    given = {"initial values": claim.initial != "zero", "weights of the loss": claim.weights, "begins": claim.begins}
    return {**given, "masks": bool(claim.masks), "activity": bool(claim.activity), "local losses": bool(claim.local)}


def tried(claim: Any, rule: Claimed, *, layers: tuple[Layer, ...] = (), graph: Graph | None = None) -> None:
    """Compute an algorithm once on ones, for every loss of a claim, on a stack or a graph."""
    if not isinstance(rule, Algorithm):
        return
    reduced = {"time": claim.time, "batch": claim.batch, "outputs": claim.outputs, "node": claim.node}
    for kind, when in product(claim.losses, claim.when):
        _tried(rule, Network(layers=layers, graph=graph, loss=Loss(kind=kind, when=when, **reduced)))


def _stack(claim: Any, cell: str, depth: int) -> tuple[Layer, ...]:
    """Return a small stack of a claim."""
    sizes = (3, *(2 + i % 2 for i in range(depth)))
    layers = [Layer(first_cell(cell, claim.options), inputs=a, units=b) for a, b in pairwise(sizes)]
    if claim.readout is not None:
        plain = {"recurrent": False, "activation": "identity"}
        readout = first_cell(claim.readout, {**plain, **claim.readout_options})
        layers.append(Layer(readout, inputs=sizes[-1], units=2))
    return tuple(layers)


def _tried(rule: Algorithm, network: Network) -> None:
    steps, outputs = max(rule.least, STEPS), network.layers[-1].units
    targets = np.zeros((steps, 1, outputs))
    targets[..., 0] = 1.0
    problem = Problem(
        network,
        network.parameters(),
        np.full((steps, 1, network.inputs), 0.9),
        targets,
        feedback={x.matrix_name(i): np.ones((outputs, x.units)) for i, x in enumerate(network.layers[:-1])},
        drawn=rule.drawn(network, (steps, 1), np.random.default_rng(0)),
    )
    with np.errstate(all="ignore"):
        if rule.kind.own:
            try_rule(rule, problem)
        else:
            rule.gradients(problem)


def first_cell(cell: str, options: Any) -> Any:
    """Return a cell with the first of every option's alternatives; what it has not is left out."""
    kind: Any = cell_named(cell)
    own = option_names(kind)
    first = {k: _first(k, v) for k, v in options.items() if k in own}
    return cell_with(kind, first)


def _first(name: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)) and not (name == "train" and all(isinstance(v, str) for v in value)):
        if not value:
            raise GradcertError(f"the option {name}={value!r}", allowed="one alternative or more")
        value = value[0]
    if name == "surrogate" and not isinstance(value, Surrogate):
        return Surrogate(value) if isinstance(value, str) else Surrogate(**value)
    return tuple(value) if isinstance(value, list) else value
