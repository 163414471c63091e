"""NIR's CubaLIF as cells made by `define`: a synaptic current in front of a leaky integrate-and-fire neuron.

Forward Euler on tau_syn dI/dt = -I + w_in S and tau_mem dv/dt = (v_leak - v) + R I, as in
`gradcert.models.nir.graph`, with rho = 1 - dt/tau_syn and leak = 1 - dt/tau_mem; w_in dt/tau_syn and R dt/tau_mem
multiply the weights. NIR does not say whether v is driven by the current after the step's input (snnTorch, Lava) or
before it (Norse): `NEW` and `OLD`.
"""

from __future__ import annotations

from typing import Any

from gradcert.models.equations import define

EDGES = {"i -> i": "state", "v -> v": "state", "z -> v": "reset"}
CONSTANTS = {"rho": 0.8, "leak": 0.9, "threshold": 1.0, "rest": 0.0, "reset_value": 0.0}


def _equations(drive: str, current: str) -> dict[str, str]:
    return {
        "a": drive,
        "i": "rho*i_prev + a",
        "v": f"leak*(v_prev*(1 - z_prev) + reset_value*z_prev) + (1 - leak)*rest + {current}",
        "z": "spike(v - threshold)",
    }


def _cell(name: str, drive: str, current: str) -> Any:
    edges = EDGES if current == "i" else {**EDGES, "i -> v": "state"}
    return define(name, _equations(drive, current), edges=edges, constants=CONSTANTS, strict=True)


NEW = _cell("cuba_lif", "W @ x + b", "i")
NEW_LATERAL = _cell("cuba_lif_lateral", "W @ x + H @ z_prev + b", "i")
OLD = _cell("cuba_lif_old", "W @ x + b", "i_prev")
OLD_LATERAL = _cell("cuba_lif_old_lateral", "W @ x + H @ z_prev + b", "i_prev")
