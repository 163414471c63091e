"""Neurons of NEST's e-prop that gradcert has no cell for, as equations with labelled edges.

* `Adaptive`: ``eprop_iaf_adapt_bsshslm_2020`` with ``regular_spike_arrival=False``. A spike lowers the potential one
  step later, by the threshold without its adaptation.
* `AdaptiveNow`: ``eprop_iaf_adapt``, where a spike lowers the potential at once, so that what it took off leaks too.
* `HardReset`: ``eprop_iaf_psc_delta``, with a reset to 0. d is what a spike takes off; that it depends on the potential
  is labelled as part of the reset, which e-prop drops.

The first two have a ``t_ref`` of three steps, which keeps a neuron from spiking for two.
"""

from gradcert.models.equations import define
from gradcert.reference.numbers import Surrogate

TRIANGLE = Surrogate("triangle", scale=0.3, width=1.0)
CONSTANTS = {"leak": 0.9, "rho": 0.8, "beta": 0.3, "threshold": 0.5}
EDGES = {
    "k -> k": "state",
    "v -> v": "state",
    "z -> k": "adaptation",
    "z -> v": "reset",
    "z -> r": "reset",  # that a spike keeps later ones away is part of its reset
    "r -> s": "reset",
}


def adaptive(name, potential):
    """Return the adaptive neuron with a refractory period of two steps."""
    cell = define(
        name,
        {
            "a": "W @ x + H @ z_prev",
            "k": "rho*k_prev + z_prev",
            "v": potential,
            "r": "z_prev",
            "s": "r_prev",
            "z": "(1 - r - s)*spike(v - threshold - beta*k)",
        },
        edges=EDGES,
        constants=CONSTANTS,
        surrogate=TRIANGLE,
        strict=False,
    )
    cell.period = 2
    return cell


Adaptive = adaptive("nest_adaptive", "leak*v_prev + (1 - leak)*a - threshold*z_prev")
AdaptiveNow = adaptive("nest_adaptive_now", "leak*(v_prev - threshold*z_prev) + a")
HardReset = define(
    "nest_hard_reset",
    {
        "a": "W @ x + H @ z_prev",
        "d": "v_prev*z_prev",
        "v": "leak*(v_prev - d) + a",
        "z": "spike(v - threshold)",
    },
    edges={"v -> v": "state", "v -> d": "reset", "z -> d": "reset"},
    constants={"leak": 0.9, "threshold": 0.5},
    surrogate=TRIANGLE,
    strict=False,
)
