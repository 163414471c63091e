"""What a caller of the cells relies on without naming it: defaults, records that cannot change, lags of 0 and 1."""

import importlib
import pkgutil
import sys
from dataclasses import is_dataclass

import numpy as np
import pytest
from cell_nets import CELLS as VARIANTS

import gradcert.reference
from gradcert.reference import CELLS, GradcertError, Layer, Network, from_dict
from gradcert.reference.networks.cells import cell_named
from gradcert.reference.networks.cells.elsewhere import FOUND
from gradcert.reference.networks.cells.options import check_unit_interval

MULTI_GAUSSIAN = {"name": "multi_gaussian", "scale": 0.5, "sigma": 0.3, "side": 0.15}
TRIANGLE = {"name": "triangle", "scale": 0.3, "width": 1.0}
# as the sources of the cells have them (docstrings; mathematics.md 1)
DEFAULTS = {
    "snu": {"leak": 0.8, "threshold": 1.0, "transfer": "identity", "surrogate": {"name": "tanh"}}
    | {"strict": True, "scaling": "none"},
    "ssnu": {"leak": 0.8, "threshold": 1.0, "transfer": "identity", "output": "sigmoid"},
    "lif": {"leak": 0.9, "threshold": 1.0, "reset": "subtract_before_leak", "reset_value": 0.0, "gain": "one"}
    | {"surrogate": {"name": "sigmoid", "scale": 4.0}, "strict": False, "stored": "pre", "rest": 0.0}
    | {"scaling": "none"},
    "refractory": {"leak": 0.9, "threshold": 1.0, "reset": "subtract_before_leak", "reset_value": 0.0, "gain": "one"}
    | {"surrogate": {"name": "sigmoid", "scale": 4.0}, "strict": False, "stored": "pre", "rest": 0.0}
    | {"scaling": "none", "period": 2},
    "synaptic": {"leak": 0.9, "rho": 0.8, "threshold": 1.0, "order": "new", "reset": "subtract_after_leak"}
    | {"reset_value": 0.0, "gain": "one", "current_gain": "one", "surrogate": {"name": "atan", "scale": 2.0}}
    | {"strict": True, "scaling": "none"},
    "alif": {"leak": 0.9, "threshold": 1.0, "beta": 0.2, "rho": 0.95, "resistance": 1.0, "reset": "threshold"}
    | {"gain": "one", "adaptation_gain": "one", "scaling": "none", "surrogate": TRIANGLE, "strict": True},
    "ltc": {"threshold": 0.1, "beta": 1.8, "surrogate": MULTI_GAUSSIAN, "strict": True, "scaling": "none"},
    "rnn": {"activation": "tanh"},
    "leaky_rnn": {"rate": 0.2, "activation": "tanh"},
    "lstm": {"peepholes": False},
    "gru": {"reset": "after"},
    "integrator": {"kappa": 0.9, "gain": "one"},
}
WITHOUT_H, NEVER_RECURRENT, NEVER_TRAINED = (
    {"lif", "refractory", "synaptic", "alif"},
    {"gru", "integrator"},
    {"rnn", "lstm", "gru"},
)


@pytest.mark.parametrize("name", CELLS)
def test_defaults(name):
    expected = DEFAULTS[name] | {"bias": True}
    if name not in NEVER_RECURRENT:
        expected["recurrent"] = name not in WITHOUT_H
    if name not in NEVER_TRAINED:
        expected["train"] = []
    assert Layer(CELLS[name](), inputs=1, units=1).to_dict()["options"] == expected


