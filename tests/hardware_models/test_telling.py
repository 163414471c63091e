"""Steps that tell single faults by the next states alone: a fault that random steps miss is met; nothing else is."""

import numpy as np
import pytest

from gradcert.hardware_models.agreement.telling import told_by, untold
from gradcert.hardware_models.agreement.variants import variants
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.description.simulate import Simulator
from gradcert.hardware_models.subject import columns_after, steps_of

STEPS = 200


@pytest.fixture(scope="module")
def described():
    """A learner in 8 bits, whose weights move by less than their last place on most steps."""
    return program("q-format", "ottt", inputs=2, neurons=2, outputs=1)


def test_a_fault_that_random_steps_miss_is_told_by_those_added(described):
    leaves = steps_of(described, STEPS, 0)
    drawn = {name: column[:STEPS] for name, column in leaves.items()}
    following = list(described.next.values())
    missed, left = untold(described, drawn, following), untold(described, leaves, following)
    floor = "rounding sense: credit rounds down instead of nearest, ties to even"
    assert floor in map(str, missed)
    assert floor not in map(str, left)
    assert set(map(str, left)) < set(map(str, missed))


def test_added_steps_are_steps_of_the_description(described):
    leaves = steps_of(described, STEPS, 0)
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
