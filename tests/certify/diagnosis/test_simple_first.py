"""The simplest true cause is named: a factor on everything, a factor on a kept edge; and where a factor comes from."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis.direct.transformations import FACTORS, READINGS
from gradcert.certify.diagnosis.unrolled import Edit, edited, on_floats
from gradcert.reference import RULES, Edge, reverse


def gradient(problem, rule="ostl"):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES[rule])


def reason(subject, **claimed):
    return certify(subject, claim=Claim(**{"rule": "ostl", "cells": "snu", **claimed}), profile="quick").reason


def times(factor, part=""):
    return lambda problem: {k: g * (factor if k.endswith(part) else 1) for k, g in gradient(problem).items()}


def counted(edge, factor, *, below=True):
    """OSTL whose every path along the edges of a label is multiplied by a factor, one for each edge."""

    def edit(graph, tape, whole):
        return graph.arcs_as(lambda a: replace(a, factor=a.factor * factor) if a.origin.edge == edge else a)

    change = Edit(own=edit, down=edit if below else None)
    return lambda problem: edited(on_floats(problem, RULES["ostl"]), change)


@pytest.mark.parametrize(
    ("edge", "factor", "depths", "shown"),
    [
        (Edge.RECURRENT, 0.5, 1, "1/2"),
        (Edge.RECURRENT, 0.5, (1, 2), "1/2"),
        (Edge.RECURRENT, 2.0, 1, "2"),
        (Edge.STATE, -1.0, 1, "-1"),
        (Edge.STATE, 8 / 9, 1, "8/9"),
        (Edge.RECURRENT, 0.3, 1, "0.3"),
        (Edge.RESET, -2.5, 1, "-2.5"),
    ],
)
def test_a_kept_edge_with_a_factor(edge, factor, depths, shown):
    found = reason(counted(edge, factor), depths=depths)
    assert f"it equals ostl with the {edge.name} edge times {shown}" in found


def test_a_factor_on_an_edge_of_a_wrong_sum_is_no_cause():
    """With one entry of a thousandth more, no factor makes what was given."""

    def spoiled(problem):
        out = counted(Edge.RECURRENT, 0.3)(problem)
        return {k: g * (1 + 2.0**-10 * (k == "layers.0.W")) for k, g in out.items()}

    assert "layers.0.W: equals" not in reason(spoiled, depths=1, losses="squared_error", when="every")


@pytest.mark.parametrize("factor", [0.01, 3.7, -0.25, 1 / 3])
def test_one_factor_on_all_gradients_is_called_so(factor):
    found = reason(times(factor), depths=1)
    assert f"it equals ostl times {factor:.6g}" in found
    assert "weighed" not in found


def test_steps_weighed_alike_are_not_weighed():
    """The bias of every case with one factor, which weights of steps that are alike would give as well."""
    found = reason(times(0.01), depths=1, losses="squared_error", when="every")
    assert "it equals ostl times 0.01" in found


@pytest.mark.parametrize("factor", [1.001, 1.5, 0.9])
def test_a_factor_on_one_gradient_is_no_pseudo_derivative_of_it(factor):
    """Psi acts on the weights as well, and those are right."""

    def subject(problem):
        return {k: g * (factor if k.endswith("b") else 1) for k, g in gradient(problem, "sltt").items()}

    found = reason(subject, rule="sltt", depths=1)
    assert found == f"gradient: layers.0.b: equals sltt times {factor:g}; the rest is as claimed"


def test_a_mean_that_is_taken_twice():
    def subject(problem):
        return {k: g / problem.inputs.shape[1] ** 2 for k, g in gradient(problem, "sltt").items()}

    said = "it equals sltt divided by the square of B, as of a mean over the batch that is taken twice"
    assert reason(subject, rule="sltt") == f"gradient: {said}"


AS_OF = ", as of a squared error without its 1/2"


@pytest.mark.parametrize(
    ("losses", "part", "said"),
    [
        ("squared_error", "", f"it equals ostl times 2{AS_OF}"),
        ("cross_entropy", "", "it equals ostl times 2"),
        (("squared_error", "cross_entropy"), "", "it equals ostl times 2"),
        ("squared_error", "b", "layers.0.b: equals ostl times 2"),
    ],
)
def test_where_a_factor_comes_from_is_said_of_the_loss_that_it_can_be_true_of(losses, part, said):
    found = reason(times(2, part), depths=1, losses=losses)
    assert said in found
    assert (AS_OF in found) == (AS_OF in said)


def test_of_another_row_the_factor_is_not_the_whole_explanation():
    def subject(problem):
        return {k: 2 * g for k, g in gradient(problem, "sltt").items()}

    found = reason(subject, depths=1, losses="squared_error")
    assert "it equals sltt times 2" in found and AS_OF not in found


def test_readings_are_of_factors():
    assert set(READINGS) <= set(FACTORS)


def test_of_the_layers_below_it_is_said_below_what():
    def subject(problem):
        out = gradient(problem)
        return {k: 2 * g if problem.network.depth > 1 and k.startswith("layers.0.") else g for k, g in out.items()}

    found = reason(subject, depths=(1, 2))
    assert "of the layers below the last hidden one: equals ostl times 2; the rest is as claimed" in found


def test_zeros_on_the_diagonal_of_the_lateral_weights():
    def subject(problem):
        out = gradient(problem)
        return {k: g - np.diag(np.diag(g)) if k.endswith("H") else g for k, g in out.items()}

    assert "layers.0.H: equals ostl, zeros on the diagonal of the gradient" in reason(subject, depths=1)


def test_a_case_of_more_steps_than_entries_says_nothing_of_the_weights_of_steps():
    """A loss weighed by the time since the beginning; among the circumstances are sequences of two dozen steps."""

    def subject(problem):
        bench = on_floats(problem, RULES["ostl"])
        weights = np.minimum(1, 0.25 * (1 + np.arange(bench.steps)))[:, None, None]
        return edited(bench, Edit(error=lambda delta, _: delta * weights))

    found = certify(subject, claim=Claim(rule="ostl", cells="snu", depths=1, losses="squared_error", when="every"))
    assert "it equals ostl with the steps of the loss weighed by 0.25, 0.5, 0.75, 1" in found.reason