def test_records_are_frozen():
    """Rules, cells and activations are dictionary keys and cached: a record that changes would be another key."""
    found = 0
    for module in pkgutil.walk_packages(gradcert.reference.__path__, "gradcert.reference."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and is_dataclass(value) and value.__module__ == module.name:
                assert value.__dataclass_params__.frozen, value
                found += 1
    assert found > 30


@pytest.mark.parametrize("cell", [*VARIANTS.values(), *(kind() for kind in CELLS.values())], ids=lambda c: c.name)
def test_a_link_spans_no_step_or_one(cell):
    """mathematics.md 0.3: one step of the unrolled graph is all that a local derivative knows."""
    assert {link.lag for link in cell.links} <= {0, 1}


CLOSED = {
    "0": 0,
    "1": 1,
    "0.5": 0.5,
    "both": (0.0, 1.0),
    "symbol": object(),
    "numpy": np.float32(1),
    "array": np.eye(2),
}


@pytest.mark.parametrize("value", CLOSED.values(), ids=CLOSED)
def test_the_unit_interval_is_closed_and_examines_floats_alone(value):
    check_unit_interval("leak", value)


OUTSIDE = [
    -0.25,
    1.25,
    True,
    False,
    "0.5",
    (0.5, 1.5),
    (0.5, True),
    np.float32(2),
    np.int64(2),
    np.array([0.5, 2]),
    np.True_,
]


@pytest.mark.parametrize("value", OUTSIDE, ids=repr)
def test_what_is_not_in_the_unit_interval(value):
    with pytest.raises(GradcertError, match="allowed: a number in"):
        check_unit_interval("leak", value)


SOURCE = """
from dataclasses import dataclass

from gradcert.reference.networks import Rnn


@dataclass(frozen=True)
class Mine(Rnn):
    "A cell of somebody else."


class Half:
    nodes = links = uses = ()


calls = Rnn()
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "cells_of_mine.py"
    path.write_text(SOURCE)
    yield path
    for name in [name for name in FOUND if name.startswith(str(path))]:
        del FOUND[name]


def test_a_cell_in_a_file(file):
    name = f"{file}:Mine"
    with pytest.raises(GradcertError, match="nobody has said that it may be run"):
        cell_named(name)
    assert "cells_of_mine" not in str(FOUND)
    cell = cell_named(name, run=True)
    assert (cell.__name__, cell.name) == ("Mine", name)
    assert cell_named(name) is cell  # loaded once
    assert name not in CELLS  # the registry is ours, whatever a program has loaded
    network = Network(layers=(Layer(cell(bias=False), inputs=2, units=3),))
    assert from_dict(network.to_dict()) == network


def test_a_file_that_raises(file):
    """What it says is passed on, its own refusals behind the file's name; nothing of it is left behind."""
    own = ("GradcertError('no')", rf"^{file}: no$")
    for said, reason in (("ValueError('no')", r"running .* raised ValueError: no"), own):
        file.write_text(f"from gradcert.reference import GradcertError\nraise {said}\n")
        with pytest.raises(GradcertError, match=reason):
            cell_named(f"{file}:Mine", run=True)
        assert "gradcert_cell_cells_of_mine" not in sys.modules


def test_a_file_may_ask_for_its_own_cell(file):
    """Half imported, as a script is that describes a network with the cell that it defines."""
    file.write_text(
        f"{SOURCE}\nfrom gradcert.reference.networks.cells import cell_named\n"
        "ITSELF = cell_named(f'{__file__}:Mine', run=True)\n"
    )
    cell = cell_named(f"{file}:Mine", run=True)
    assert sys.modules[cell.__module__].ITSELF is cell


@pytest.mark.parametrize("attribute", ["Half", "calls", "SOURCE", "absent"])
def test_what_is_no_cell(file, attribute):
    """A class with some of the parts, something with all of them that is no class, and something with none."""
    with pytest.raises(GradcertError, match="is no cell"):
        cell_named(f"{file}:{attribute}", run=True)
    assert not any(name.startswith(str(file)) for name in FOUND)


def test_what_is_not_there(file):
    for name, reason in (("lift", "is unknown"), (f"{file}", "is unknown"), (f"{file}.py:Mine", "there is no file")):
        with pytest.raises(GradcertError, match=reason):
            cell_named(name, run=True)
