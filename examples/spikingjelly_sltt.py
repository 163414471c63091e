"""SpikingJelly's ``SLTTLIFNode``, trained online: the loss of every step is backpropagated at once.

Claim: SLTT (ICCV 2023), the same-time gradient: nothing flows from one step to the next. The neuron is the one of
``spikingjelly_lif.py``, with a hard reset and a divided input; the authors' own code has a soft reset and no division.
"""

import torch
from spikingjelly.activation_based import neuron
from spikingjelly_lif import CONVENTIONS, stack

import gradcert


@gradcert.claim(rule="sltt", cells=("lif",), depths=(1, 2), dtype="float64", options=CONVENTIONS)
def gradients(problem):
    """One backward pass a step; the gradients of the steps add up in ``.grad``."""
    return stack(problem, neuron.SLTTLIFNode, torch.float64, online=True)
