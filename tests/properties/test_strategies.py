"""What is drawn is what the families promise, and none of it is silent."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from gradcert.properties import strategies
from gradcert.properties.evaluation import bits_needed, is_decided, row, why_vacuous
from gradcert.properties.options import exact_cells
from gradcert.reference import CELLS, FLOAT32, RULES, GradcertError

few = settings(max_examples=8, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.mark.parametrize("rule", ["ostl", "osttp", "e-prop-random", "snap-1"])
@few
@given(data=st.data())
def test_exact_problems_are_exact_in_any_engine_and_dtype(rule, data):
    problem = data.draw(strategies.problems(rule=rule, dtype="float32", steps=(2, 3), depth=(1, 1)))
    assert bits_needed(problem, RULES[rule]) <= 24
    single, double = row(problem.in_numbers(FLOAT32), RULES[rule], engine="forward"), row(problem, RULES[rule])
    assert all((single[name] == double[name]).all() for name in double)
    assert why_vacuous(problem, RULES[rule]) is None


@few
@given(strategies.problems(family="bounded"))
def test_bounded_problems_are_decided(problem):
    assert is_decided(problem, RULES["ostl"])
    assert problem.inputs.shape[1] > 1


@settings(few, max_examples=2)
@given(strategies.problems(family="scale", units=(16, 20), inputs=(10, 12), steps=(20, 25), depth=(2, 2)))
def test_scale_problems_are_larger(problem):
    assert problem.inputs.shape[0] >= 20 and problem.network.layers[0].units >= 16


def test_every_cell_is_drawn_without_a_line_of_its_own():
    assert set(exact_cells()) < set(CELLS)
    for name in CELLS:
        problem = find(
            strategies.problems(family="field", cells_from=[name], depth=(1, 1)),
            lambda p: True,
            settings=settings(few, phases=[Phase.generate]),
        )
        assert problem.network.layers[0].cell.name == name


@pytest.mark.long
def test_shrinking_leads_to_one_layer_and_few_steps():
    smallest = find(strategies.problems(rule="ostl", cells_from=["snu"], recurrent=True), lambda p: True, settings=few)
    assert smallest.network.depth == 1
    assert smallest.inputs.shape[:2] == (2, 2)
    assert all(abs(value).max() <= 1 for value in smallest.parameters.values())


def test_shapes_are_not_square_and_thresholds_are_not_one():
    thresholds, square, leaks = set(), 0, set()

    @settings(few, max_examples=30, phases=[Phase.generate])
    @given(strategies.networks(cells_from=["snu"], inputs=(2, 3)))
    def look(network):
        nonlocal square
        for layer in network.layers[:1]:
            square += layer.inputs == layer.units
            thresholds.update(np.atleast_1d(layer.cell.threshold).tolist())
            leaks.add(layer.cell.leak)

    look()
    assert square == 0
    assert len(thresholds - {1.0}) >= 3
    assert any(isinstance(leak, tuple) for leak in leaks)


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(GradcertError, match="family"):
        strategies.losses(family="huge")
    with pytest.raises((GradcertError, NoSuchExample)):
        find(strategies.networks(cells_from=["lstm"], family="exact"), lambda n: True)
