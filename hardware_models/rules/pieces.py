"""Pieces that every rule's description is written from: neurons, pseudo-derivative, readout, traces, weight updates."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gradcert.hardware_models.arithmetic import FloatFormat, Format, Overflow, Rounding
from gradcert.hardware_models.description.build import Builder
from gradcert.hardware_models.description.program import AnyFormat, Node, Numeric
from gradcert.hardware_models.profile import Profile, Staircase


def product_format(a: AnyFormat, b: AnyFormat) -> Numeric:
    """Return the format that holds every product exactly (floating point stays as it is)."""
    if isinstance(a, FloatFormat) or isinstance(b, FloatFormat):
        return Numeric(a if isinstance(a, FloatFormat) else b)
    signed = a.signed or b.signed
    return Numeric(Format(signed, a.width + b.width + (signed and not (a.signed and b.signed)), a.radix + b.radix))


def weights(b: Builder, p: Profile, name: str, axes: tuple[str, str]) -> Node:
    """Declare a weight matrix: a state, or an input where it lives in analog devices."""
    fmt = p["weight"].format
    return b.input(name, fmt, axes) if p.update == "pulses" else b.state(name, fmt, axes)


def weighted(b: Builder, p: Profile, name: str, weight: Node, spike: Node, over: str, role: str = "current") -> Node:
    """Return the sum over one axis of weight times spike (or graded value), each partial sum stored."""
    terms = b.mul(f"{name}.terms", weight, spike, Numeric(weight.numeric.format))
    return b.sum(name, terms, over, p[role])


def staircase(b: Builder, p: Profile, name: str, x: Node, shape: Staircase | None = None) -> Node:
    """Return the staircase pseudo-derivative of x = v - threshold."""
    shape = shape or p.surrogate
    fmt = p.height_format
    height = b.constant(f"{name}.height0", fmt, shape.heights[0])
    for k, edge in enumerate(shape.edges, 1):
        at = b.constant(f"{name}.edge{k}", x.numeric.format, edge)
        step = b.constant(f"{name}.height{k}", fmt, shape.heights[k])
        label = name if k == len(shape.edges) else f"{name}.upto{k}"
        height = b.select(label, b.ge(f"{name}.above{k}", x, at), step, height, Numeric(fmt))
    return height


def leaked(b: Builder, p: Profile, name: str, leak: Fraction, state: Node, role: str) -> Node:
    """Return leak x state in the role's format and rounding."""
    return b.mul(name, b.constant(f"{name}.factor", p.leak_format, leak), state, p[role])


def input_trace(b: Builder, p: Profile, name: str, spike: Node, leak: Fraction | None = None) -> tuple[Node, Node]:
    """Return (register, next value) of the trace leak x trace + spike."""
    state = b.state(name, p["trace"].format, spike.axes)
    decayed = leaked(b, p, f"{name}.leaked", p.leak if leak is None else leak, state, "trace")
    following = b.add(f"{name}.next", decayed, spike, p["trace"])
    b.next(state, following)
    return state, following


def readout(b: Builder, p: Profile, spike: Node, *, leaky: bool = True) -> tuple[Node, Node]:
    """Return (readout weights, error): a readout layer and its distance from the target input."""
    wo = weights(b, p, "Wo", ("out", "post"))
    drive = weighted(b, p, "o.drive", wo, spike, "post", "readout")
    value = drive
    if leaky:
        state = b.state("o", p["readout"].format, ("out",))
        value = b.add("o.next", leaked(b, p, "o.leaked", p.readout_leak, state, "readout"), drive, p["readout"])
        b.next(state, value)
    target = b.input("target", p["error"].format, ("out",))
    return wo, b.sub("error", value, target, p["error"])


def learning_signal(b: Builder, p: Profile, wo: Node, error: Node, psi: Node) -> Node:
    """Return the credit of each neuron: (sum over outputs of Wo x error) x pseudo-derivative."""
    terms = b.mul("signal.terms", wo, error, product_format(wo.numeric.format, error.numeric.format))
    signal = b.sum("signal", terms, "out", p["signal"])
    return b.mul("credit", signal, psi, p["credit"])


@dataclass(frozen=True)
class Applied:
    """The weight after an update (for FPTT on devices: what they are asked for), and the condition that gates it."""

    weight: Node
    gate: Node | None = None


