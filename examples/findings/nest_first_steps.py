"""NEST 3.10.0: an input in the second step of an update interval applies the gradient of the interval before too early.

One input, one neuron of ``eprop_iaf_bsshslm_2020``, one readout, intervals of four steps. All decays are 1/2, the input
spikes in step 1, and the error is -1 in step 3, the last one. By hand, in steps 1, 2, 3::

    v 1/2, 1/4, 1/8    psi = 1 - |v - 1| = v    zbar 1, 1/2, 1/4    e 1/2, 1/8, 1/32
    ebar = ebar'/2 + e/2    1/4, 3/16, 7/64     gradient = -1 * 7/64, and the new weight 1/2 + 7/64

The weight changes at the first spike of the next interval. A spike there in step 2 or 3 does what was written down; one
in step 1 comes before the learning signal of step 3, and finds a gradient of 0. One in step 0 is not even delivered.
"""

import math
import os

os.environ.setdefault("PYNEST_QUIET", "1")

import nest

TAU = 1 / math.log(2)  # a decay of 1/2 per step of 1 ms
COMMON = {"C_m": 1.0, "E_L": 0.0, "I_e": 0.0, "V_m": 0.0, "tau_m": TAU}
SYNAPSE = "eprop_synapse_bsshslm_2020"


def run(step):
    """Return the weight after an input in this step of the second interval, and what the input does to the neuron."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=1.0, eprop_update_interval=4.0, eprop_learning_window=4.0)
    nest.SetDefaults(SYNAPSE, {"optimizer": {"type": "gradient_descent", "batch_size": 1, "eta": 1.0}})
    # an input of step k leaves at 1 + k, and is there at 2 + k
    generator = nest.Create("spike_generator", params={"spike_times": [2.0, 5.0 + step]})
    source = nest.Create("parrot_neuron")
    surrogate = {"surrogate_gradient_height": 1.0, "surrogate_gradient_width": 1.0}
    neuron = nest.Create("eprop_iaf_bsshslm_2020", params={**COMMON, "V_th": 1.0, "t_ref": 0.0, **surrogate})
    readout = nest.Create("eprop_readout_bsshslm_2020", params={**COMMON, "regular_spike_arrival": False})
    # targets of step k are sent at 4 + k: 1 in step 3 of the first interval
    target = nest.Create("step_rate_generator", params={"amplitude_times": [7.0, 8.0], "amplitude_values": [1.0, 0.0]})
    nest.Connect(generator, source, syn_spec={"delay": 1.0})
    eprop = {"synapse_model": SYNAPSE, "delay": 1.0, "tau_m_readout": TAU}
    nest.Connect(source, neuron, syn_spec={**eprop, "weight": 0.5})
    nest.Connect(neuron, readout, syn_spec={**eprop, "weight": 0.0})
    feedback = {"synapse_model": "eprop_learning_signal_connection_bsshslm_2020", "delay": 1.0, "weight": 1.0}
    nest.Connect(readout, neuron, syn_spec=feedback)
    rate = {"synapse_model": "rate_connection_delayed", "delay": 1.0, "receptor_type": 2}
    nest.Connect(target, readout, syn_spec=rate)
    recorder = nest.Create("multimeter", params={"interval": 1.0, "record_from": ["V_m"]})
    nest.Connect(recorder, neuron)
    nest.Simulate(14.0)
    return nest.GetConnections(source, neuron).get("weight"), max(recorder.get("events", "V_m")[6:])


right = 0.5 + 7 / 64
near = 16 * 2.0**-53  # an exponential, and a dozen operations of numbers below 1
for step in (3, 2, 1, 0):
    weight, potential = run(step)
    print(f"input in step {step}: weight {weight}, by hand {right}; the potential rises to {potential}")
    if step >= 2:
        assert abs(weight - right) <= near and potential == weight
    elif step == 1:
        assert weight == 0.5 == potential
    else:
        assert weight == 0.5 and potential == 0
