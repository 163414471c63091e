"""PyTorch's ``nn.GRU`` with autograd.

Claim: BPTT for one or two layers in float64, for the form of the GRU that applies the reset gate after the product with
H_n, and so needs a second bias c_n for the candidate. The rows are the gates r, u (PyTorch's z), n in this order.
"""

import torch

import gradcert
from gradcert.adapters.torch import stacked, subject, zeros

W, H, B = (stacked(*(f"{kind}_{gate}" for gate in "run")) for kind in "WHb")
C = stacked(zeros("b_r"), zeros("b_u"), "c_n")  # r and u need one bias only
PARAMETERS = {"weight_ih_l0": W, "weight_hh_l0": H, "bias_ih_l0": B, "bias_hh_l0": C}


@gradcert.claim(rule="bptt", cells=("gru",), depths=(1, 2), dtype="float64", options={"reset": "after"})
@subject(parameters=PARAMETERS)
def gradients(layer):
    """One ``nn.GRU`` for each layer."""
    return torch.nn.GRU(layer.inputs, layer.units)
