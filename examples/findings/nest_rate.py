"""NEST 3.10.0: the regulariser of firing rates: a sign in the documentation, a unit, and a mean taken twice.

One neuron that never spikes under one input of weight 1/2; decays 1/2, threshold 1, target rate 100 spikes/s, which is
0.1 per step of 1 ms, coefficient 1, four steps of which the first is silent. e = psi zbar is 1/2, 1/8, 1/32. Weights
into a silent neuron have to rise: the gradient is (0 - 0.1) / 4 sum e < 0.

* The documentation of ``eprop_iaf_bsshslm_2020`` has f_target - f_av for f_av - f_target in this gradient.
* With ``average_gradient=True`` the regulariser, a mean over the interval already, is divided by the learning window
  as well.
* ``eprop_iaf`` compares a rate in spikes/ms with a target in spikes per step: with a resolution of 1/2 ms, half the
  target that was set.
"""

import math
import os

os.environ.setdefault("PYNEST_QUIET", "1")

import nest

DECAY = 1 / math.log(2)  # time constant in steps
SUM = 1 / 2 + 1 / 8 + 1 / 32


def network(family, step, eta, average=None):
    """Return the gradient of the input weight, of the regulariser alone: the error is 0."""
    of_2020 = "_bsshslm_2020" if average is not None else ""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=step)
    if of_2020:
        nest.set(eprop_update_interval=4 * step, eprop_learning_window=4 * step)
        nest.SetDefaults(f"eprop_synapse{of_2020}", {"average_gradient": average})
    synapse = f"eprop_synapse{of_2020}"
    nest.SetDefaults(synapse, {"optimizer": {"type": "gradient_descent", "batch_size": 1, "eta": eta}})
    common = {"C_m": 1.0, "E_L": 0.0, "I_e": 0.0, "V_m": 0.0, "tau_m": DECAY * step}
    generator = nest.Create("spike_generator", params={"spike_times": [2 * step, 8 * step]})
    source = nest.Create("parrot_neuron")
    options = {"surrogate_gradient_height": 1.0, "surrogate_gradient_width": 1.0, "c_reg": 1.0, "f_target": 100.0}
    options |= {} if of_2020 else {"kappa_reg": 0.5}
    neuron = nest.Create(f"{family}{of_2020}", params={**common, "V_th": 1.0, "t_ref": 0.0, **options})
    readout = nest.Create(f"eprop_readout{of_2020}", params=common)
    nest.Connect(generator, source, syn_spec={"delay": step})
    nest.Connect(source, neuron, syn_spec={"synapse_model": synapse, "delay": step, "weight": 0.5})
    nest.Connect(neuron, readout, syn_spec={"synapse_model": synapse, "delay": step, "weight": 0.0})
    feedback = {"synapse_model": f"eprop_learning_signal_connection{of_2020}", "delay": step, "weight": 1.0}
    nest.Connect(readout, neuron, syn_spec=feedback)
    nest.Simulate(12 * step)
    return (0.5 - nest.GetConnections(source, neuron).get("weight")) / eta


near = 64 * 2.0**-53  # exponentials, some twenty operations, a difference of numbers below 1
found = network("eprop_iaf", 1.0, 1.0, average=False)
right = (0 - 0.1) / 4 * SUM
print("eprop_iaf_bsshslm_2020          ", found, "by hand", right, "documented", -right)
assert abs(found - right) <= near

found = network("eprop_iaf", 1.0, 1.0, average=True)
print("the same with average_gradient  ", found, "by hand, one mean over the interval,", right)
assert abs(found - right / 4) <= near


def filtered(target):
    """Return the gradient of ``eprop_iaf`` by hand: sum of (f - target) times the filtered trace, five steps."""
    total, trace = 0.0, 0.0
    for k in range(5):
        trace = trace / 2 + 0.5 ** (2 * k + 1) / 2  # e = 1/2, 1/8, 1/32, ...
        total += (0 - target) * trace
    return total


for step in (1.0, 0.5):
    found = network("eprop_iaf", step, 1.0)
    documented, computed = filtered(0.1), filtered(0.1 * step)  # the target is 0.1 spikes/ms at any resolution
    print(f"eprop_iaf, resolution {step} ms ", found, "documented", documented, "by hand, in spikes a step", computed)
    assert abs(found - computed) <= near and (abs(found - documented) <= near) == (step == 1.0)
