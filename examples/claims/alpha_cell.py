"""Cells of one's own, as equations: LIF behind alpha synapses, and a neuron that spikes up to three times a step."""

from decays import MEMBRANE, SYNAPSE

from gradcert.models.equations import define
from gradcert.reference import Surrogate

EDGES = {"v -> v": "state", "z -> v": "reset"}
Alpha = define(
    "alpha",
    {
        "a": "W @ x + b",
        "g": "rho*g_prev + a",
        "i": "rho*i_prev + g",  # the current follows the conductance g
        "v": "leak*v_prev + (1 - leak)*i - threshold*z_prev",
        "z": "spike(v - threshold)",
    },
    edges={"g -> g": "state", "i -> i": "state", **EDGES},
    constants={"leak": MEMBRANE, "rho": SYNAPSE, "threshold": 1.0},
    surrogate=Surrogate("atan"),
)
Several = define(
    "several",
    {
        "a": "W @ x + b",
        "v": "leak*v_prev - threshold*z_prev + a",
        "z": "min(max(floor(v/threshold), 0), 3)",
    },
    edges=EDGES,
    constants={"leak": MEMBRANE, "threshold": 1.0},
    floor=Surrogate(formula="1"),  # straight through; outside of 0 to 3 min and max are silent
)
