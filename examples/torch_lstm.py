"""PyTorch's ``nn.LSTM`` with autograd.

Claim: BPTT for one or two layers in float64. What is put to the test besides autograd: the rows of ``weight_ih`` and
``weight_hh`` are the gates i, f, g, o in this order, and the two bias vectors add up.
"""

import torch
from torch_problem import answer, tensors, total_loss

import gradcert


@gradcert.claim(rule="bptt", cells=("lstm",), depths=(1, 2), dtype="float64", options={"peepholes": False})
def gradients(problem):
    """Loss, gradients and outputs of stacked ``nn.LSTM``."""
    parameters, x, targets = tensors(problem, torch.float64)
    for i, layer in enumerate(problem.network.layers):
        w, h, b = ([parameters[f"layers.{i}.{kind}_{gate}"] for gate in "ifgo"] for kind in "WHb")
        lstm = torch.nn.LSTM(layer.inputs, layer.units, dtype=torch.float64)
        rows = {"weight_ih_l0": torch.cat(w), "weight_hh_l0": torch.cat(h), "bias_ih_l0": torch.cat(b)}
        rows["bias_hh_l0"] = torch.zeros_like(rows["bias_ih_l0"])
        x, _ = torch.func.functional_call(lstm, rows, (x,))
    loss = total_loss(problem, x, targets)
    loss.backward()
    return answer(loss, parameters, x)
