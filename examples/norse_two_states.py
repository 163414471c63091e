"""Norse's ``LIFCell``, ``LICell`` and ``LSNNRecurrentCell``, with the cells of ``library_cells.py``; all claim BPTT.

* `lif` and `li` are certified: the feed-forward steps keep the reset in the graph;
* `lsnn` is refuted: ``lsnn_step`` detaches the spike in the reset and in the threshold, so it is BPTT without the RESET
  and ADAPTATION edges (``lsnn_feed_forward_step`` detaches neither).

Needs an environment of its own (``make peers``): ``--python .venv-peers-torch/bin/python``.
"""

import os
from pathlib import Path

import torch
from norse.torch import LICell, LIFCell, LIFParameters, LIParameters, LSNNParameters, LSNNRecurrentCell, SequentialState

import gradcert
from gradcert.adapters.torch import subject

CELLS = os.path.relpath(Path(__file__).with_name("library_cells.py"))
LINEAR = {"0.weight": "W", "0.bias": "b"}


def constant(layer, name):
    """Return a constant of the cell as a tensor."""
    return torch.tensor(getattr(layer.cell, name))


@gradcert.claim(rule="bptt", cells=(f"{CELLS}:NorseLif",))
@subject(parameters=LINEAR, call="step")
def lif(layer):
    """A linear map and a ``LIFCell``."""
    decays = {"tau_mem_inv": 1 - constant(layer, "leak"), "tau_syn_inv": 1 - constant(layer, "rho")}
    neuron = LIFCell(LIFParameters(**decays, v_th=constant(layer, "threshold")), dt=1.0)
    return SequentialState(torch.nn.Linear(layer.inputs, layer.units), neuron)


@gradcert.claim(rule="bptt", cells=(f"{CELLS}:NorseLi",))
@subject(parameters=LINEAR, call="step")
def li(layer):
    """A linear map and a ``LICell``."""
    decays = {"tau_mem_inv": 1 - constant(layer, "leak"), "tau_syn_inv": 1 - constant(layer, "rho")}
    return SequentialState(torch.nn.Linear(layer.inputs, layer.units), LICell(LIParameters(**decays), dt=1.0))


@gradcert.claim(rule="bptt", cells=(f"{CELLS}:NorseLsnn",))
@subject(parameters={"input_weights": "W", "recurrent_weights": "H"}, call="step")
def lsnn(layer):
    """An ``LSNNRecurrentCell``."""
    p = LSNNParameters(
        tau_mem_inv=1 - constant(layer, "leak"),
        tau_syn_inv=1 - constant(layer, "kappa"),
        tau_adapt_inv=1 - constant(layer, "rho"),
        beta=constant(layer, "beta"),
        v_th=constant(layer, "threshold"),
    )
    return LSNNRecurrentCell(layer.inputs, layer.units, p, autapses=True, dt=1.0)
