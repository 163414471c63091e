"""An oracle that shares nothing with the engines: mathematics.md 1 in scalars, differentiated by dual numbers.

Every equation is written out here a second time, with loops over units and inputs. A `Dual` carries a ball and its
derivatives with respect to the parameters of one layer, so the derivative has no truncation error. A temporal edge
that a rule drops is `cut`: the value stays, its derivatives go.
"""

from __future__ import annotations

import numpy as np
from balls import ball, decided
from flint import arb

from gradcert.reference.networks.edges import Edge


class Dual:
    """A value and its derivatives, None where there are none."""

    def __init__(self, value, slopes=None):
        self.value, self.slopes = value, slopes

    def chain(self, value, slope):
        return Dual(value, None if self.slopes is None else self.slopes * slope)

    def __add__(self, other):
        other = dual(other)
        if self.slopes is None or other.slopes is None:
            return Dual(self.value + other.value, other.slopes if self.slopes is None else self.slopes)
        return Dual(self.value + other.value, self.slopes + other.slopes)

    def __mul__(self, other):
        other = dual(other)
        left, right = self.chain(self.value * other.value, other.value), other.chain(arb(0), self.value)
        return left + right

    def __neg__(self):
        return self.chain(-self.value, arb(-1))

    def __truediv__(self, other):
        other = dual(other)
        return self * other.chain(1 / other.value, -1 / other.value**2)

    def __sub__(self, other):
        return self + -dual(other)

    def __rsub__(self, other):
        return dual(other) + -self

    __radd__, __rmul__ = __add__, __mul__

    def tanh(self):
        y = self.value.tanh()
        return self.chain(y, 1 - y * y)

    def sigmoid(self):
        y = 1 / (1 + (-self.value).exp())
        return self.chain(y, y * (1 - y))


def dual(value):
    return value if isinstance(value, Dual) else Dual(ball(value))


def psi(surrogate, x):
    """The pseudo-derivatives that these tests use, from their definitions."""
    s = {k: ball(v) for k, v in surrogate.scales}
    if surrogate.name == "sigmoid":
        y = 1 / (1 + (-s["scale"] * x).exp())
        return s["scale"] * y * (1 - y)
    if surrogate.name == "triangle":
        u = 1 - abs(x) / s["width"]
        return s["scale"] * u if decided(u, ">") else arb(0)

    if surrogate.formula:  # the one of `cell_nets`
        return (1 if decided(x, "<") else 2) * s["height"] * ball(surrogate.amplitude) / (1 + (arb.pi() * x) ** 2)

    def normal(mean, deviation):
        return (-(((x - mean) / deviation) ** 2) / 2).exp() / (deviation * (2 * arb.pi()).sqrt())

    assert surrogate.name == "multi_gaussian"
    wide, side = 6 * s["sigma"], s["side"]
    lobes = normal(s["sigma"], wide) + normal(-s["sigma"], wide)
    return s["scale"] * ((1 + side) * normal(arb(0), s["sigma"]) - side * lobes)


def spike(cell, x):
    fires = decided(x.value, ">" if cell.strict else ">=")
    return x.chain(arb(1 if fires else 0), psi(cell.surrogate, x.value))


def affine(weights, x, start=None):
    out = []
    for i, row in enumerate(weights):
        total = start[i] if start is not None else dual(0)
        for w, value in zip(row, x, strict=True):
            total = total + w * value
        out.append(total)
    return out


def option(c, p, name, i):
    """A per-unit number: a trained parameter or the cell's constant."""
    return p[name][i] if name in c.train else dual(getattr(c, name))


def lif(c, p, x, s, cut):
    drive = affine(p["W"], x, p.get("b"))
    if c.recurrent:
        drive = affine(p["H"], [cut(Edge.RECURRENT, z) for z in s["z"]], drive)
    v, z = [], []
    for i, current in enumerate(drive):
        leak, threshold = option(c, p, "leak", i), option(c, p, "threshold", i)
        before, fired = cut(Edge.STATE, s["v"][i]), cut(Edge.RESET, s["z"][i])
        base = ball(c.reset_value)
        current = (current if c.gain == "one" else (1 - leak) * current) + (1 - leak) * ball(c.rest)
        if c.reset == "subtract_before_leak":
            v.append(leak * (before - threshold * fired) + current)
        elif c.reset == "hard":
            v.append(leak * ((1 - fired) * before + base * fired) + current)
        else:
            assert c.reset == "hard_with_input"
            v.append((1 - fired) * (leak * before + current) + base * fired)
        z.append(spike(c, (v[i] - threshold) / (threshold if c.scaling == "threshold" else 1)))
    return {"v": v, "z": z}


