"""ReckOn-style: 8-bit weights moved by one with a probability, LFSR rounding with a zero rule, hard-sigmoid error.

`PROFILE` gives the numerics to any rule. `reckon_eprop` is e-prop in the chip's own order and formats (hardware.md 1.1,
read there in the released RTL): tick, leak, fire, reset, update, propagate.
"""

from __future__ import annotations

from fractions import Fraction

from gradcert.hardware_models.arithmetic import RECKON, Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.description.build import BIT, Builder
from gradcert.hardware_models.description.program import Node, Numeric, Program
from gradcert.hardware_models.profile import Profile, Staircase

HIDDEN = Stochastic("lfsr15", 15, hold_zero=True)
OUTPUT = Stochastic("lfsr15x7", 7, hold_zero=True, zero=True)  # seven bits of a register of fifteen
WEIGHT = Format(True, 8, 4)  # a 3-bit left shift aligns it with a membrane of 7 fraction bits
MEMBRANE = Format(True, 16, 7)
LEAK = Format(False, 16, 15)
ALPHA = Fraction(0x7FEF, 1 << 15)
KAPPA = Fraction(0x7F, 1 << 7)
RATE = 7
SURROGATE = Staircase(tuple(Fraction(n, 2) for n in (-3, -1, 1, 3)), tuple(Fraction(n) for n in (0, 2, 4, 2, 0)))


def _role(fmt: str, rounding: Rounding = Rounding.FLOOR, source: Stochastic | None = None) -> Numeric:
    return Numeric(Format.parse(fmt), rounding, Overflow.SATURATE, source)


PROFILE = Profile(
    name="reckon",
    title="ReckOn-style: 8-bit weights, stochastic +-1 updates",
    source="hardware.md 1.1 (ChFrenkel/ReckOn at 5e5c0be)",
    roles={
        "weight": _role("s8q4"),
        "current": _role("s16q7"),
        "membrane": _role("s16q7", Rounding.STOCHASTIC, HIDDEN),
        "trace": _role("u12q3", Rounding.STOCHASTIC, HIDDEN),
        "adaptation": _role("u12q3", Rounding.STOCHASTIC, HIDDEN),
        "jacobian": _role("s16q7"),
        "readout": _role("s16q7", Rounding.STOCHASTIC, HIDDEN),
        "error": _role("s16q7"),
        "signal": _role("s16q5"),
        "credit": _role("s21q11"),
        "product": _role("s32q14"),
        "update": Numeric(Format(False, 32, 32), source=Stochastic("lfsr25", 32)),
        "accumulator": _role("s32q14"),
        "dual": _role("s16q7"),
    },
    leak_format=LEAK,
    # the published heights are 5-bit integers whose unit the learning rate absorbs; as a derivative the unit is 1/64:
    # with heights of 4 and a threshold of 4 the reset's derivative would be -16 a step, and BPTT would explode with it
    height_format=Format(True, 5, 6),
    leak=ALPHA,
    readout_leak=KAPPA,
    threshold=Fraction(4),
    surrogate=Staircase(SURROGATE.edges, tuple(h / 64 for h in SURROGATE.heights)),
    rate=RATE,
    update="probability",
    generators=RECKON,
    notes=(
        "The generators never emit zero: a fraction f rounds up with probability f / (2**15 - 1).",
        "A floored zero never rounds up, a floored -1 may: the rounding is biased near zero.",
        "The surrogate's heights are 5-bit integers; here one unit is 1/64, a scale that the learning rate absorbs.",
        "No leaky-readout filter over the eligibility in the chip's own e-prop (e-prop here means that one).",
    ),
)


