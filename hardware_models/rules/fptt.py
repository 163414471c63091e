"""FPTT (mathematics.md 8.2, the official code's form): alpha = 1/8, beta = 1/2 as shifts.

A part is one step; where the profile applies updates by window, a part is a window.
"""

from __future__ import annotations

from gradcert.hardware_models.description.build import Builder
from gradcert.hardware_models.description.program import Node, Numeric, Program
from gradcert.hardware_models.profile import Profile
from gradcert.hardware_models.rules.neurons import layer
from gradcert.hardware_models.rules.pieces import learning_signal, readout, update_weight

ALPHA = 3  # alpha = 2**-3
BETA = 1  # beta = 2**-1


def fptt(p: Profile, *, inputs: int, neurons: int, outputs: int) -> Program:
    """Return one step of FPTT with parts of one step: the gradient is cut at every update, the regulariser remembers.

    The running mean starts at the weight (whoever loads weights loads it too), the multiplier at zero. Per weight, in
    this order: w <- w - eta (grad - Lam + alpha (w - wbar)); Lam <- Lam - alpha (w - wbar), with the
    new w
    and the old wbar; wbar <- (1 - beta) wbar + beta w - (beta / alpha) Lam, with the new Lam.

    Examples
    --------
    >>> from gradcert.hardware_models.chips import PROFILES
    >>> fptt(PROFILES["q-format"], inputs=2, neurons=2, outputs=1).next["W.mean"]
    'W.mean.next'
    """
    b = Builder(f"{p.name}/fptt", {"pre": inputs, "post": neurons, "out": outputs})
    net = layer(b, p, recurrent=False, reset="hard")
    wo, error = readout(b, p, net.z_next, leaky=False)
    credit = learning_signal(b, p, wo, error, net.psi)
    _regularised(b, p, net.w, b.mul("W.product", credit, net.x, p["product"]), net.x)
    _regularised(b, p, wo, b.mul("Wo.product", error, net.z_next, p["product"]), net.z_next)
    if p.update == "window":
        b.note("FPTT's parts are the windows: the regulariser acts, and its registers move, when an update is applied.")
    if p.update == "pulses":
        b.note("The running mean follows the weight that the devices are asked for; they are read in the next step.")
    return b.program()


def _regularised(b: Builder, p: Profile, weight: Node, gradient: Node, spike: Node) -> None:
    name, dual = weight.name, p["dual"]
    mean = b.state(f"{name}.mean", dual.format, weight.axes)
    multiplier = b.state(f"{name}.dual", dual.format, weight.axes)
    away = b.sub(f"{name}.away", weight, mean, dual)
    penalty = b.sub(f"{name}.penalty", b.shift(f"{name}.pull", away, -ALPHA, dual), multiplier, dual)
    applied = update_weight(b, p, weight, gradient, spike, penalty)
    moved = applied.weight
    gap = b.sub(f"{name}.gap", moved, mean, dual)
    dual_next = b.sub(f"{name}.dual.next", multiplier, b.shift(f"{name}.gap.scaled", gap, -ALPHA, dual), dual)
    halves = b.shift(f"{name}.halves", b.add(f"{name}.both", mean, moved, dual), -BETA, dual)
    scaled = b.shift(f"{name}.dual.scaled", dual_next, ALPHA - BETA, dual)
    mean_next = b.sub(f"{name}.mean.next", halves, scaled, dual)
    for register, following in ((multiplier, dual_next), (mean, mean_next)):
        if applied.gate is not None:
            kept = Numeric(dual.format, overflow=dual.overflow)
            following = b.select(f"{register.name}.kept", applied.gate, following, register, kept)
        b.next(register, following)
