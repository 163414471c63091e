"""Norse's sparse and adjoint steps of the feed-forward LIF neuron, with the cell of ``library_cells.py``.

* `sparse`: ``lif_feed_forward_step_sparse``, whose spikes are a sparse tensor; the reset is in the graph, full BPTT;
* `adjoint` and `adjoint_sparse` claim BPTT for ``lif_feed_forward_adjoint_step`` and its sparse sibling, and are
  refuted: their backward pass is that of EventProp, in which credit enters at spikes alone, divided by dv/dt, and in
  which the input of a step is not seen by the spike of that step (``findings/norse_adjoint.py``).

Needs an environment of its own (``make peers``): ``--python .venv-peers-torch/bin/python``.
"""

import os
from pathlib import Path

import torch
from norse.torch.functional.adjoint.lif_adjoint import (
    lif_feed_forward_adjoint_step,
    lif_feed_forward_adjoint_step_sparse,
)
from norse.torch.functional.lif import LIFFeedForwardState, LIFParameters, lif_feed_forward_step_sparse

import gradcert
from gradcert.adapters.torch import subject

CELLS = os.path.relpath(Path(__file__).with_name("library_cells.py"))


def stepped(function):
    """A linear map and a step of Norse, as a subject."""

    def call(linear, x, state):
        zero = torch.zeros(len(x), linear.out_features)
        z, state = function(linear(x), state or LIFFeedForwardState(zero, zero), linear.p, dt=1.0)
        return z.to_dense() if z.is_sparse else z, state

    @gradcert.claim(rule="bptt", cells=(f"{CELLS}:NorseLif",), without={"threshold": ("below 0",)})
    @subject(parameters={"weight": "W", "bias": "b"}, call=call)
    def build(layer):
        linear, cell = torch.nn.Linear(layer.inputs, layer.units), layer.cell
        decays = {"tau_mem_inv": 1 - torch.tensor(cell.leak), "tau_syn_inv": 1 - torch.tensor(cell.rho)}
        linear.p = LIFParameters(**decays, v_th=torch.tensor(cell.threshold), v_leak=torch.zeros(()))
        return linear

    return build


sparse = stepped(lif_feed_forward_step_sparse)
adjoint = stepped(lif_feed_forward_adjoint_step)
adjoint_sparse = stepped(lif_feed_forward_adjoint_step_sparse)