def reckon_eprop(*, inputs: int, neurons: int, outputs: int, rate: int = 24) -> Program:
    """Return one step of ReckOn's e-prop, LIF, in the chip's order.

    Sampling: the surrogate sees the membrane after leak and reset; traces and outputs are leaked and do not yet contain
    this step's spikes; the learning signal uses the output weights before their own update. An update of magnitude m
    moves
    a weight by one with probability m / 2**rate (2**32 - 1 words), and holds at the limit.

    Examples
    --------
    >>> reckon_eprop(inputs=2, neurons=2, outputs=1).next["W"]
    'W.next'
    """
    b = Builder("reckon/e-prop", {"pre": inputs, "post": neurons, "rec": neurons, "out": outputs})
    x = b.input("x", BIT.format, ("pre",))
    w, h = b.state("W", WEIGHT, ("post", "pre")), b.state("H", WEIGHT, ("post", "rec"))
    wo = b.state("Wo", WEIGHT, ("out", "post"))
    alpha, kappa = b.constant("alpha", LEAK, ALPHA), b.constant("kappa", Format(False, 8, 7), KAPPA)
    hidden = Numeric(MEMBRANE, Rounding.STOCHASTIC, source=HIDDEN)
    outward = Numeric(MEMBRANE, Rounding.STOCHASTIC, source=OUTPUT)
    # leak, fire, reset
    v = b.state("v", MEMBRANE, ("post",))
    v_leaked = b.mul("v.leaked", alpha, v, hidden)
    threshold = b.constant("threshold", MEMBRANE, PROFILE.threshold)
    z = b.ge("z", v_leaked, threshold)
    v_reset = b.sub("v.reset", v_leaked, b.mul("v.jump", threshold, z, Numeric(MEMBRANE)), Numeric(MEMBRANE))
    o = b.state("o", MEMBRANE, ("out",))
    o_leaked = b.mul("o.leaked", kappa, o, outward)
    traces = {}
    for name, width, axis in (("in", 12, "pre"), ("rec", 12, "rec"), ("out", 10, "post")):
        fmt = Format(False, width, 0)
        state = b.state(f"trace.{name}", fmt, (axis,))
        source = HIDDEN if name != "out" else OUTPUT
        factor = alpha if name != "out" else kappa
        traces[name] = b.mul(f"trace.{name}.leaked", factor, state, Numeric(fmt, Rounding.STOCHASTIC, source=source))
    # update
    height = _staircase(b, v_reset, threshold)
    error = _error(b, o_leaked)
    wide = Numeric(Format(True, 24, 0))
    signal_sum = b.sum(
        "signal.sum", b.mul("signal.terms", _bare(b, wo), error, wide), "out", Numeric(Format(True, 28, 0))
    )
    signal = b.shift(
        "signal", b.cast("signal.wide", signal_sum, Numeric(Format(True, 28, 0))), -7, Numeric(Format(True, 16, 0))
    )
    for weight, trace in ((w, traces["in"]), (h, traces["rec"])):
        credit = b.mul(f"{weight.name}.credit", signal, height, Numeric(Format(True, 21, 0)))
        _move(b, weight, b.mul(f"{weight.name}.product", credit, trace, Numeric(Format(True, 32, 0))), rate, "lfsr25")
    _move(b, wo, b.mul("Wo.product", error, traces["out"], Numeric(Format(True, 28, 0))), rate, "lfsr22")
    # propagate: the weights as they were read in this step, the spikes of this step
    _propagate(b, x, z, (w, h, wo), v, v_reset, o, o_leaked)
    for name, spike, jump in (("in", x, 8), ("rec", b.rename("z.rec", z, ("rec",)), 8), ("out", z, 2)):
        fmt = traces[name].format
        step = b.constant(f"trace.{name}.increment", fmt, jump)
        spiked = b.mul(f"trace.{name}.jump", step, spike, Numeric(fmt))
        b.next(b[f"trace.{name}"], b.add(f"trace.{name}.next", traces[name], spiked, Numeric(fmt)))
    return b.program()


def _bare(b: Builder, weight: Node) -> Node:
    """The weight's stored integer (its radix is a matter of the membrane only)."""
    return b.shift(f"{weight.name}.bare", weight, 4, Numeric(Format(True, 8, 0)))