def refractory(c, p, x, s, cut):
    """A counter in integers, and with the spikes of the last steps where the period is differentiated."""
    found = lif(c, p, x, s, cut)
    past = [s["z"], *(s[f"r{k}"] for k in range(1, c.period))]
    registers = [[cut(Edge.RESET, value) for value in values] for values in past]
    z = []
    for i, fires in enumerate(found["z"]):
        quiet = dual(1)
        for register in registers:
            quiet = quiet - register[i]
        z.append(quiet * fires)
    return {**found, **{f"r{k}": r for k, r in enumerate(registers, start=1)}, "z": z}


def synaptic(c, p, x, s, cut):
    drive = affine(p["W"], x, p.get("b"))
    if c.recurrent:
        drive = affine(p["H"], [cut(Edge.RECURRENT, z) for z in s["z"]], drive)
    current, v, z = [], [], []
    for i, a in enumerate(drive):
        leak, rho, threshold = (option(c, p, name, i) for name in ("leak", "rho", "threshold"))
        decayed = rho * cut(Edge.STATE, s["i"][i])
        current.append(decayed + (a if c.current_gain == "one" else (1 - rho) * a))
        driving = current[i] if c.order == "new" else cut(Edge.STATE, s["i"][i])
        driving = driving if c.gain == "one" else (1 - leak) * driving
        before, fired, base = cut(Edge.STATE, s["v"][i]), cut(Edge.RESET, s["z"][i]), ball(c.reset_value)
        if c.reset == "subtract_after_leak":
            v.append(leak * before + driving - threshold * fired)
        elif c.reset == "subtract_before_leak":
            v.append(leak * (before - threshold * fired) + driving)
        elif c.reset == "hard":
            v.append(leak * ((1 - fired) * before + base * fired) + driving)
        else:
            assert c.reset == "hard_with_input"
            v.append((1 - fired) * (leak * before + driving) + base * fired)
        z.append(spike(c, (v[i] - threshold) / (threshold if c.scaling == "threshold" else 1)))
    return {"i": current, "v": v, "z": z}


def alif(c, p, x, s, cut):
    drive = affine(p["W"], x, p.get("b"))
    if c.recurrent:
        drive = affine(p["H"], [cut(Edge.RECURRENT, z) for z in s["z"]], drive)
    v, k, z = [], [], []
    for i, current in enumerate(drive):
        leak, threshold, beta, rho = (option(c, p, name, i) for name in ("leak", "threshold", "beta", "rho"))
        step = cut(Edge.ADAPTATION, s["z"][i])
        k.append(rho * cut(Edge.STATE, s["k"][i]) + (step if c.adaptation_gain == "one" else (1 - rho) * step))
        adaptive = threshold + beta * k[i]
        current = dual(c.resistance) * current
        current = current if c.gain == "one" else (1 - leak) * current
        height = {"threshold": threshold, "adaptive_threshold": adaptive, "none": dual(0)}[c.reset]
        v.append(leak * cut(Edge.STATE, s["v"][i]) + current - height * cut(Edge.RESET, s["z"][i]))
        unit = {"threshold": threshold, "adaptive_threshold": adaptive, "none": dual(1)}[c.scaling]
        z.append(spike(c, (v[i] - adaptive) / unit))
    return {"v": v, "k": k, "z": z}


