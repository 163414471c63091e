"""SpikingJelly's ``SLTTLIFNode``, trained online: the loss of every step is backpropagated at once.

Claim: SLTT (ICCV 2023), the same-time gradient: nothing flows from one step to the next. The neuron is the one of
``spikingjelly_lif.py``, with a hard reset and a divided input; the authors' own code has a soft reset and no division.
"""

from spikingjelly.activation_based import functional, neuron
from spikingjelly_lif import OPTIONS, PARAMETERS, modules
from torch.nn import Sequential

from gradcert.adapters.presets import claimed
from gradcert.adapters.torch import subject
from gradcert.reference.networks import spikingjelly_lif


@claimed(spikingjelly_lif(), rule="sltt", options=OPTIONS)
@subject(parameters=PARAMETERS, call="step", online=True, reset=functional.reset_net)
def gradients(layer):
    """One backward pass a step; the gradients of the steps add up in ``.grad``."""
    return Sequential(*modules(layer, neuron.SLTTLIFNode))
