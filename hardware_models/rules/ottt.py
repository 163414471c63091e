"""OTTT (mathematics.md 7.1): presynaptic traces that contain the current spike, same-time credit, stateless readout."""

from __future__ import annotations

from gradcert.hardware_models.description.build import Builder
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.profile import Profile
from gradcert.hardware_models.rules.neurons import layer
from gradcert.hardware_models.rules.pieces import input_trace, learning_signal, readout, update_weight


def ottt(p: Profile, *, inputs: int, neurons: int, outputs: int) -> Program:
    """Return one step of OTTT_O (update after every step): LIF with reset before leak (form A), feed-forward.

    Examples
    --------
    >>> from gradcert.hardware_models.chips import PROFILES
    >>> [n.name for n in ottt(PROFILES["q-format"], inputs=2, neurons=2, outputs=1).of_kind("state")]
    ['W', 'v', 'z', 'Wo', 'xh']
    """
    b = Builder(f"{p.name}/ottt", {"pre": inputs, "post": neurons, "out": outputs})
    net = layer(b, p, recurrent=False, reset="leaked")
    wo, error = readout(b, p, net.z_next, leaky=False)
    credit = learning_signal(b, p, wo, error, net.psi)
    _, trace = input_trace(b, p, "xh", net.x)
    update_weight(b, p, net.w, b.mul("W.product", credit, trace, p["product"]), net.x)
    update_weight(b, p, wo, b.mul("Wo.product", error, net.z_next, p["product"]), net.z_next)
    return b.program()
