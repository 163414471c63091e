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

from gradcert.adapters.presets import claimed
from gradcert.adapters.torch import subject
from gradcert.reference.networks import snntorch_leaky

LEAKY = snntorch_leaky(beta=0.9)
PARAMETERS = {"0.weight": "W", "0.bias": "b", "1.beta": "leak", "1.threshold": "threshold"}


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


def cleared(module):
    """Begin a sequence: the neuron, which lives from call to call, forgets the last one."""
    module[1].reset_mem()


def leaky(layer, surrogate=snntorch.surrogate.atan):
    """Return a linear map and a ``Leaky`` neuron that keeps its own state."""
    cell = layer.cell
    neuron = snntorch.Leaky(
        torch.full((layer.units,), cell.leak),  # as tensors: snnTorch would keep Python floats in float32
        torch.full((layer.units,), cell.threshold),
        spike_grad=surrogate(dict(cell.surrogate.scales)["scale"]),
        learn_beta="leak" in cell.train,
        learn_threshold="threshold" in cell.train,
        reset_mechanism="subtract",
        init_hidden=True,
    )
    snntorch.SpikingNeuron.init()  # the library keeps every neuron ever made in a list
    return torch.nn.Sequential(torch.nn.Linear(layer.inputs, layer.units), neuron)


@claimed(LEAKY, dtype="float32")
@subject(parameters=PARAMETERS, call="step", reset=cleared)
def gradients(layer):
    """The library as it is."""
    return leaky(layer)


@claimed(LEAKY, dtype="float32", options={"strict": False})
@subject(parameters=PARAMETERS, call="step", reset=cleared)
def gradients_as_documented(layer):
    """The library as its documentation describes it: firing at or above the threshold."""
    return leaky(layer)


@claimed(LEAKY, dtype="float32", options={"train": ("leak", "threshold")})
@subject(parameters=PARAMETERS, call="step", reset=cleared)
def gradients_trained(layer):
    """With ``learn_beta`` and ``learn_threshold``: the threshold is trained through spike and reset."""
    return leaky(layer)


@claimed(LEAKY)
@subject(parameters=PARAMETERS, call="step", reset=cleared)
def gradients_float64(layer):
    """The same neuron with a surrogate that does not leave float64."""
    return leaky(layer, surrogate=lambda alpha: lambda x: Atan.apply(x, alpha))