def ltc(c, p, x, s, cut):
    """The reset is applied when the next step begins."""
    drive = affine(p["W"], x, p.get("b"))
    if c.recurrent:
        drive = affine(p["H"], [cut(Edge.RECURRENT, z) for z in s["z"]], drive)
    quiet = [1 - cut(Edge.RESET, z) for z in s["z"]]
    own = [q * cut(Edge.STATE, v) for q, v in zip(quiet, s["v"], strict=True)]
    seen = [q * cut(Edge.RECURRENT, v) for q, v in zip(quiet, s["v"], strict=True)]
    k = affine(p["Wm_u"], seen, affine(p["Wm_I"], drive, p.get("b_m")))
    r = affine(p["Wa_b"], [cut(Edge.RECURRENT, b) for b in s["b"]], affine(p["Wa_I"], drive, p.get("b_a")))
    b, v, z = [], [], []
    for i, current in enumerate(drive):
        ki, ri = k[i].sigmoid(), r[i].sigmoid()
        b.append(ri * cut(Edge.STATE, s["b"][i]) + (1 - ri) * cut(Edge.ADAPTATION, s["z"][i]))
        v.append(own[i] + ki * (current - own[i]))
        threshold = option(c, p, "threshold", i)
        distance = v[i] - threshold - option(c, p, "beta", i) * b[i]
        z.append(spike(c, distance / threshold if c.scaling == "threshold" else distance))
    return {"b": b, "v": v, "z": z}


def ltc_as_published(c, p, x, s, cut):
    """The reset is applied when the step ends: u = (1 - z) m (mathematics.md 1.3); nothing is cut."""
    drive = affine(p["W"], x, p.get("b"))
    if c.recurrent:
        drive = affine(p["H"], s["z"], drive)
    k = affine(p["Wm_u"], s["v"], affine(p["Wm_I"], drive, p.get("b_m")))
    r = affine(p["Wa_b"], s["b"], affine(p["Wa_I"], drive, p.get("b_a")))
    b, u, z = [], [], []
    for i, current in enumerate(drive):
        ri = r[i].sigmoid()
        b.append(ri * s["b"][i] + (1 - ri) * s["z"][i])
        m = s["v"][i] + k[i].sigmoid() * (current - s["v"][i])
        threshold = option(c, p, "threshold", i)
        distance = m - (threshold + option(c, p, "beta", i) * b[i])
        z.append(spike(c, distance / threshold if c.scaling == "threshold" else distance))
        u.append((1 - z[i]) * m)
    return {"b": b, "v": u, "z": z}


def rnn(c, p, x, s, cut):
    drive = affine(p["W"], x, p.get("b"))
    if c.recurrent:
        drive = affine(p["H"], [cut(Edge.RECURRENT, h) for h in s["z"]], drive)
    return {"z": drive if c.activation == "identity" else [a.tanh() for a in drive]}


def leaky_rnn(c, p, x, s, cut):
    drive = affine(p["W"], x, p.get("b"))
    if c.recurrent:
        drive = affine(p["H"], [cut(Edge.RECURRENT, h) for h in s["z"]], drive)
    rates = [option(c, p, "rate", i) for i in range(len(drive))]
    kept = [cut(Edge.STATE, h) for h in s["z"]]
    return {"z": [(1 - a) * h + a * d.tanh() for a, h, d in zip(rates, kept, drive, strict=True)]}


def integrator(c, p, x, s, cut):
    z = []
    for i, a in enumerate(affine(p["W"], x, p.get("b"))):
        kappa = option(c, p, "kappa", i)
        z.append(kappa * cut(Edge.STATE, s["z"][i]) + (a if c.gain == "one" else a - kappa * a))
    return {"z": z}


def lstm(c, p, x, s, cut):
    h = [cut(Edge.RECURRENT, value) for value in s["z"]]
    old = [cut(Edge.STATE, value) for value in s["c"]]
    pre = {}
    for gate in "ifgo":
        pre[gate] = affine(p[f"W_{gate}"], x, p.get(f"b_{gate}"))
        if c.recurrent:
            pre[gate] = affine(p[f"H_{gate}"], h, pre[gate])
    new, z = [], []
    for j in range(len(h)):
        i, f, g, o = (pre[gate][j] for gate in "ifgo")
        if c.peepholes:
            i, f = i + p["p_i"][j] * old[j], f + p["p_f"][j] * old[j]
        new.append(f.sigmoid() * old[j] + i.sigmoid() * g.tanh())
        if c.peepholes:
            o = o + p["p_o"][j] * new[j]
        z.append(o.sigmoid() * new[j].tanh())
    return {"c": new, "z": z}


