"""e-prop with LIF or ALIF neurons (mathematics.md 6): the eligibility is filtered with the readout's leak."""

from __future__ import annotations

from gradcert.hardware_models.description.build import Builder
from gradcert.hardware_models.description.program import Node, Program
from gradcert.hardware_models.profile import Profile
from gradcert.hardware_models.rules.neurons import layer
from gradcert.hardware_models.rules.pieces import input_trace, leaked, product_format, readout, update_weight


def eprop(p: Profile, *, inputs: int, neurons: int, outputs: int, adaptive: bool = False) -> Program:
    """Return one step of e-prop: `inputs` -> `neurons` recurrent LIF (ALIF) -> `outputs` leaky readouts.

    Per synapse: psi x trace (minus, for ALIF, beta x psi x adaptation trace), filtered with kappa, times the learning
    signal. Traces are read after their update, the lateral trace contains spikes up to t - 1.

    Examples
    --------
    >>> from gradcert.hardware_models.chips import PROFILES
    >>> eprop(PROFILES["q-format"], inputs=2, neurons=2, outputs=1).node("W.product").axes
    ('post', 'pre')
    """
    rule = "e-prop-alif" if adaptive else "e-prop"
    b = Builder(f"{p.name}/{rule}", {"pre": inputs, "post": neurons, "rec": neurons, "out": outputs})
    net = layer(b, p, recurrent=True, reset="soft", adaptive=adaptive)
    assert net.h is not None and net.lateral is not None
    wo, error = readout(b, p, net.z_next)
    terms = b.mul("signal.terms", wo, error, product_format(wo.numeric.format, error.numeric.format))
    signal = b.sum("signal", terms, "out", p["signal"])
    for weight, spike in ((net.w, net.x), (net.h, net.lateral)):
        _, trace = input_trace(b, p, f"xh.{weight.name}", spike)
        gradient = _eligibility(b, p, weight.name, trace, net.psi, adaptive)
        product = b.mul(f"{weight.name}.{'unmasked' if weight is net.h else 'product'}", signal, gradient, p["product"])
        if weight is net.h:  # no self-connections: the gradient is masked like the forward pass
            product = b.mul("H.product", product, b["H.mask"], p["product"])
        update_weight(b, p, weight, product, spike)
    _, filtered = input_trace(b, p, "zbar", net.z_next, p.readout_leak)
    update_weight(b, p, wo, b.mul("Wo.product", error, filtered, p["product"]), net.z_next)
    return b.program()


def _eligibility(b: Builder, p: Profile, name: str, trace: Node, psi: Node, adaptive: bool) -> Node:
    """Return the kappa-filtered eligibility eb = kappa eb + psi (xh - beta epsa)."""
    elig = p["credit"]
    value = trace
    if adaptive:
        adaptation = p["credit"]
        state = b.state(f"{name}.epsa", adaptation.format, ("post", *trace.axes))
        strength = b.constant(f"{name}.beta", p.leak_format, p.adaptation_strength)
        drop = b.mul(f"{name}.epsa.beta", strength, state, adaptation)
        value = b.sub(f"{name}.trace", trace, drop, adaptation)
        eligible = b.mul(f"{name}.e", value, psi, elig)
        # NEST's form: epsa^t = rho epsa^{t-1} + e^{t-1}; e^t read here becomes the next step's increment
        decayed = leaked(b, p, f"{name}.epsa.leaked", p.adaptation_leak, state, "credit")
        b.next(state, b.add(f"{name}.epsa.next", decayed, eligible, adaptation))
    else:
        eligible = b.mul(f"{name}.e", value, psi, elig)
    bar = b.state(f"{name}.eb", elig.format, ("post", *trace.axes))
    held = leaked(b, p, f"{name}.eb.leaked", p.readout_leak, bar, "credit")
    following = b.add(f"{name}.eb.next", held, eligible, elig)
    b.next(bar, following)
    return following
