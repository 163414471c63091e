"""NEST 3.10.0: three of the four pseudo-derivatives are not the documented ones.

gamma is ``surrogate_gradient_height``, 1 / beta ``surrogate_gradient_width``, d = v - v_th. The documentation of every
e-prop neuron says::

    piecewise_linear           gamma / v_th max(0, 1 - beta |d / v_th|)
    exponential                gamma exp(-beta |d|)
    fast_sigmoid_derivative    gamma (1 + beta |d|)^2
    arctan_derivative          gamma / pi / (1 + (beta pi d)^2)

The code leaves v_th out of the first (NEST's examples divide height and width themselves), has the exponent -2 in the
third, which makes it a bump, and no pi in the fourth. Each is read from a neuron at v = 1/4 with v_th = 1/2.
"""

import math
import os

os.environ.setdefault("PYNEST_QUIET", "1")

import nest

GAMMA, BETA, V, V_TH = 0.75, 2.0, 0.25, 0.5
d = V - V_TH
DOCUMENTED = {
    "piecewise_linear": GAMMA / V_TH * max(0.0, 1 - BETA * abs(d / V_TH)),
    "exponential": GAMMA * math.exp(-BETA * abs(d)),
    "fast_sigmoid_derivative": GAMMA * (1 + BETA * abs(d)) ** 2,
    "arctan_derivative": GAMMA / math.pi / (1 + (BETA * math.pi * d) ** 2),
}
COMPUTED = {
    "piecewise_linear": GAMMA * max(0.0, 1 - BETA * abs(d)),
    "exponential": GAMMA * math.exp(-BETA * abs(d)),
    "fast_sigmoid_derivative": GAMMA / (1 + BETA * abs(d)) ** 2,
    "arctan_derivative": GAMMA / (1 + (BETA * d) ** 2),
}


def read(model, function):
    """Return the pseudo-derivative of a neuron at v after its first step, as NEST records it."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=1.0)
    chosen = {"surrogate_gradient_function": function, "surrogate_gradient_height": GAMMA}
    chosen |= {"surrogate_gradient_width": 1 / BETA, "tau_m": 1e300}  # no leak
    neuron = nest.Create(model, params={"E_L": 0.0, "V_m": V, "V_th": V_TH, **chosen})
    recorder = nest.Create("multimeter", params={"interval": 1.0, "record_from": ["V_m", "surrogate_gradient"]})
    nest.Connect(recorder, neuron)
    nest.Simulate(4.0)
    events = recorder.get("events")
    assert events["V_m"][0] == V
    return events["surrogate_gradient"][0]


for model in ("eprop_iaf_bsshslm_2020", "eprop_iaf"):
    for function, documented in DOCUMENTED.items():
        found, computed = read(model, function), COMPUTED[function]
        print(f"{model:24}{function:26}{found:.6f}, documented {documented:.6f}, by hand {computed:.6f}")
        assert abs(found - computed) <= 8 * 2.0**-53  # a handful of operations of numbers of about 1
        assert (found == documented) == (function == "exponential")
