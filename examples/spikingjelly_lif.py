"""SpikingJelly's ``LIFNode`` with autograd.

The node fires at ``>=``, and resets hard to zero in the same step; its input is divided by tau = 1 / (1 - leak)::

    h = v + (x - v) / tau        spike = [h >= v_threshold]        v = (1 - spike) h

* `gradients`: the default. The reset stays in the graph, so the claim is full BPTT.
* `gradients_detached`: with ``detach_reset=True``, BPTT without the RESET edge. The gate (1 - spike) of the leak stays.
* `gradients_float32`: in float32 the library leaves autograd for a backward pass of its own, so it is a subject of its
  own.
* `gradients_parametric`: ``ParametricLIFNode``, whose time constant is trained too.
"""

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch.nn import Sequential

from gradcert.adapters.presets import claimed
from gradcert.adapters.torch import logit, negated, subject
from gradcert.reference.networks import spikingjelly_lif

SURROGATES = {"sigmoid": surrogate.Sigmoid, "piecewise_quadratic": surrogate.PiecewiseQuadratic}
PARAMETERS = {"0.weight": "W", "0.bias": "b"}
OPTIONS = {
    "leak": [0.5, 0.75],  # tau = 2 and 4; tau has to be above 1, so leak 0 is out of reach
    "surrogate": [{"name": "piecewise_quadratic", "scale": 1.0}, {"name": "sigmoid", "scale": 4.0}],
}


def modules(description, node, **options):
    """Return a linear map and a node."""
    cell = description.cell
    linear = layer.Linear(description.inputs, description.units, bias=cell.bias)
    psi = SURROGATES[cell.surrogate.name](dict(cell.surrogate.scales)["scale"])
    return [linear, node(1 / (1 - cell.leak), v_threshold=cell.threshold, surrogate_function=psi, **options)]


@claimed(spikingjelly_lif(), options=OPTIONS)
@subject(parameters=PARAMETERS, call="step", reset=functional.reset_net)
def gradients(layer):
    """The default: reset in the graph."""
    return Sequential(*modules(layer, neuron.LIFNode))


@claimed(spikingjelly_lif(detach_reset=True), options=OPTIONS)
@subject(parameters=PARAMETERS, call="step", reset=functional.reset_net)
def gradients_detached(layer):
    """Reset out of the graph."""
    return Sequential(*modules(layer, neuron.LIFNode, detach_reset=True))


@claimed(spikingjelly_lif(), dtype="float32", options=OPTIONS)
@subject(parameters=PARAMETERS, call="step", reset=functional.reset_net)
def gradients_float32(layer):
    """The default in float32, with the library's own backward pass."""
    return Sequential(*modules(layer, neuron.LIFNode))


@claimed(spikingjelly_lif(), options={**OPTIONS, "train": ("leak",)})
@subject(parameters={**PARAMETERS, "1.w": negated(logit("leak"))}, call="step", reset=functional.reset_net)
def gradients_parametric(layer):
    """``ParametricLIFNode``, one time constant for each unit: 1 / tau = 1 - leak = sigmoid(w)."""
    linear, node = modules(layer, lambda _, **options: neuron.ParametricLIFNode(**options))
    node.w = torch.nn.Parameter(torch.zeros(layer.units))  # the library's own is one float32 number for all units
    return Sequential(linear, node)
