"""NEST 3.10.0: with the readout's default the gradient of everything below it is 1 - kappa too small.

``eprop_iaf_bsshslm_2020`` filters the eligibility trace as ebar = kappa ebar' + (1 - kappa) e, which is the derivative
of a readout o = kappa o' + (1 - kappa) w z: one with ``regular_spike_arrival=False``. By default it is True, and the
readout o = kappa o' + w z. The loss is sum (o - y)^2 / 2; its derivative by the weight of the readout is right.

One input, one neuron, one readout, four steps, decays of 1/2; an input of weight 3/2 in step 1 makes the neuron spike
(3/2 >= 1, psi = 1 - |3/2 - 1| = 1/2), then v = 3/4 - 1 = -1/4, -1/8 with psi 0 (width 1). So e is 1/2 in step 1 alone,
the spike there gives o = 1, 1/2, 1/4 for a weight of 1, and with targets of 0 the gradient of the input weight is
sum o (1/2)^k 1/2 = (1 + 1/4 + 1/16) / 2 = 21/32, that of the readout weight sum o o = 21/16.
"""

import math
import os

os.environ.setdefault("PYNEST_QUIET", "1")

import nest

TAU = 1 / math.log(2)
COMMON = {"C_m": 1.0, "E_L": 0.0, "I_e": 0.0, "V_m": 0.0, "tau_m": TAU}
SYNAPSE = "eprop_synapse_bsshslm_2020"


def gradients(gain):
    """Return the gradients of input and readout weight; `gain` is that of the readout, 1 or 1 - kappa."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=1.0, eprop_update_interval=4.0, eprop_learning_window=4.0)
    nest.SetDefaults(SYNAPSE, {"optimizer": {"type": "gradient_descent", "batch_size": 1, "eta": 1.0}})
    generator = nest.Create("spike_generator", params={"spike_times": [2.0, 8.0]})  # step 1, and one that applies
    source = nest.Create("parrot_neuron")
    surrogate = {"surrogate_gradient_height": 1.0, "surrogate_gradient_width": 1.0}
    neuron = nest.Create("eprop_iaf_bsshslm_2020", params={**COMMON, "V_th": 1.0, "t_ref": 0.0, **surrogate})
    arrival = {} if gain == 1 else {"regular_spike_arrival": False}
    readout = nest.Create("eprop_readout_bsshslm_2020", params={**COMMON, **arrival})
    nest.Connect(generator, source, syn_spec={"delay": 1.0})
    eprop = {"synapse_model": SYNAPSE, "delay": 1.0, "tau_m_readout": TAU}
    nest.Connect(source, neuron, syn_spec={**eprop, "weight": 1.5})
    nest.Connect(neuron, readout, syn_spec={**eprop, "weight": 1.0})
    feedback = {"synapse_model": "eprop_learning_signal_connection_bsshslm_2020", "delay": 1.0, "weight": 1.0}
    nest.Connect(readout, neuron, syn_spec=feedback)
    forced = nest.Create("spike_generator", params={"spike_times": [7.0]})
    nest.Connect(forced, neuron, syn_spec={"weight": 1e6, "delay": 1.0})
    nest.Simulate(12.0)
    below, above = nest.GetConnections(source, neuron), nest.GetConnections(neuron, readout)
    return 1.5 - below.get("weight"), 1.0 - above.get("weight")


near = 32 * 2.0**-53  # exponentials, a dozen operations, and a difference of numbers below 2
half, default = gradients(0.5), gradients(1)
# with the gain 1/2 the output, and so the error, and the derivative of the output, are half as large
right = {0.5: (21 / 128, 21 / 64), 1: (21 / 32, 21 / 16)}
print("regular_spike_arrival=False", half, "by hand", right[0.5])
print("the default              ", default, "by hand", right[1])
assert all(abs(a - b) <= near for a, b in zip(half, right[0.5], strict=True))
assert abs(default[1] - right[1][1]) <= near
assert abs(default[0] - right[1][0] / 2) <= near  # 1 - kappa = 1/2
