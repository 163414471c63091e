"""Steps that tell single faults by the next states alone: a fault that random steps miss is met; nothing else is."""

import numpy as np
import pytest

from gradcert.hardware_models.agreement.aimed import aimed_steps
from gradcert.hardware_models.agreement.telling import after, columns_after, told_by, untold
from gradcert.hardware_models.agreement.variants import variants
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.description.ranges import can_overflow
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.subject import steps_of

STEPS = 200


@pytest.fixture(scope="module")
def described():
    """A learner in 8 bits, whose weights move by less than their last place on most steps."""
    return program("q-format", "ottt", inputs=2, neurons=2, outputs=1)


@pytest.fixture(scope="module")
def leaves(described):
    return steps_of(described, STEPS, 0)


def test_a_fault_that_random_steps_miss_is_told_by_those_added(described, leaves):
    drawn = {name: column[:STEPS] for name, column in leaves.items()}
    following = list(described.next.values())
    missed, left = untold(described, drawn, following), untold(described, leaves, following)
    floor = "rounding sense: credit rounds down instead of nearest, ties to even"
    assert floor in map(str, missed)
    assert floor not in map(str, left)
    assert set(map(str, left)) < set(map(str, missed))
    # a comparison differs on an equality alone: random steps miss most, added steps none, nor an edge off by one
    assert {v.place for v in missed if v.kind == "comparison"}
    assert not [str(v) for v in left if v.kind in ("comparison", "constant")]


def test_roundings_that_are_rounded_once_more_are_told(described, leaves):
    """A product is rounded to 14 bits below a weight's last place: floor there moves a weight in one of 10^5 steps."""
    left = set(map(str, untold(described, leaves, list(described.next.values()))))
    for place in ("W.product", "signal", "Wo.step", "credit"):
        assert f"rounding sense: {place} rounds down instead of nearest, ties to even" not in left


def test_saturation_at_equal_sizes_is_a_variant_of_its_own(described, leaves):
    (found,) = [v for v in variants(described) if v.kind == "other guard" and v.place == "W.next"]
    assert found.says == "saturates at equal sizes, -high and high, instead of saturating"
    right, wrong = after(described, leaves)[0], after(found.program, leaves)[0]
    apart = right["W.next"] != wrong["W.next"]
    assert apart.any() and set(right["W.next"][apart]) == {-128} and set(wrong["W.next"][apart]) == {-127}


def test_a_comparison_is_aimed_at_from_both_sides(described):
    found = aimed_steps(described, "psi.above3", seed=0, tried=64)
    columns, _ = columns_after(described, found)
    edge = described.node("psi.edge3").stored[0]
    near = np.stack([columns[f"distance[{i}]"] - edge for i in range(2)])
    assert set(near[np.abs(near) <= 1]) == {-1, 0, 1}
    assert (np.abs(near).min(axis=0) <= 1).all()


def test_what_interval_arithmetic_excludes_never_overflows_and_the_rest_can(described, leaves):
    possible = can_overflow(described)
    assert {"v.next", "W.next"} <= set(possible) < {n.name for n in described.operations}
    assert set(after(described, leaves)[1]) <= set(possible)


def test_added_steps_are_steps_of_the_description(described, leaves):
    columns, _ = columns_after(described, leaves)
    simulator = Simulator(described)
    for t in range(STEPS, len(leaves["x"])):
        simulator.state = {n.name: leaves[n.name][t] for n in described.of_kind("state")}
        for node in described.of_kind("state", "input", "random"):
            low, high = node.bounds
            assert ((low <= leaves[node.name][t]) & (leaves[node.name][t] <= high)).all()
        after = simulator.step({n.name: leaves[n.name][t] for n in described.of_kind("input", "random")})
        assert (after["v.next"] == [columns[f"v.next[{i}]"][t] for i in range(2)]).all()


def test_what_is_told_is_what_differs(described):
    leaves = {name: column[:20] for name, column in steps_of(described, 20, 3).items()}
    variant = next(v for v in variants(described) if v.place == "v.leaked" and "down" in v.says)
    ((_, told),) = told_by(described, leaves, ["v.leaked"], [variant])
    right, _ = columns_after(described, leaves)
    wrong, _ = columns_after(variant.program, leaves)
    assert (told == np.any([right[f"v.leaked[{i}]"] != wrong[f"v.leaked[{i}]"] for i in range(2)], axis=0)).all()
    assert told.any()
    assert not told.all()
