"""NEST 3.10.0: the eligibility trace of ``eprop_iaf_psc_delta`` goes on through the reset of the neuron.

A spike sets the potential to V_reset, so that what came before has no influence on it any more: the eligibility vector
of e-prop, eps^t = (d v^t / d v^{t-1}) eps^{t-1} + z^t, begins anew. The documented (and computed) trace is that of a
neuron without a reset, zbar^t = alpha zbar^{t-1} + z^t.

One synapse of weight 5/4, inputs in steps 0 and 1, decays 1/2, threshold 1, V_reset 0: v = 5/4 (a spike), then
0/2 + 5/4 = 5/4. With an error of -1 in step 1 alone, psi = 1 - |5/4 - 1| = 3/4 in both steps and a trace that is not
filtered (kappa = 0), the gradient is -3/4 eps: eps^1 = 1 by definition, 1/2 + 1 as computed. The definition is verified
by moving the weight: v^1 moves by as much.
"""

import math
import os

os.environ.setdefault("PYNEST_QUIET", "1")

import nest

TAU = 1 / math.log(2)
WEIGHT = 1.25


def run(weight):
    """Return the gradient of the synapse, and the potentials before the resets, read from a neuron that has none."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=1.0)
    # so small a learning rate that the sequence runs at a fixed weight: a static synapse carries it, another learns
    eta = 2.0**-300
    nest.SetDefaults("eprop_synapse", {"optimizer": {"type": "gradient_descent", "batch_size": 1, "eta": eta}})
    common = {"C_m": 1.0, "E_L": 0.0, "I_e": 0.0, "V_m": 0.0}
    generator = nest.Create("spike_generator", params={"spike_times": [1.0, 2.0, 12.0]})
    source = nest.Create("parrot_neuron")
    surrogate = {"surrogate_gradient_height": 1.0, "surrogate_gradient_width": 1.0, "kappa": 0.0}
    neuron = nest.Create(
        "eprop_iaf_psc_delta", params={**common, "tau_m": TAU, "V_th": 1.0, "V_reset": 0.0, "t_ref": 0.0, **surrogate}
    )
    readout = nest.Create("eprop_readout", params={**common, "tau_m": TAU})
    nest.Connect(generator, source, syn_spec={"delay": 1.0})
    nest.Connect(source, neuron, syn_spec={"delay": 1.0, "weight": weight})
    nest.Connect(source, neuron, syn_spec={"synapse_model": "eprop_synapse", "delay": 1.0, "weight": 0.0})
    nest.Connect(neuron, readout, syn_spec={"synapse_model": "eprop_synapse", "delay": 1.0, "weight": 0.0})
    feedback = {"synapse_model": "eprop_learning_signal_connection", "delay": 1.0, "weight": 1.0}
    nest.Connect(readout, neuron, syn_spec=feedback)
    for port in (1, 2):  # the learning window and the target are 1 in step 1, which the readout has at 4
        signal = nest.Create(
            "step_rate_generator", params={"amplitude_times": [4.0, 5.0], "amplitude_values": [1.0, 0.0]}
        )
        rate = {"synapse_model": "rate_connection_delayed", "delay": 1.0, "receptor_type": port}
        nest.Connect(signal, readout, syn_spec=rate)
    recorder = nest.Create("multimeter", params={"interval": 1.0, "record_from": ["surrogate_gradient"]})
    nest.Connect(recorder, neuron)
    nest.Simulate(16.0)
    psi = recorder.get("events", "surrogate_gradient")[1:4]  # of the steps that end at 2, 3 and 4 ms
    learned = nest.GetConnections(source, neuron, "eprop_synapse").get("weight")
    return -learned / eta, [float(2 - p) for p in psi]  # v = 2 - psi where v >= 1


gradient, (_, first, second) = run(WEIGHT)
_, (_, _, moved) = run(WEIGHT + 0.25)
eps = (moved - second) / 0.25
print(f"potentials {first}, {second}; moving the weight by 1/4 moves the second by {moved - second}: eps = {eps}")
print(f"gradient {gradient}; by the definition {-0.75 * eps}, by a trace that goes on {-0.75 * 1.5}")
assert (first, second, eps) == (WEIGHT, WEIGHT, 1.0)
assert abs(gradient + 0.75 * 1.5) <= 16 * 2.0**-53  # an exponential, a dozen operations of numbers below 2
