"""The neuron of NEST's e-prop in full, as equations: adaptive, with a refractory period, spike inputs times 1 - leak.

``eprop_iaf_adapt_bsshslm_2020`` with ``regular_spike_arrival=False`` and a ``t_ref`` of three steps, which keeps a neuron
from spiking for two. A spike lowers the potential one step later, by the threshold without its adaptation.
"""

from gradcert.models.equations import define
from gradcert.reference.numbers import Surrogate

Adaptive = define(
    "nest_adaptive",
    {
        "a": "W @ x + H @ z_prev",
        "k": "rho*k_prev + z_prev",
        "v": "leak*v_prev + (1 - leak)*a - threshold*z_prev",
        "r": "z_prev",
        "s": "r_prev",
        "z": "(1 - r - s)*spike(v - threshold - beta*k)",
    },
    edges={
        "k -> k": "state",
        "v -> v": "state",
        "z -> k": "adaptation",
        "z -> v": "reset",
        "z -> r": "reset",  # that a spike keeps later ones away is part of its reset
        "r -> s": "reset",
    },
    constants={"leak": 0.9, "rho": 0.8, "beta": 0.3, "threshold": 0.5},
    surrogate=Surrogate("triangle", scale=0.3, width=1.0),
    strict=False,
)
Adaptive.period = 2
