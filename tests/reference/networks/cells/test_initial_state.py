"""A sequence may be cut anywhere: from the nodes of its last step it goes on as it would have gone on."""

import numpy as np
import pytest
from balls import BALLS, BITS, agree, precision
from cell_nets import CELLS, problem, stack

from gradcert.reference import FLOAT64, record
from gradcert.reference.networks.cells import CELLS as REGISTERED


def last(tape):
    return {f"layers.{i}.{node}": v[-1] for i, layer in enumerate(tape.layers) for node, v in layer.now.items()}


def test_every_registered_cell_with_options_is_here():
    assert {cell.name for cell in CELLS.values()} >= set(REGISTERED) - {"rnn", "snu", "ssnu"}


@pytest.mark.parametrize("name", CELLS)
def test_a_sequence_goes_on_from_where_it_was_cut(name):
    """With every option of the cells, and with everything trained that can be: nothing of the state may be left out."""
    case = problem(stack(name, 1), steps=4)
    with precision(BITS):
        whole = record(case.network, case.parameters, case.inputs, numbers=BALLS)
        first = record(case.network, case.parameters, case.inputs[:2], numbers=BALLS)
        rest = record(case.network, case.parameters, case.inputs[2:], numbers=BALLS, initial=last(first))
        alone = record(case.network, case.parameters, case.inputs[2:], numbers=BALLS)
        for a, b in zip(whole.layers, rest.layers, strict=True):
            assert all(agree(a.now[node][2:], b.now[node]) for node in a.now)
        # and the state matters: from rest it would have been another sequence
        assert not all(agree(alone.layers[0].now[node], rest.layers[0].now[node]) for node in alone.layers[0].now)


@pytest.mark.parametrize("name", CELLS)
def test_floats_go_on_as_the_balls_do(name):
    """The shared histories of floats are another path through the code than those of objects."""
    case = problem(stack(name, 1), steps=4, numbers=FLOAT64)
    first = record(case.network, case.parameters, case.inputs[:2])
    rest = record(case.network, case.parameters, case.inputs[2:], initial=last(first))
    for layer, before in zip(rest.layers, first.layers, strict=True):
        for node, values in layer.prev.items():
            assert np.array_equal(values[0], before.now[node][-1]), node
