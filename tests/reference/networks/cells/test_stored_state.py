"""What an implementation of LIF keeps between steps: the membrane potential before or after the reset."""

from dataclasses import replace

import numpy as np
import pytest
from cell_nets import WIDE, problem

from gradcert.reference import FLOAT64, Layer, Network, record
from gradcert.reference.networks.cells import Lif

CELL = Lif(leak=0.75, threshold=0.25, reset_value=-0.5, surrogate=WIDE, recurrent=True)

(RESETS,) = (c.values for c in Lif.conventions if c.option == "reset")


def run(cell):
    case = problem(Network(layers=(Layer(cell, inputs=2, units=4),)), steps=8, batch=3, numbers=FLOAT64)
    layer = record(case.network, case.parameters, case.inputs).layers[0]
    return layer.now, cell.stored_state(layer.p, layer.now)


@pytest.mark.parametrize("reset", RESETS)
def test_after_a_spike_the_reset_has_happened(reset):
    """Case by case, as the words say it; equality is exact, since a spike is 0 or 1."""
    now, kept = run(replace(CELL, reset=reset, stored="post"))
    spiked = now["z"] == 1
    assert spiked.any() and not spiked.all()
    after = {
        "none": now["v"],
        "hard": np.full_like(kept, -0.5),
        "hard_with_input": np.full_like(kept, -0.5),
    }.get(reset, now["v"] - 0.25)
    assert (kept == np.where(spiked, after, now["v"])).all()


@pytest.mark.parametrize("reset", RESETS)
def test_before_it_nothing_has(reset):
    now, kept = run(replace(CELL, reset=reset, stored="pre"))
    assert (kept == now["v"]).all()


@pytest.mark.parametrize("reset", ["subtract_before_leak", "hard", "none"])
def test_the_next_step_leaks_what_is_kept(reset):
    """mathematics.md 1.1, forms A and C: the leak multiplies the potential after the reset, in the same roundings."""
    now, kept = run(replace(CELL, reset=reset, stored="post"))
    assert (now["v"][1:] == 0.75 * kept[:-1] + now["a"][1:]).all()
    if reset != "none":
        assert (now["v"][1:] != 0.75 * now["v"][:-1] + now["a"][1:]).any()
