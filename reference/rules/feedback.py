"""Feedback matrices: what a rule with random, direct or target feedback uses in place of transposed weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from gradcert.reference.checks import check_seed
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Edge, Layer, Network
from gradcert.reference.networks.arrays import check_array
from gradcert.reference.numbers import FLOAT64, Array, Numbers
from gradcert.reference.rules.rule import Rule

Feedback = Mapping[str, Array]


class Projecting(Protocol):
    """What has a learning signal: a row, or an algorithm that is none."""

    @property
    def feedback(self) -> str:
        """Where it comes from, as in `Rule`."""
        ...

    @property
    def upper(self) -> frozenset[Edge]:
        """The edges kept above."""
        ...


def feedback_shapes(network: Network, rule: Projecting) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the feedback matrices of a rule.

    ``random``: ``layers.l.B`` replaces the input weight of layer l >= 1 on the way down and has its shape.
    ``direct``, ``target`` and ``local``: ``layers.l.B``, (n_out, units of l), for every layer but the last.

    Examples
    --------
    >>> from gradcert.reference.networks import Rnn
    >>> from gradcert.reference.rules import RULES
    >>> network = Network(layers=(Layer(Rnn(), inputs=3, units=4), Layer(Rnn(), inputs=4, units=2)))
    >>> feedback_shapes(network, RULES["ostl-random"]), feedback_shapes(network, RULES["osttp"])
    ({'layers.1.B': (2, 4)}, {'layers.0.B': (2, 4)})
    """
    if rule.feedback == "random":
        check_random(network, rule)
        shapes = {}
        for i, layer in enumerate(network.layers):
            for link in layer.cell.links:
                if link.source != "x" or link.weight is None or not network.below(i, link.weight):
                    continue
                if shape := layer.synapse(link.weight).shape:
                    shapes[feedback_name(layer, i, link.weight)] = shape
        return shapes
    if rule.feedback in ("direct", "target", "local"):
        n_out = network.layers[-1].units
        return {layer.matrix_name(i): (n_out, layer.units) for i, layer in enumerate(network.layers[:-1])}
    return {}


def check_random(network: Network, rule: Projecting) -> None:
    """Raise where random feedback would have to replace weights that are no layer's input weights."""
    if network.graph is None:
        return
    number = {name: i for i, part in enumerate(network.graph.components()) for name in part}
    for c in network.graph.connections:
        between = c.origin[0] in number and number[c.origin[0]] != number[c.target]
        if between and sum(bool(s.shape) for s in c.chain) > 1:
            raise GradcertError(f"random feedback through the connection {c}", allowed="connections with one weight")
        if between and c.lag and Edge.DELAY in rule.upper:
            raise GradcertError(f"random feedback through the delay {c}", allowed="a rule that keeps no DELAY above")


def feedback_name(layer: Layer, index: int, weight: str) -> str:
    """Return the name of the matrix that replaces an input weight: ``B`` for ``W``, ``B_i`` for a gate's ``W_i``."""
    parts = weight.split(".")  # of a circuit's weight the first is the population
    own = 1 if layer.name == "" else 0
    return layer.full_name(index, ".".join((*parts[:own], f"B{parts[own][1:]}", *parts[own + 1 :])))


def draw_feedback(network: Network, rule: Rule, *, seed: int = 0, numbers: Numbers = FLOAT64) -> dict[str, Array]:
    """Draw the fixed feedback matrices of a rule: normal, standard deviation 1 / sqrt(rows)."""
    rng = np.random.default_rng([check_seed(seed), 0xFEEDBAC])
    shapes = feedback_shapes(network, rule)
    return {name: numbers.array(rng.standard_normal(s) / np.sqrt(s[0])) for name, s in shapes.items()}


def check_feedback(network: Network, rule: Rule, feedback: Feedback | None, numbers: Numbers | None = None) -> Feedback:
    """Return the feedback matrices, or raise if a rule needs some that are missing or misshapen."""
    if not isinstance(rule, Rule):
        raise GradcertError(f"rule={rule!r}", allowed="a row of the rule table", do='rule_named("ostl")')
    given = feedback or {}
    for name, shape in feedback_shapes(network, rule).items():
        if name not in given or np.shape(given[name]) != shape:
            raise GradcertError(
                f"the rule {rule.name!r} needs the feedback matrix {name} of shape {shape}",
                do="pass feedback=draw_feedback(network, rule, seed=0)",
            )
        check_array(name, given[name], shape, numbers)
    return given
