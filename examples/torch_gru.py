"""PyTorch's ``nn.GRU`` with autograd.

Claim: BPTT for one or two layers in float64, for the form of the GRU that applies the reset gate after the product with
H_n, and so needs a second bias c_n for the candidate. The rows are the gates r, u (PyTorch's z), n in this order.
"""

import torch
from torch_problem import answer, tensors, total_loss

import gradcert


@gradcert.claim(rule="bptt", cells=("gru",), depths=(1, 2), dtype="float64", options={"reset": "after"})
def gradients(problem):
    """Loss, gradients and outputs of stacked ``nn.GRU``."""
    parameters, x, targets = tensors(problem, torch.float64)
    for i, layer in enumerate(problem.network.layers):
        w, h, b = ([parameters[f"layers.{i}.{kind}_{gate}"] for gate in "run"] for kind in "WHb")
        none = torch.zeros(2 * layer.units, dtype=torch.float64)  # r and u need one bias only
        gru = torch.nn.GRU(layer.inputs, layer.units, dtype=torch.float64)
        rows = {"weight_ih_l0": torch.cat(w), "weight_hh_l0": torch.cat(h), "bias_ih_l0": torch.cat(b)}
        rows["bias_hh_l0"] = torch.cat([none, parameters[f"layers.{i}.c_n"]])
        x, _ = torch.func.functional_call(gru, rows, (x,))
    loss = total_loss(problem, x, targets)
    loss.backward()
    return answer(loss, parameters, x)
