"""PyTorch's ``nn.LSTM`` with autograd.

Claim: BPTT for one or two layers in float64. What is put to the test besides autograd: the rows of ``weight_ih`` and
``weight_hh`` are the gates i, f, g, o in this order, and the two bias vectors add up.
"""

import torch

import gradcert
from gradcert.adapters.torch import stacked, subject, zeros

W, H, B = (stacked(*(f"{kind}_{gate}" for gate in "ifgo")) for kind in "WHb")
PARAMETERS = {"weight_ih_l0": W, "weight_hh_l0": H, "bias_ih_l0": B, "bias_hh_l0": zeros(B)}


@gradcert.claim(rule="bptt", cells=("lstm",), depths=(1, 2), dtype="float64", options={"peepholes": False})
@subject(parameters=PARAMETERS)
def gradients(layer):
    """One ``nn.LSTM`` for each layer."""
    return torch.nn.LSTM(layer.inputs, layer.units)
