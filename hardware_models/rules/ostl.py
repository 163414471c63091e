"""OSTL (mathematics.md 4.1, 4.2): eligibility by the state Jacobian, diagonal without, dense with lateral weights."""

from __future__ import annotations

from gradcert.hardware_models.description.build import BIT, Builder
from gradcert.hardware_models.description.program import Node, Numeric, Program
from gradcert.hardware_models.profile import Profile
from gradcert.hardware_models.rules.neurons import Layer, layer
from gradcert.hardware_models.rules.pieces import product_format, readout, update_weight


def ostl(p: Profile, *, inputs: int, neurons: int, outputs: int, recurrent: bool = False) -> Program:
    """Return one step of OSTL for one SNU layer (hard reset in the trace) under a stateless readout.

    Feed-forward: eps = (lam (1 - z) - lam v psi) eps + x, one value per synapse, z, v, psi of the previous step. With
    dense recurrence: eps[i, q, j] = sum_m J[i, m] eps[m, q, j] + [i = q] x[j], for W and for H.

    Examples
    --------
    >>> from gradcert.hardware_models.chips import PROFILES
    >>> ostl(PROFILES["q-format"], inputs=2, neurons=2, outputs=1, recurrent=True).node("W.eps").axes
    ('post', 'unit', 'pre')
    """
    rule = "ostl-recurrent" if recurrent else "ostl"
    sizes = {"pre": inputs, "post": neurons, "rec": neurons, "unit": neurons, "from": neurons, "out": outputs}
    b = Builder(f"{p.name}/{rule}", sizes)
    net = layer(b, p, recurrent=recurrent, reset="hard", self_connections=True)
    psi_before = b.state("psi.before", p.height_format, ("post",))
    b.next(psi_before, net.psi)
    diagonal = _diagonal(b, p, net, psi_before)
    jacobian = _dense(b, p, net, diagonal, psi_before) if recurrent else diagonal
    wo, error = readout(b, p, net.z_next, leaky=False)
    terms = b.mul("signal.terms", wo, error, product_format(wo.numeric.format, error.numeric.format))
    credit = b.mul("credit", b.sum("signal", terms, "out", p["signal"]), net.psi, p["credit"])
    pairs = [(net.w, net.x)] + ([(net.h, net.lateral)] if net.h is not None and net.lateral is not None else [])
    for weight, spike in pairs:
        product = _trace(b, p, weight.name, jacobian, spike, credit, recurrent)
        update_weight(b, p, weight, product, spike)
    update_weight(b, p, wo, b.mul("Wo.product", error, net.z_next, p["product"]), net.z_next)
    return b.program()


def _diagonal(b: Builder, p: Profile, net: Layer, psi: Node) -> Node:
    """Return lam (1 - z) - lam v psi at t - 1."""
    role = p["jacobian"]
    one = b.constant("one", BIT.format, 1)
    leak = b.constant("J.leak", p.leak_format, p.leak)
    gate = b.sub("J.gate", one, net.z, Numeric(BIT.format))
    reset = b.mul("J.reset", net.v, psi, role)
    return b.mul("J.diagonal", leak, b.sub("J.open", gate, reset, role), role)


def _dense(b: Builder, p: Profile, net: Layer, diagonal: Node, psi: Node) -> Node:
    """Return J[post, rec] = H diag(psi) + the diagonal, at t - 1 (mathematics.md 4.1)."""
    assert net.h is not None
    size = b.sizes["post"]
    eye = b.constant("J.eye", BIT.format, [int(i == j) for i in range(size) for j in range(size)], ("post", "rec"))
    lateral = b.mul("J.lateral", net.h, b.rename("psi.lateral", psi, ("rec",)), p["jacobian"])
    return b.add("J", lateral, b.mul("J.spread", diagonal, eye, p["jacobian"]), p["jacobian"])


def _trace(b: Builder, p: Profile, name: str, jacobian: Node, spike: Node, credit: Node, recurrent: bool) -> Node:
    """Return the update's product, credit x eps, and move the trace on."""
    role = p["jacobian"]
    if not recurrent:
        state = b.state(f"{name}.eps", role.format, ("post", *spike.axes))
        following = b.add(f"{name}.eps.next", b.mul(f"{name}.eps.moved", jacobian, state, role), spike, role)
        b.next(state, following)
        return b.mul(f"{name}.product", credit, following, p["product"])
    # the lateral trace's own synapse axis has to differ from the axis that J sums over
    fed = b.rename(f"{name}.source", spike, ("from",)) if spike.axes == ("rec",) else spike
    axis = fed.axes[0]
    state = b.state(f"{name}.eps", role.format, ("post", "unit", axis))
    lagged = b.rename(f"{name}.eps.before", state, ("rec", "unit", axis))
    moved = b.sum(f"{name}.eps.moved", b.mul(f"{name}.eps.terms", jacobian, lagged, role), "rec", role)
    size = b.sizes["post"]
    own = [int(i == j) for i in range(size) for j in range(size)]
    eye = b.constant(f"{name}.eye", BIT.format, own, ("post", "unit"))
    drive = b.mul(f"{name}.eps.drive", eye, fed, Numeric(BIT.format))
    following = b.add(f"{name}.eps.next", moved, drive, role)
    b.next(state, following)
    terms = b.mul(f"{name}.product.terms", credit, following, p["product"])
    per_unit = b.sum(f"{name}.product.unit", terms, "post", p["product"])
    return b.rename(f"{name}.product", per_unit, ("post", "rec" if axis == "from" else axis))
