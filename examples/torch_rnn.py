"""PyTorch's ``nn.RNN`` with autograd.

Claim: backpropagation through time (rule ``bptt``) for one to three tanh layers of any sizes, in float64.
Besides autograd, what is put to the test is that ``weight_ih`` is W, ``weight_hh`` is H, that the two bias vectors add
up to b, and that the layers start from zero.
"""

import torch
from torch_problem import answer, tensors, total_loss

import gradcert


@gradcert.claim(
    rule="bptt",
    cells=("rnn",),
    depths=(1, 2, 3),
    dtype="float64",
    options={"activation": "tanh", "recurrent": True, "bias": True},
)
def gradients(problem):
    """Loss, gradients and outputs of stacked ``nn.RNN``."""
    parameters, x, targets = tensors(problem, torch.float64)
    for i, layer in enumerate(problem.network.layers):
        rnn = torch.nn.RNN(layer.inputs, layer.units, nonlinearity=layer.cell.activation, dtype=torch.float64)
        rnn.weight_ih_l0 = parameters[f"layers.{i}.W"]
        rnn.weight_hh_l0 = parameters[f"layers.{i}.H"]
        rnn.bias_ih_l0 = parameters[f"layers.{i}.b"]
        rnn.bias_hh_l0 = torch.nn.Parameter(torch.zeros(layer.units, dtype=torch.float64))
        x, _ = rnn(x)
    loss = total_loss(problem, x, targets)
    loss.backward()
    return answer(loss, parameters, x)
