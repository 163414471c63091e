"""Norse's ``LIFBoxCell`` with autograd: documented surrogate against real one.

The neuron fires at ``>`` and resets hard in the same step, with the reset in the graph; the input is multiplied by
``dt / tau_mem``, which is 1 - leak::

    v = v + dt * tau_mem_inv * (input - v)        z = [v > v_th]        v = (1 - z) v

Its default surrogate is SuperSpike (Zenke & Ganguli 2018), 1 / (alpha |x| + 1)^2, with the parameter alpha = 100. In
release 1.1.0 the backward pass never reads alpha: it is 1 / (|x| + 1)^2 for every alpha.

* `gradients` claims what the documentation says, and is refuted;
* `gradients_as_computed` claims slope 1 for the same code.
"""

import torch
from norse.torch import LIFBoxCell, LIFBoxParameters, SequentialState

from gradcert.adapters.presets import claimed
from gradcert.adapters.torch import subject
from gradcert.reference.networks import norse_lif_box

PARAMETERS = {"0.weight": "W", "0.bias": "b"}
DOCUMENTED = {"name": "fast_sigmoid", "slope": 100.0}


def box(layer):
    """Return a linear map and a neuron; the state is handed from step to step."""
    leak, threshold = torch.tensor(layer.cell.leak), torch.tensor(layer.cell.threshold)
    alpha = torch.tensor(dict(layer.cell.surrogate.scales)["slope"])
    neuron = LIFBoxCell(LIFBoxParameters(tau_mem_inv=1 - leak, v_th=threshold, alpha=alpha), dt=1.0)
    return SequentialState(torch.nn.Linear(layer.inputs, layer.units), neuron)


@claimed(norse_lif_box(leak=0.9), options={"surrogate": DOCUMENTED})
@subject(parameters=PARAMETERS, call="step")
def gradients(layer):
    """The surrogate as documented."""
    return box(layer)


@claimed(norse_lif_box(leak=0.9))
@subject(parameters=PARAMETERS, call="step")
def gradients_as_computed(layer):
    """The surrogate as computed."""
    return box(layer)
