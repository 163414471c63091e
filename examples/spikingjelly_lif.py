"""SpikingJelly's ``LIFNode`` with autograd.

The node fires at ``>=``, and resets hard to zero in the same step; its input is divided by tau = 1 / (1 - leak)::

    h = v + (x - v) / tau        spike = [h >= v_threshold]        v = (1 - spike) h

* `gradients`: the default. The reset stays in the graph, so the claim is full BPTT.
* `gradients_detached`: with ``detach_reset=True``, BPTT without the RESET edge. The gate (1 - spike) of the leak stays.
* `gradients_float32`: in float32 the library leaves autograd for a backward pass of its own, so it is a subject of its
  own.
"""

import torch
from spikingjelly.activation_based import functional, neuron
from spikingjelly_problem import modules
from torch_problem import answer, step_loss, tensors

import gradcert

CONVENTIONS = {
    "reset": "hard",
    "strict": False,
    "gain": "one_minus_leak",
    "stored": "post",
    "recurrent": False,
    "leak": [0.5, 0.75],
    "surrogate": [{"name": "piecewise_quadratic", "scale": 1.0}, {"name": "sigmoid", "scale": 4.0}],
}


def stack(problem, node, dtype, *, online=False, **options):
    """Loss, gradients and outputs of linear maps and nodes; `online` backpropagates the loss of every step at once."""
    parameters, inputs, targets = tensors(problem, dtype)
    network = torch.nn.Sequential(*modules(problem, parameters, node, **options)).train()
    functional.reset_net(network)

    outputs, loss = [], torch.zeros((), dtype=dtype)
    for t, x in enumerate(inputs):
        outputs.append(network(x))
        share = step_loss(problem, t, outputs[-1], targets[t])
        if online:
            share.backward()
            share = share.detach()
        loss = loss + share
    if not online:
        loss.backward()
    return answer(loss, parameters, outputs)


@gradcert.claim(rule="bptt", cells=("lif",), depths=(1, 2), dtype="float64", options=CONVENTIONS)
def gradients(problem):
    """The default: reset in the graph."""
    return stack(problem, neuron.LIFNode, torch.float64)


@gradcert.claim(rule="bptt-detached-reset", cells=("lif",), depths=(1, 2), dtype="float64", options=CONVENTIONS)
def gradients_detached(problem):
    """Reset out of the graph."""
    return stack(problem, neuron.LIFNode, torch.float64, detach_reset=True)


@gradcert.claim(rule="bptt", cells=("lif",), depths=(1, 2), dtype="float32", options=CONVENTIONS)
def gradients_float32(problem):
    """The default in float32, with the library's own backward pass."""
    return stack(problem, neuron.LIFNode, torch.float32)
