"""PyTorch's ``nn.RNN`` with autograd.

Claim: backpropagation through time (rule ``bptt``) for one to three tanh layers of any sizes, in float64.
Besides autograd, what is put to the test is that ``weight_ih`` is W, ``weight_hh`` is H, that the two bias vectors add
up to b, and that the layers start from zero.
"""

import torch

import gradcert
from gradcert.adapters.torch import subject, zeros

PARAMETERS = {"weight_ih_l0": "W", "weight_hh_l0": "H", "bias_ih_l0": "b", "bias_hh_l0": zeros("b")}


@gradcert.claim(rule="bptt", cells=("rnn",), depths=(1, 2, 3), dtype="float64", options={"activation": "tanh"})
@subject(parameters=PARAMETERS)
def gradients(layer):
    """One ``nn.RNN`` for each layer."""
    return torch.nn.RNN(layer.inputs, layer.units, nonlinearity=layer.cell.activation)
