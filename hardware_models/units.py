"""Update units as scalar programs: what one trace, membrane, learning-signal or weight register does per step.

They are written from the same pieces as the rules, so a claim about a unit is a claim about the rule's register.
"""

from __future__ import annotations

from fractions import Fraction

from gradcert.hardware_models.arithmetic import Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.description.build import BIT, Builder
from gradcert.hardware_models.description.program import Numeric, Program
from gradcert.hardware_models.profile import Profile
from gradcert.hardware_models.rules.pieces import input_trace, leaked, update_weight


def trace_unit(
    fmt: Format,
    *,
    leak: float | Fraction,
    leak_bits: int = 15,
    increment: int = 1,
    rounding: Rounding = Rounding.FLOOR,
    overflow: Overflow = Overflow.SATURATE,
    source: Stochastic | None = None,
) -> Program:
    """An eligibility trace e <- round(leak e) + increment x spike.

    Parameters
    ----------
    fmt : format of the trace register.
    leak : the factor per step, stored with `leak_bits` fraction bits.
    increment : what a spike adds, as a stored integer of the trace.
    rounding, overflow, source : of the leaked product, and of the register.

    Examples
    --------
    >>> trace_unit(Format.parse("u8q0"), leak=0.9, increment=4).node("e.next").args
    ('e.leaked', 'jump')
    """
    b = Builder("trace", {})
    spike = b.input("spike", Format(False, 1, 0))
    state = b.state("e", fmt)
    factor = b.constant("leak", Format(False, leak_bits + 1, leak_bits), Fraction(leak))
    step = b.constant("increment", fmt, increment * fmt.ulp)
    decayed = b.mul("e.leaked", factor, state, Numeric(fmt, rounding, overflow, source))
    jump = b.mul("jump", step, spike, Numeric(fmt))
    b.next(state, b.add("e.next", decayed, jump, Numeric(fmt, Rounding.FLOOR, overflow)))
    return b.program()


def profile_trace(p: Profile) -> Program:
    """The profile's eligibility trace: e <- leak e + spike.

    Examples
    --------
    >>> from gradcert.hardware_models.chips import PROFILES
    >>> [n.name for n in profile_trace(PROFILES["q-format"]).operations]
    ['e.leaked', 'e.next']
    """
    b = Builder(f"{p.name}/trace", {})
    input_trace(b, p, "e", b.input("spike", BIT.format))
    return b.program()


def profile_membrane(p: Profile, *, fan_in: int = 4) -> Program:
    """The profile's membrane with a soft reset, driven by at most `fan_in` weights at once."""
    b = Builder(f"{p.name}/membrane", {})
    weight = p["weight"].format
    assert isinstance(weight, Format)
    wide = Format(True, weight.width + fan_in.bit_length(), weight.radix)
    drive = b.input("drive", wide, low=fan_in * weight.low, high=fan_in * weight.high)
    v = b.state("v", p["membrane"].format)
    z = b.input("z", BIT.format)
    threshold = b.constant("threshold", p["membrane"].format, p.threshold)
    decayed = leaked(b, p, "v.leaked", p.leak, v, "membrane")
    kept = b.sub("v.kept", decayed, b.mul("v.jump", threshold, z, p["membrane"]), p["membrane"])
    b.next(v, b.add("v.next", kept, drive, p["membrane"]))
    return b.program()


def profile_weight(p: Profile) -> Program:
    """The profile's weight update: product of credit and trace, learning rate, rounding.

    And what the weight does with it.

    Inputs are `credit` and `trace` over their formats' ranges (and `window_end`, for profiles with a window).
    """
    b = Builder(f"{p.name}/weight", {})
    fmt = p["weight"].format
    w = b.input("w", fmt) if p.update == "pulses" else b.state("w", fmt)
    credit = b.input("credit", p["credit"].format)
    trace = b.input("trace", p["trace"].format)
    update_weight(b, p, w, b.mul("product", credit, trace, p["product"]))
    return b.program()