def update_weight(
    b: Builder, p: Profile, weight: Node, product: Node, spike: Node | None = None, penalty: Node | None = None
) -> Applied:
    """Apply an update as the profile does.

    `product` is the gradient's estimate of this step before the learning rate, `penalty` is added to it once per
    update: after a window's sum, not in every step of it (FPTT's regulariser).
    """
    name, w = weight.name, p["weight"]
    if p.update == "window":
        return _window(b, p, weight, product, spike, penalty)
    if penalty is not None:
        product = b.add(f"{name}.total", product, penalty, p["product"])
    if p.update == "pulses":
        return _pulses(b, p, weight, product, asked=penalty is not None)
    if p.update == "value":
        step = b.shift(f"{name}.step", product, -p.rate, p["update"])
        moved = b.sub(f"{name}.next", weight, step, w)
    else:
        magnitude = b.shift(
            f"{name}.magnitude", b.abs(f"{name}.abs", product, _absolute(product)), -p.rate, p["update"]
        )
        source = p["update"].source
        assert source is not None and isinstance(w.format, Format)
        hit = b.bernoulli(f"{name}.hit", magnitude, b.random(f"{name}.word", source, product.axes))
        ulp = b.constant(f"{name}.ulp", Format(False, 1, w.format.radix), w.format.ulp)
        sized = b.mul(f"{name}.size", hit, ulp, Numeric(Format(False, 1, w.format.radix)))
        step = b.mul(f"{name}.step", b.sign(f"{name}.sign", product), sized, Numeric(Format(True, 2, w.format.radix)))
        moved = b.sub(f"{name}.next", weight, step, Numeric(w.format, w.rounding, Overflow.HOLD), held=weight)
    b.next(weight, moved)
    return Applied(moved)


def _absolute(product: Node) -> Numeric:
    return Numeric(Format(False, product.format.width, product.format.radix))


def _window(b: Builder, p: Profile, weight: Node, product: Node, spike: Node | None, penalty: Node | None) -> Applied:
    """Accumulate; after the window's end, apply at the next presynaptic spike (hardware.md 1.4)."""
    name, acc = weight.name, p["accumulator"]
    if "window_end" not in b:
        b.input("window_end", Format(False, 1, 0))
    end = b["window_end"]
    state = b.state(f"{name}.sum", acc.format, product.axes)
    total = b.add(f"{name}.sum.added", state, product, acc)
    gate = end
    if spike is not None:
        if f"{spike.name}.pending" not in b:
            register = b.state(f"{spike.name}.pending", Format(False, 1, 0), spike.axes)
            waiting = b.maximum(f"{spike.name}.due", register, end, Numeric(Format(False, 1, 0)))
            fires = b.minimum(f"{spike.name}.apply", waiting, spike, Numeric(Format(False, 1, 0)))
            b.next(register, b.sub(f"{spike.name}.pending.next", waiting, fires, Numeric(Format(False, 1, 0))))
        gate = b[f"{spike.name}.apply"]
    due = total if penalty is None else b.add(f"{name}.total", total, penalty, acc)
    step = b.shift(f"{name}.step", due, -p.rate, p["update"])
    moved = b.sub(f"{name}.moved", weight, step, p["weight"])
    following = b.select(f"{name}.next", gate, moved, weight, p["weight"])
    b.next(weight, following)
    zero = b.constant(f"{name}.zero", acc.format, 0)
    b.next(state, b.select(f"{name}.sum.next", gate, zero, total, acc))
    return Applied(following, gate)


def _pulses(b: Builder, p: Profile, weight: Node, product: Node, *, asked: bool) -> Applied:
    """Accumulate; release floor(sum / pulse) device pulses and keep the remainder (hardware.md 1.7)."""
    name, acc = weight.name, p["accumulator"]
    state = b.state(f"{name}.sum", acc.format, product.axes)
    step = b.shift(f"{name}.step", product, -p.rate, p["update"])
    total = b.sub(f"{name}.sum.added", state, step, acc)
    released = b.cast(f"{name}.pulses", total, Numeric(Format(True, 16, p.pulse_radix), Rounding.FLOOR))
    b.next(state, b.sub(f"{name}.sum.next", total, released, acc))
    return Applied(b.add(f"{name}.asked", weight, released, p["dual"]) if asked else weight)
