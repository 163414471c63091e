"""snnTorch's ``Synaptic``, ``RSynaptic``, ``Alpha``, ``Lapicque`` and ``SLSTM``; cells in ``library_cells.py``.

All detach the reset, like ``Leaky``: the claim is BPTT without the RESET edge. Spikes are float32 in every library
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


@gradcert.claim(
    rule="bptt-detached-reset",
    cells=(f"{CELLS}:RSynaptic",),
    dtype="float32",
    without={"threshold": ("below 0",)},
)
@subject(
    parameters={"0.weight": "W", "0.bias": "b", "1.recurrent.weight": "H", "1.recurrent.bias": zeros("b")},
    call="step",
    reset=cleared,
)
def rsynaptic(layer):
    """A linear map and an ``RSynaptic`` neuron."""
    rho, leak, threshold = (torch.tensor(getattr(layer.cell, k)) for k in ("rho", "leak", "threshold"))
    options = {"threshold": threshold, "spike_grad": ATAN, "init_hidden": True}
    neuron = snntorch.RSynaptic(rho, leak, linear_features=layer.units, **options)
    snntorch.SpikingNeuron.init()
    return torch.nn.Sequential(torch.nn.Linear(layer.inputs, layer.units), neuron)


def alphas(cell, reset_mechanism):
    """A linear map and an ``Alpha`` neuron, claimed with a cell."""

    @gradcert.claim(
        rule="bptt-detached-reset",
        cells=(f"{CELLS}:{cell}",),
        dtype="float32",
        depths=1,  # the reset of an upper layer is hardly seen
        options={"leak": 0.25, "rho": 0.5},
        without={"threshold": ("below 0",)},
    )
    @subject(parameters={"0.weight": "W", "0.bias": "b"}, call="step", reset=cleared)
    def build(layer):
        rho, leak, threshold = (torch.tensor(getattr(layer.cell, k)) for k in ("rho", "leak", "threshold"))
        options = {"threshold": threshold, "spike_grad": ATAN, "init_hidden": True}
        neuron = snntorch.Alpha(rho, leak, reset_mechanism=reset_mechanism, **options)
        snntorch.SpikingNeuron.init()
        return torch.nn.Sequential(torch.nn.Linear(layer.inputs, layer.units), neuron)

    return build


alpha_zero = alphas("Alpha", "zero")
alpha_subtract = alphas("AlphaSubtract", "subtract")
alpha_as_documented = alphas("Alpha", "subtract")  # the default, against the documented equations


def lapicque(options, constants):
    """A linear map and a ``Lapicque`` neuron, claimed as a LIF neuron whose leak is `options`'."""

    @gradcert.claim(
        rule="bptt-detached-reset",
        cells=("lif",),
        dtype="float32",
        options={
            "reset": "subtract_after_leak",
            "gain": "one_minus_leak",
            "strict": True,
            "recurrent": False,
            "surrogate": {"name": "atan", "scale": 2.0},
            **options,
        },
        without={"threshold": ("below 0",)},
    )
    @subject(parameters={"0.weight": "W", "0.bias": "b"}, call="step", reset=cleared)
    def build(layer):
        threshold = torch.tensor(layer.cell.threshold)
        neuron = snntorch.Lapicque(**constants, threshold=threshold, spike_grad=ATAN, init_hidden=True)
        snntorch.SpikingNeuron.init()
        return torch.nn.Sequential(torch.nn.Linear(layer.inputs, layer.units), neuron)

    return build


lapicque_circuit = lapicque({"leak": 0.75}, {"R": 1.0, "C": 4.0})  # 1 - time_step / (R C)
lapicque_beta = lapicque({"leak": 0.75}, {"beta": 0.75})  # beta: "RC potential decay rate"


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
