"""snnTorch's ``RLeaky``: the ``Leaky`` neuron with lateral weights, all to all.

Claim: BPTT without the RESET edge; the spike that comes back through the lateral weights stays in the graph, the same
spike in the reset does not. Conventions and dtype as in ``snntorch_leaky.py``. With ``reset_mechanism="zero"`` this
class is not the hard reset of ``Leaky``: it also wipes the input of the step (`gradients_zero`).
"""

import snntorch
import torch

from gradcert.adapters.presets import claimed
from gradcert.adapters.torch import subject
from gradcert.reference.networks import snntorch_leaky

PARAMETERS = {"0.weight": "W", "0.bias": "b", "1.recurrent.weight": "H"}


def cleared(module):
    """Begin a sequence: the neuron, which lives from call to call, forgets the last one."""
    module[1].reset_mem()


def rleaky(layer, reset_mechanism):
    """Return a linear map and an ``RLeaky`` neuron that keeps its own state."""
    neuron = snntorch.RLeaky(
        torch.tensor(layer.cell.leak),
        linear_features=layer.units,
        threshold=torch.tensor(layer.cell.threshold),
        spike_grad=snntorch.surrogate.atan(dict(layer.cell.surrogate.scales)["scale"]),
        reset_mechanism=reset_mechanism,
        init_hidden=True,
    )
    neuron.recurrent.bias = None
    snntorch.SpikingNeuron.init()  # the library keeps every neuron ever made in a list
    return torch.nn.Sequential(torch.nn.Linear(layer.inputs, layer.units), neuron)


@claimed(snntorch_leaky(beta=0.9, recurrent=True), dtype="float32")
@subject(parameters=PARAMETERS, call="step", reset=cleared)
def gradients(layer):
    """The default reset."""
    return rleaky(layer, "subtract")


@claimed(snntorch_leaky(beta=0.9, recurrent=True, reset_mechanism="zero"), dtype="float32")
@subject(parameters=PARAMETERS, call="step", reset=cleared)
def gradients_zero(layer):
    """Reset to zero, which loses the input of the step after a spike."""
    return rleaky(layer, "zero")
