"""SpikingJelly's ``OTTTLIFNode`` in its own container ``OTTTSequential``, trained online.

Claim: OTTT (arXiv 2210.04195), ``grad W_l = sum_t g_l^t (x) trace of the layer's input``, ``grad b_l = sum_t g_l^t (x)
trace of 1``, for a soft reset before the leak, firing at ``>=``.

* `gradients` is the container as one would use it: spikes or currents go in, the loss of every step is backpropagated
  at once. There the first layer sees the bare input instead of its trace, and no bias has a trace.
* `gradients_traced` claims what does hold: no biases, and the input handed in as the pair ``[x, trace of x]`` that the
  container passes between its own layers. The layers share one leak, because a trace decays with the leak of the
  neuron that sends it, where the derivation asks for the neuron that receives it.
"""

import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly_problem import modules
from torch_problem import answer, step_loss, tensors

import gradcert

CONVENTIONS = {
    "reset": "subtract_before_leak",
    "strict": False,
    "gain": "one",
    "stored": "post",
    "leak": 0.5,
    "recurrent": False,
    "surrogate": [{"name": "piecewise_quadratic", "scale": 1.0}, {"name": "sigmoid", "scale": 4.0}],
}


def ottt(problem, *, trace_input):
    """Loss, gradients and outputs of the container; the gradients of the steps add up in ``.grad``."""
    parameters, inputs, targets = tensors(problem, torch.float64)
    network = layer.OTTTSequential(*modules(problem, parameters, neuron.OTTTLIFNode)).train()
    functional.reset_net(network)

    outputs, loss, trace = [], torch.zeros(()), torch.zeros_like(inputs[0])
    for t, x in enumerate(inputs):
        trace = problem.network.layers[0].cell.leak * trace + x
        spikes, _ = network([x, trace] if trace_input else x)
        share = step_loss(problem, t, spikes, targets[t])
        share.backward()
        outputs.append(spikes)
        loss = loss + share.detach()
    return answer(loss, parameters, outputs)


@gradcert.claim(rule="ottt", cells=("lif",), depths=(1, 2), dtype="float64", options={**CONVENTIONS, "bias": True})
def gradients(problem):
    """The container as it is meant to be used."""
    return ottt(problem, trace_input=False)


@gradcert.claim(rule="ottt", cells=("lif",), depths=(1, 2), dtype="float64", options={**CONVENTIONS, "bias": False})
def gradients_traced(problem):
    """Without biases, with a traced input: OTTT."""
    return ottt(problem, trace_input=True)
