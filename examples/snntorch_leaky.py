"""snnTorch's ``Leaky`` with autograd, and what it truly computes.

The neuron fires at ``mem > threshold`` (strictly, although its documentation says "at or above"), subtracts the
threshold one step later and after the leak, and never differentiates that reset::

    mem = beta * mem + input - threshold * reset        reset = [previous mem > threshold], detached
    spk = [mem > threshold]

So the claim is BPTT without the RESET edge. Every surrogate of the library returns ``(x > 0).float()``: spikes, and
with them the credit that flows back through them, are float32 whatever the neuron is given. `gradients` therefore
claims float32; `gradients_float64` is the same neuron with a surrogate of our own that keeps the dtype.
`gradients_as_documented` claims the threshold test of the documentation, and is refuted before any gradient is looked
at: a membrane potential exactly at the threshold is silent.
"""

import snntorch
import torch
from torch_problem import answer, step_loss, tensors

import gradcert

CONVENTIONS = {
    "reset": "subtract_after_leak",
    "strict": True,
    "gain": "one",
    "stored": "pre",
    "recurrent": False,
    "surrogate": {"name": "atan", "scale": 2.0},
}


class Atan(torch.autograd.Function):
    """``snntorch.surrogate.atan`` in the dtype of its argument."""

    @staticmethod
    def forward(ctx, x, alpha):
        """Fire strictly above the threshold."""
        ctx.save_for_backward(x)
        ctx.alpha = alpha
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, credit):
        """(alpha / 2) / (1 + (pi alpha x / 2)^2)."""
        (x,) = ctx.saved_tensors
        return credit * ctx.alpha / 2 / (1 + (torch.pi / 2 * ctx.alpha * x) ** 2), None


def leaky(problem, dtype, surrogate):
    """Loss, gradients and outputs of stacked linear maps and ``Leaky`` neurons."""
    parameters, inputs, targets = tensors(problem, dtype)
    neurons = []
    for i, layer in enumerate(problem.network.layers):
        beta, threshold = f"layers.{i}.leak", f"layers.{i}.threshold"  # parameters where they are trained
        neuron = snntorch.Leaky(
            # as tensors: snnTorch would keep Python floats in float32
            parameters.get(beta, torch.tensor(layer.cell.leak, dtype=dtype)),
            parameters.get(threshold, torch.tensor(layer.cell.threshold, dtype=dtype)),
            spike_grad=surrogate(dict(layer.cell.surrogate.scales)["scale"]),
            learn_beta=beta in parameters,
            learn_threshold=threshold in parameters,
            reset_mechanism="subtract",
        )
        learned = {beta: neuron.beta, threshold: neuron.threshold}
        parameters.update({name: value for name, value in learned.items() if name in parameters})
        neurons.append(neuron)
    snntorch.SpikingNeuron.init()  # the library keeps every neuron ever made in a list

    memories = [inputs.new_zeros(inputs.shape[1], layer.units) for layer in problem.network.layers]
    outputs, loss = [], torch.zeros((), dtype=dtype)
    for t, x in enumerate(inputs):
        for i, neuron in enumerate(neurons):
            current = torch.nn.functional.linear(x, parameters[f"layers.{i}.W"], parameters.get(f"layers.{i}.b"))
            x, memories[i] = neuron(current, memories[i])
        outputs.append(x)
        loss = loss + step_loss(problem, t, x, targets[t])
    loss.backward()
    return answer(loss, parameters, outputs)


@gradcert.claim(rule="bptt-detached-reset", cells=("lif",), depths=(1, 2), dtype="float32", options=CONVENTIONS)
def gradients(problem):
    """The library as it is."""
    return leaky(problem, torch.float32, snntorch.surrogate.atan)


@gradcert.claim(
    rule="bptt-detached-reset", cells=("lif",), depths=(1, 2), dtype="float32", options={**CONVENTIONS, "strict": False}
)
def gradients_as_documented(problem):
    """The library as its documentation describes it: firing at or above the threshold."""
    return gradients(problem)


@gradcert.claim(
    rule="bptt-detached-reset",
    cells=("lif",),
    depths=(1, 2),
    dtype="float32",
    options={**CONVENTIONS, "train": ("leak", "threshold")},
)
def gradients_trained(problem):
    """With ``learn_beta`` and ``learn_threshold``: the threshold is trained through spike and reset."""
    return leaky(problem, torch.float32, snntorch.surrogate.atan)


@gradcert.claim(rule="bptt-detached-reset", cells=("lif",), depths=(1, 2), dtype="float64", options=CONVENTIONS)
def gradients_float64(problem):
    """The same neuron with a surrogate that does not leave float64."""
    return leaky(problem, torch.float64, lambda alpha: lambda x: Atan.apply(x, alpha))
