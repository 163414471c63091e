"""Whether a problem tests anything: silent networks, dead pseudo-derivatives and zero gradients prove nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcert.properties.evaluation.evaluate import row
from gradcert.properties.numbers import Dyadics, PrimeField
from gradcert.reference import Edge, GradcertError, Rule
from gradcert.reference.engines import LayerTape, record
from gradcert.reference.networks import Problem


def why_vacuous(problem: Problem, rule: Rule) -> str | None:
    """Return the reason why a problem says nothing about a rule, or None (traps T123, T125).

    Every spiking layer has to spike at some steps and be silent at others, every pseudo-derivative must be non-zero
    somewhere, and the rule's gradient of every layer's input weights must be non-zero.
    """
    if not isinstance(problem.numbers, PrimeField):
        with np.errstate(all="ignore"):
            tape = record(problem.network, problem.parameters, problem.inputs, numbers=problem.numbers)
        for i, layer in enumerate(tape.layers):
            if reason := _silent(layer):
                return f"layer {i}: {reason}"
    with np.errstate(all="ignore"):  # what overflows is refused below
        gradients = row(problem, rule)
    for name, gradient in gradients.items():
        if name.split(".")[-1].startswith("W") and not (gradient != 0).any():
            return f"the gradient of {name} is zero"
        if gradient.dtype.kind == "f" and not np.isfinite(gradient).all():
            return f"the gradient of {name} overflows"
    return None


def _silent(tape: LayerTape) -> str | None:
    spiking = hasattr(tape.layer.cell, "surrogate")
    if not spiking:
        return None
    z = tape.now["z"]
    if not (z != 0).any():
        return "no spike"
    return "a spike at every step" if (z != 0).all() else None


def edges_that_matter(problem: Problem, rule: Rule) -> frozenset[Edge]:
    """Return the kept edges of the parameter's own layer without which the gradient would be another one.

    Examples
    --------
    >>> from gradcert.reference import RULES, Layer, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    >>> problem = Problem(network, network.parameters(), np.ones((4, 1, 2)), np.zeros((4, 1, 3)))
    >>> [edge.value for edge in edges_that_matter(problem, RULES["ostl"])]
    ['recurrent']
    """
    if rule.reach is not None:
        rule = replace(rule, reach=None)
    full = row(problem, rule)
    labels = {k.edge for layer in problem.network.layers for k in layer.cell.links if k.lag}
    out = set()
    for edge in rule.own & labels:
        cut = row(problem, replace(rule, own=rule.own - {edge}))
        if any((full[name] != cut[name]).any() for name in full):
            out.add(edge)
    return frozenset(out)


def bits_needed(problem: Problem, rule: Rule) -> int:
    """Return the significand in which both engines compute this row without a single rounding.

    A problem that is not dyadic needs more bits than any float has.
    """
    numbers = Dyadics()
    try:
        exact = problem.in_numbers(numbers)
        row(exact, rule)
        if rule.reach is None:
            row(exact, rule, engine="forward")
    except GradcertError:
        return 10**6
    return numbers.bits
