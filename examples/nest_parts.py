"""What the subjects of NEST share: constants in NEST's terms, spike trains, targets, and weights read back.

A gradient is read from a weight change: plain gradient descent, w - eta g. The learning rate eta is a power of two, so
that it changes nothing but the exponent, and large: what is lost in rounding is the old weight, not the gradient.
"""

import os
from typing import Any

os.environ.setdefault("PYNEST_QUIET", "1")

import nest
import numpy as np

STEP = 1.0  # ms
ETA = 2.0**900
FAR = 1.7e308  # weights are not clipped
COMMON = {"C_m": 1.0, "E_L": 0.0, "I_e": 0.0, "V_m": 0.0}  # mV and pA, as in NEST's own examples of e-prop
SURROGATES: dict[str, Any] = {  # of gradcert, as function, height and width of NEST's code
    "triangle": lambda scale, width: ("piecewise_linear", scale, width),
    "exponential": lambda scale: ("exponential", 1.0, 1 / scale),
    "fast_sigmoid": lambda slope: ("fast_sigmoid_derivative", 1.0, 1 / slope),
    "atan": lambda scale: ("arctan_derivative", scale / 2, 2 / (np.pi * scale)),
}


def time_constant(decay):
    """Return tau in ms, for a decay exp(-step / tau); of 0 and 1, one at which the exponential is just that."""
    ends = {0.0: STEP / 1000, 1.0: STEP * 1e300}
    return ends.get(float(decay)) or float(-STEP / np.log(decay))


def pseudo_derivative(surrogate):
    """Return NEST's three parameters."""
    function, height, width = SURROGATES[surrogate.name](**dict(surrogate.scales))
    names = ("surrogate_gradient_function", "surrogate_gradient_height", "surrogate_gradient_width")
    return dict(zip(names, (function, height, width), strict=True))


def dense(synapse, weights, **others):
    """Return the description of a connection, from all to all, with a weight each."""
    return {"synapse_model": synapse, "delay": STEP, "weight": np.ascontiguousarray(weights), **others}


def spikes(x, starts):
    """Return input neurons: (time, batch, neurons) of 0 and 1, sample b beginning at the time starts[b]."""
    generators, neurons = nest.Create("spike_generator", x.shape[2]), nest.Create("parrot_neuron", x.shape[2])
    for j, generator in enumerate(generators):
        times = [float(start + t) for b, start in enumerate(starts) for t in np.flatnonzero(x[:, b, j])]
        generator.set(spike_times=times)
    nest.Connect(generators, neurons, "one_to_one", {"delay": STEP})
    return neurons


def signals(values, readouts, start, port=2):
    """Send every readout a number at every step, from `start` on: (time, readouts)."""
    generators = nest.Create("step_rate_generator", len(readouts))
    for generator, value in zip(generators, values.T, strict=True):
        generator.set(amplitude_times=np.arange(len(values)) * STEP + start, amplitude_values=value)
    synapse = {"synapse_model": "rate_connection_delayed", "delay": STEP, "receptor_type": port}
    nest.Connect(generators, readouts, "one_to_one", synapse)


def force(neurons, time):
    """Make neurons spike once more, one step after `time`: a synapse changes its weight at a spike."""
    generator = nest.Create("spike_generator", 1, {"spike_times": [float(time)]})
    nest.Connect(generator, neurons, "all_to_all", {"weight": 1e9, "delay": STEP})


def change(before, sources, targets, synapse, eta=ETA):
    """Return what was taken from the weights, (targets, sources), divided by the learning rate."""
    found = nest.GetConnections(sources, targets, synapse)
    after = np.zeros(before.shape)
    rows = np.atleast_1d(found.target) - targets[0].global_id
    after[rows, np.atleast_1d(found.source) - sources[0].global_id] = found.weight
    return (before - after) / eta


def potentials(recorder, readouts, times):
    """Return the membrane potentials of readouts at the given times, (times, readouts)."""
    events = recorder.get("events")
    rows = {float(t): i for i, t in enumerate(times)}
    out = np.full((len(times), len(readouts)), np.nan)
    for time, who, value in zip(events["times"], events["senders"], events["V_m"], strict=True):
        if time in rows:
            out[rows[time], who - readouts[0].global_id] = value
    return out
