"""NEST 3.10.0: a ``t_ref`` of n steps keeps a neuron of e-prop from spiking for n - 1 steps.

Documented: "After the time step of the spike emission, the neuron is not able to spike for an absolute refractory
period t_ref", and that the dynamics are similar to those of ``iaf_psc_delta``. A neuron that is always far above its
threshold spikes every n-th step, one of ``iaf_psc_delta`` every (n + 1)-th. (The TensorFlow code of Bellec et al. 2020
counts as the neuron of e-prop does.)
"""

import os

os.environ.setdefault("PYNEST_QUIET", "1")

import nest
import numpy as np


def interval(model, t_ref):
    """Return the steps from spike to spike of a neuron under a strong current."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=1.0)
    neuron = nest.Create(model, params={"E_L": 0.0, "V_m": 0.0, "V_th": 1.0, "I_e": 1e6, "t_ref": t_ref})
    recorder = nest.Create("spike_recorder")
    nest.Connect(neuron, recorder)
    nest.Simulate(60.0)
    times = recorder.get("events", "times")
    (steps,) = set(np.diff(times[times > 5]))  # the first interval of updates begins before, with a neuron at rest
    return float(steps)


for t_ref in (1.0, 2.0, 5.0):
    found = {m: interval(m, t_ref) for m in ("iaf_psc_delta", "eprop_iaf_bsshslm_2020", "eprop_iaf")}
    print(f"t_ref {t_ref} ms: a spike every", ", ".join(f"{steps} ms ({model})" for model, steps in found.items()))
    assert list(found.values()) == [t_ref + 1, t_ref, t_ref]
