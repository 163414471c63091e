"""snnTorch's ``RLeaky``: the ``Leaky`` neuron with lateral weights, all to all.

Claim: BPTT without the RESET edge; the spike that comes back through the lateral weights stays in the graph, the same
spike in the reset does not. Conventions and dtype as in ``snntorch_leaky.py``. (With ``reset_mechanism="zero"`` this
class is not the hard reset of ``Leaky``: it also wipes the input of the step.)
"""

import snntorch
import torch
from snntorch_leaky import CONVENTIONS
from torch_problem import answer, step_loss, tensors

import gradcert


@gradcert.claim(
    rule="bptt-detached-reset",
    cells=("lif",),
    depths=(1, 2),
    dtype="float32",
    options={**CONVENTIONS, "recurrent": True},
)
def gradients(problem):
    """Loss, gradients and outputs of stacked linear maps and ``RLeaky`` neurons."""
    parameters, inputs, targets = tensors(problem, torch.float32)
    neurons, states = [], []
    for i, layer in enumerate(problem.network.layers):
        beta, threshold = (torch.tensor(v, dtype=torch.float32) for v in (layer.cell.leak, layer.cell.threshold))
        psi = snntorch.surrogate.atan(dict(layer.cell.surrogate.scales)["scale"])
        neuron = snntorch.RLeaky(beta, linear_features=layer.units, threshold=threshold, spike_grad=psi)
        neuron.recurrent.weight, neuron.recurrent.bias = parameters[f"layers.{i}.H"], None
        neurons.append(neuron)
        states.append((inputs.new_zeros(inputs.shape[1], layer.units),) * 2)
    snntorch.SpikingNeuron.init()  # the library keeps every neuron ever made in a list

    outputs, loss = [], torch.zeros(())
    for t, x in enumerate(inputs):
        for i, neuron in enumerate(neurons):
            current = torch.nn.functional.linear(x, parameters[f"layers.{i}.W"], parameters.get(f"layers.{i}.b"))
            states[i] = neuron(current, *states[i])
            x, _ = states[i]
        outputs.append(x)
        loss = loss + step_loss(problem, t, x, targets[t])
    loss.backward()
    return answer(loss, parameters, outputs)