def gru(c, p, x, s, cut):
    h = [cut(Edge.RECURRENT, value) for value in s["z"]]
    r, u = ([a.sigmoid() for a in affine(p[f"H_{k}"], h, affine(p[f"W_{k}"], x, p.get(f"b_{k}")))] for k in ("r", "u"))
    n = affine(p["W_n"], x, p.get("b_n"))
    if c.reset == "after":
        hidden = affine(p["H_n"], h, p.get("c_n"))
        n = [(a + rj * q).tanh() for a, rj, q in zip(n, r, hidden, strict=True)]
    else:
        hidden = affine(p["H_n"], [rj * hj for rj, hj in zip(r, h, strict=True)], p.get("c_n"))
        n = [(a + q).tanh() for a, q in zip(n, hidden, strict=True)]
    old = [cut(Edge.STATE, value) for value in s["z"]]
    return {"z": [(1 - uj) * nj + uj * hj for uj, nj, hj in zip(u, n, old, strict=True)]}


EQUATIONS = {
    "alif": alif,
    "gru": gru,
    "integrator": integrator,
    "leaky_rnn": leaky_rnn,
    "lif": lif,
    "lstm": lstm,
    "ltc": ltc,
    "refractory": refractory,
    "rnn": rnn,
    "synaptic": synaptic,
}


def seeded(parameters, layer, shapes, count):
    """The parameters of a layer as nested lists of duals, seeded where `count` > 0, and how many there are."""
    p, start = {}, 0
    for name, shape in shapes.items():
        flat = []
        for value in np.ravel(parameters[f"layers.{layer}.{name}"]):
            slopes = None
            if count:
                slopes = np.array([arb(0)] * count, dtype=object)
                slopes[start + len(flat)] = arb(1)
            flat.append(Dual(value, slopes))
        start += len(flat)
        p[name] = flat if len(shape) == 1 else _nested(flat, shape)
    return p


def _nested(flat, shape):
    grid = np.empty(len(flat), dtype=object)
    grid[:] = flat
    return grid.reshape(shape).tolist()


def gradients(network, parameters, inputs, targets, rule, *, equations=EQUATIONS, widen=None):
    """The gradient of a rule with symmetric feedback and no window: one forward run per layer of parameters.

    The layer's own temporal edges are cut to `rule.own`, those of the layers above to what the rule keeps above.
    `widen` turns a layer's weights into plain matrices, for synapses that are not dense.
    """
    out = {}
    steps, batch, _ = inputs.shape
    for own, layer in enumerate(network.layers):
        shapes = layer.shapes()
        count = sum(int(np.prod(s)) for s in shapes.values())
        if not count:
            continue
        total = np.array([arb(0)] * count, dtype=object)
        p = [seeded(parameters, i, each.shapes(), count if i == own else 0) for i, each in enumerate(network.layers)]
        if widen:
            p = [widen(i, values) for i, values in enumerate(p)]
        kept = [rule.own if i <= own else rule.kept_above(each.cell.name) for i, each in enumerate(network.layers)]
        for sample in range(batch):
            total = total + _sample(network, p, kept, inputs[:, sample], targets[:, sample], equations)
        total, start = total / ball(network.loss.divisor(steps, batch)), 0
        for name, shape in shapes.items():
            length = int(np.prod(shape))
            out[f"layers.{own}.{name}"] = total[start : start + length].reshape(shape)
            start += length
    return out


def _sample(network, p, kept, inputs, targets, equations):
    """dE/dw of one sample under the summed squared error."""
    states = [{node: [dual(0)] * each.units for node in each.cell.nodes} for each in network.layers]
    total = arb(0)
    for x, y in zip(inputs, targets, strict=True):
        x = [dual(value) for value in x]
        for i, each in enumerate(network.layers):

            def cut(edge, value, edges=kept[i]):
                return value if edge in edges else Dual(value.value)

            states[i] = equations[each.cell.name](each.cell, p[i], x, states[i], cut)
            x = states[i]["z"]
        for o, target in zip(x, y, strict=True):
            if o.slopes is not None:
                total = total + o.slopes * (o.value - target)
    return total
