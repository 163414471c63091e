"""Update units as scalar programs: what one trace, learning-signal or weight register does per step."""

from __future__ import annotations

from fractions import Fraction

from gradcert.hardware_models.arithmetic import Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.description.build import Builder
from gradcert.hardware_models.description.program import Numeric, Program


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
    leaked = b.mul("e.leaked", factor, state, Numeric(fmt, rounding, overflow, source))
    jump = b.mul("jump", step, spike, Numeric(fmt))
    b.next(state, b.add("e.next", leaked, jump, Numeric(fmt, Rounding.FLOOR, overflow)))
    return b.program()
