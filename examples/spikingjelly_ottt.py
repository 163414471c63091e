"""SpikingJelly's ``OTTTLIFNode`` in its own container ``OTTTSequential``, trained online.

Claim: OTTT (arXiv 2210.04195), ``grad W_l = sum_t g_l^t (x) trace of the layer's input``, ``grad b_l = sum_t g_l^t (x)
trace of 1``, for a soft reset before the leak, firing at ``>=``.

* `gradients` is the container as one would use it: spikes or currents go in, the loss of every step is backpropagated
  at once. There the first layer sees the bare input instead of its trace, and no bias has a trace.
* `gradients_traced` claims what does hold: no biases, and the input handed in as the pair ``[x, trace of x]`` that the
  container passes between its own layers. The layers share one leak, because a trace decays with the leak of the
  neuron that sends it, where the derivation asks for the neuron that receives it.
"""

from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly_lif import OPTIONS, modules

from gradcert.adapters.presets import claimed
from gradcert.adapters.torch import subject
from gradcert.reference.networks import spikingjelly_lif

SOFT = spikingjelly_lif(tau=2.0, v_reset=None, decay_input=False)
ONE_LEAK = {**OPTIONS, "leak": 0.5}


def names(network):
    """Where the linear maps are in the container."""
    maps = {f"{2 * i}.weight": f"layers.{i}.W" for i in range(network.depth)}
    return maps | {f"{2 * i}.bias": f"layers.{i}.b" for i in range(network.depth)}


def container(network):
    """Return the library's container of linear maps and nodes."""
    stack = [m for description in network.layers for m in modules(description, neuron.OTTTLIFNode)]
    return layer.OTTTSequential(*stack)


def bare(module, x, state):
    """Hand in the input as it is; the container returns spikes and their traces."""
    return module(x)[0], None


def traced(module, x, trace):
    """Hand in the input with its trace."""
    trace = x if trace is None else 0.5 * trace + x
    return module([x, trace])[0], trace


@claimed(SOFT, rule="ottt", options={**ONE_LEAK, "bias": True})
@subject(parameters=names, call=bare, per="network", online=True, reset=functional.reset_net)
def gradients(network):
    """The container as it is meant to be used."""
    return container(network)


@claimed(SOFT, rule="ottt", options={**ONE_LEAK, "bias": False})
@subject(parameters=names, call=traced, per="network", online=True, reset=functional.reset_net)
def gradients_traced(network):
    """Without biases, with a traced input: OTTT."""
    return container(network)
