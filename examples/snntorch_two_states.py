"""snnTorch's ``Synaptic`` and ``SLSTM``, with the cells of ``library_cells.py``.

Both detach the reset, like ``Leaky``: the claim is BPTT without the RESET edge. Spikes are float32 in every library
surrogate, so the claim is float32.

`slstm` is refuted on its outputs. ``SLSTM.forward`` compares the shape of its state, (batch, hidden), with the shape of
its input, (batch, inputs), and takes zeros where they differ: with as many inputs as units it is what it says, with any
other number it has no memory (``findings/snntorch_slstm.py``).
"""

import os
from pathlib import Path

import snntorch
import torch

import gradcert
from gradcert.adapters.torch import stacked, subject, zeros

CELLS = os.path.relpath(Path(__file__).with_name("library_cells.py"))
ATAN = snntorch.surrogate.atan(2.0)


def cleared(module):
    """Begin a sequence: the neuron, which lives from call to call, forgets the last one."""
    module[1].reset_mem()


# a neuron with a threshold below 0 is reset before its first step
@gradcert.claim(
    rule="bptt-detached-reset",
    cells=(f"{CELLS}:Synaptic",),
    dtype="float32",
    without={"threshold": ("below 0",)},
)
@subject(parameters={"0.weight": "W", "0.bias": "b"}, call="step", reset=cleared)
def synaptic(layer):
    """A linear map and a ``Synaptic`` neuron."""
    rho, leak, threshold = (torch.tensor(getattr(layer.cell, k)) for k in ("rho", "leak", "threshold"))
    neuron = snntorch.Synaptic(rho, leak, threshold=threshold, spike_grad=ATAN, init_hidden=True)
    snntorch.SpikingNeuron.init()  # the library keeps every neuron ever made in a list
    return torch.nn.Sequential(torch.nn.Linear(layer.inputs, layer.units), neuron)


W, H, B = (stacked(*(f"{kind}_{gate}" for gate in "ifgo")) for kind in "WHb")
GATES = {
    "lstm_cell.weight_ih": W,
    "lstm_cell.weight_hh": H,
    "lstm_cell.bias_ih": B,
    "lstm_cell.bias_hh": zeros(B),
}


def spikes_and_states(module, x, state):
    """Hand the states from step to step."""
    spikes, *state = module(x, *(state or module.init_slstm()))
    return spikes, state


@gradcert.claim(rule="bptt-detached-reset", cells=(f"{CELLS}:Slstm",), dtype="float32")
@subject(parameters=GATES, call=spikes_and_states)
def slstm(layer):
    """An ``SLSTM`` layer."""
    neuron = snntorch.SLSTM(layer.inputs, layer.units, threshold=torch.tensor(layer.cell.threshold), spike_grad=ATAN)
    snntorch.SpikingNeuron.init()
    return neuron
