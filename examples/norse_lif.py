"""Norse's ``lif_box_feed_forward_step`` with autograd: documented surrogate against real one.

The neuron fires at ``>`` and resets hard in the same step, with the reset in the graph; the input is multiplied by
``dt / tau_mem``, which is 1 - leak::

    v = v + dt * tau_mem_inv * (input - v)        z = [v > v_th]        v = (1 - z) v

Its default surrogate is SuperSpike (Zenke & Ganguli 2018), 1 / (alpha |x| + 1)^2, with the parameter alpha = 100. In
release 1.1.0 the backward pass never reads alpha: it is 1 / (|x| + 1)^2 for every alpha.

* `gradients` claims what the documentation says, and is refuted;
* `gradients_as_computed` claims slope 1 for the same code.
"""

import torch
from norse.torch.functional.lif_box import LIFBoxFeedForwardState, LIFBoxParameters, lif_box_feed_forward_step
from torch_problem import answer, step_loss, tensors

import gradcert

CONVENTIONS = {"reset": "hard", "strict": True, "gain": "one_minus_leak", "stored": "post", "recurrent": False}
DOCUMENTED = {**CONVENTIONS, "surrogate": {"name": "fast_sigmoid", "slope": 100.0}}
COMPUTED = {**CONVENTIONS, "surrogate": {"name": "fast_sigmoid", "slope": 1.0}}


def stack(problem):
    """Loss, gradients and outputs of linear maps and Norse's neurons, in float64."""
    parameters, inputs, targets = tensors(problem, torch.float64)
    neurons, states = [], []
    for layer in problem.network.layers:
        leak, threshold = (torch.tensor(v, dtype=torch.float64) for v in (layer.cell.leak, layer.cell.threshold))
        slope = torch.tensor(dict(layer.cell.surrogate.scales)["slope"])
        neurons.append(LIFBoxParameters(tau_mem_inv=1 - leak, v_th=threshold, alpha=slope))
        states.append(LIFBoxFeedForwardState(v=inputs.new_zeros(inputs.shape[1], layer.units)))

    outputs, loss = [], torch.zeros((), dtype=torch.float64)
    for t, x in enumerate(inputs):
        for i, neuron in enumerate(neurons):
            current = torch.nn.functional.linear(x, parameters[f"layers.{i}.W"], parameters.get(f"layers.{i}.b"))
            x, states[i] = lif_box_feed_forward_step(current, states[i], neuron, dt=1.0)
        outputs.append(x)
        loss = loss + step_loss(problem, t, x, targets[t])
    loss.backward()
    return answer(loss, parameters, outputs)


@gradcert.claim(rule="bptt", cells=("lif",), depths=(1, 2), dtype="float64", options=DOCUMENTED)
def gradients(problem):
    """The surrogate as documented."""
    return stack(problem)


@gradcert.claim(rule="bptt", cells=("lif",), depths=(1, 2), dtype="float64", options=COMPUTED)
def gradients_as_computed(problem):
    """The surrogate as computed."""
    return stack(problem)
