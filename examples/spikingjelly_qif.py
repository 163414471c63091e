"""SpikingJelly's ``QIFNode`` with a reset value, with the cell of ``library_cells.py``.

Potentials are measured from the reset value -1/8, where the node starts and where a spike takes it::

    h = v + (x + a0 (v - v_rest) (v - v_c)) / tau      spike = [h >= v_threshold]      v = (1 - spike) h + spike v_reset

The reset stays in the graph: full BPTT. With ``detach_reset=True`` it is BPTT without the RESET edge.
"""

import os
from pathlib import Path

from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch.nn import Sequential

import gradcert
from gradcert.adapters.torch import subject

CELLS = os.path.relpath(Path(__file__).with_name("library_cells.py"))
RESET = -0.125
BELOW = {"threshold": ("below 0",)}  # the threshold is above the reset value


def modules(description, **options):
    """Return a linear map and a node."""
    cell = description.cell
    node = neuron.QIFNode(
        1 / cell.rate,
        v_c=cell.critical + RESET,
        a0=cell.gain,
        v_threshold=cell.threshold + RESET,
        v_rest=cell.rest + RESET,
        v_reset=RESET,
        surrogate_function=surrogate.Sigmoid(4.0),
        **options,
    )
    return Sequential(layer.Linear(description.inputs, description.units), node)


@gradcert.claim(rule="bptt", cells=(f"{CELLS}:Qif",), options={"rate": 0.5}, without=BELOW)
@subject(parameters={"0.weight": "W", "0.bias": "b"}, call="step", reset=functional.reset_net)
def gradients(layer):
    """The default: reset in the graph."""
    return modules(layer)


@gradcert.claim(rule="bptt-detached-reset", cells=(f"{CELLS}:Qif",), options={"rate": 0.5}, without=BELOW)
@subject(parameters={"0.weight": "W", "0.bias": "b"}, call="step", reset=functional.reset_net)
def gradients_detached(layer):
    """Reset out of the graph."""
    return modules(layer, detach_reset=True)
