"""BrainScaleS-2: 6-bit weights, a plasticity processor with saturating fractional vectors and stochastic rounding."""

from __future__ import annotations

from dataclasses import replace

from gradcert.hardware_models.arithmetic import SIXTEEN, Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.description.program import Numeric
from gradcert.hardware_models.profile import Profile

LANE = Stochastic("lane", 8, zero=True)  # eight bits of a register of sixteen


def _role(fmt: str, overflow: Overflow, rounding: Rounding = Rounding.FLOOR) -> Numeric:
    return Numeric(Format.parse(fmt), rounding, overflow, LANE if rounding is Rounding.STOCHASTIC else None)


def brainscales2(*, modulo: bool = False) -> Profile:
    """Return the profile; with `modulo` the vector unit computes modulo 2**width instead of saturating.

    The library offers both arithmetics; the 6-bit weight saturates in either (it is clipped when it is written).

    Examples
    --------
    >>> brainscales2(modulo=True)["credit"].overflow.value, brainscales2(modulo=True)["weight"].overflow.value
    ('wrap', 'saturate')
    """
    vector = Overflow.WRAP if modulo else Overflow.SATURATE
    sixteen = ("current", "membrane", "jacobian", "readout", "signal", "credit", "product", "accumulator", "dual")
    return Profile(
        name="brainscales2",
        title=f"BrainScaleS-2: 6-bit weights, 8- and 16-bit {'modulo' if modulo else 'saturating'} vectors",
        source="hardware.md 1.6 (libnux 39d9647 read; analog neurons stand as 16-bit states)",
        roles={
            **{role: _role("s16q10", vector) for role in sixteen},
            "weight": _role("s6q4", Overflow.SATURATE),
            "trace": _role("u8q3", vector),
            "adaptation": _role("u8q3", vector),
            "error": _role("s8q4", vector),
            "update": _role("s6q4", vector, Rounding.STOCHASTIC),
        },
        leak_format=Format(False, 8, 7),
        height_format=Format(False, 5, 4),
        rate=4,
        generators={"lane": replace(SIXTEEN, bits=8)},
        notes=(
            "The per-lane generator has a 16-bit state and gives 8 bits; its polynomial is not published: lags (11, "
            "13, 14, 16), full period, stand in.",
            "Updates run when the processor's kernel is scheduled, row by row; here once per step, all rows alike.",
            "The library's conversions of floats truncate; every constant here is dyadic and within its format, so "
            "that truncation and rounding store the same integer.",
            "5-bit inputs and 8-bit activations belong to the matrix mode, which no learning rule here uses.",
        ),
    )


PROFILE = brainscales2()