def _staircase(b: Builder, v: Node, threshold: Node) -> Node:
    distance = b.sub("distance", v, threshold, Numeric(MEMBRANE))
    fmt = Format(True, 5, 0)
    height = b.constant("height0", fmt, SURROGATE.heights[0])
    for k, edge in enumerate(SURROGATE.edges, 1):
        above = b.ge(f"above{k}", distance, b.constant(f"edge{k}", MEMBRANE, edge))
        height = b.select(
            f"height.upto{k}", above, b.constant(f"height{k}", fmt, SURROGATE.heights[k]), height, Numeric(fmt)
        )
    return height


def _error(b: Builder, o: Node) -> Node:
    """Hard sigmoid on 0 .. 2048 with floor halving, minus a target of 0 .. 2048, saturated to 16 bits."""
    sixteen = Numeric(Format(True, 16, 0))
    target = b.input("target", Format(False, 12, 0), ("out",), high=2048)
    bare = b.shift("o.bare", o, 7, sixteen)
    half = b.shift("o.half", bare, -1, sixteen)
    middle = b.constant("o.middle", Format(False, 12, 0), 1024)
    raised = b.add("o.raised", half, middle, sixteen)
    top, zero = b.constant("o.top", Format(False, 12, 0), 2048), b.constant("o.zero", Format(False, 1, 0), 0)
    squashed = b.minimum("o.sigmoid", b.maximum("o.floor", raised, zero, sixteen), top, sixteen)
    return b.sub("error", squashed, target, sixteen)


def _move(b: Builder, weight: Node, product: Node, rate: int, generator: str) -> None:
    """Move a weight by one with the update's magnitude as probability; words of 32 bits, 28 for the readout."""
    name, bits = weight.name, RECKON[generator].width
    magnitude = b.abs(f"{name}.abs", product, Numeric(Format(False, product.format.width, 0)))
    probability = b.shift(f"{name}.probability", magnitude, -rate, Numeric(Format(False, bits, bits)))
    word = b.random(f"{name}.word", Stochastic(generator, bits), weight.axes)
    hit = b.bernoulli(f"{name}.hit", probability, word)
    ulp = b.constant(f"{name}.ulp", Format(False, 1, 4), Fraction(1, 16))
    sized = b.mul(f"{name}.size", hit, ulp, Numeric(Format(False, 1, 4)))
    step = b.mul(f"{name}.step", b.sign(f"{name}.sign", product), sized, Numeric(Format(True, 2, 4)))
    moved = b.sub(f"{name}.moved", weight, step, Numeric(WEIGHT, Rounding.FLOOR, Overflow.HOLD), held=weight)
    if name == "H":  # no self-connection: the diagonal is written as zero
        size = b.sizes["post"]
        mask = [int(i != j) for i in range(size) for j in range(size)]
        moved = b.mul("H.next", moved, b.constant("H.mask", BIT.format, mask, ("post", "rec")), Numeric(WEIGHT))
    else:
        moved = b.cast(f"{name}.next", moved, Numeric(WEIGHT))
    b.next(weight, moved)


def _propagate(
    b: Builder, x: Node, z: Node, weights: tuple[Node, Node, Node], v: Node, v_reset: Node, o: Node, o_leaked: Node
) -> None:
    w, h, wo = weights
    sixteen = Numeric(MEMBRANE)
    from_in = b.sum("drive.in", b.mul("drive.in.terms", w, x, Numeric(WEIGHT)), "pre", sixteen)
    lateral = b.rename("z.lateral", z, ("rec",))
    from_rec = b.sum("drive.rec", b.mul("drive.rec.terms", h, lateral, Numeric(WEIGHT)), "rec", sixteen)
    b.next(v, b.add("v.next", v_reset, b.add("drive", from_in, from_rec, sixteen), sixteen))
    to_out = b.sum("o.drive", b.mul("o.drive.terms", wo, z, Numeric(WEIGHT)), "post", sixteen)
    b.next(o, b.add("o.next", o_leaked, to_out, sixteen))
