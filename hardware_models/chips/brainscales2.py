"""BrainScaleS-2: 6-bit weights, a plasticity processor with saturating fractional vectors and stochastic rounding."""

from __future__ import annotations

from dataclasses import replace

from gradcert.hardware_models.arithmetic import SIXTEEN, Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.chips.profile import Profile
from gradcert.hardware_models.description.program import Numeric

LANE = Stochastic("lane", 8)


def _role(fmt: str, rounding: Rounding = Rounding.FLOOR, source: Stochastic | None = None) -> Numeric:
    return Numeric(Format.parse(fmt), rounding, Overflow.SATURATE, source)


PROFILE = Profile(
    name="brainscales2",
    title="BrainScaleS-2: 6-bit weights, 8- and 16-bit saturating vectors",
    source="hardware.md 1.6 (libnux 39d9647 read; analog neurons stand as 16-bit states)",
    roles={
        "weight": _role("s6q4"),
        "current": _role("s16q10"),
        "membrane": _role("s16q10"),
        "trace": _role("u8q3"),
        "adaptation": _role("u8q3"),
        "jacobian": _role("s16q10"),
        "readout": _role("s16q10"),
        "error": _role("s8q4"),
        "signal": _role("s16q10"),
        "credit": _role("s16q10"),
        "product": _role("s16q10"),
        "update": _role("s6q4", Rounding.STOCHASTIC, LANE),
        "accumulator": _role("s16q10"),
        "dual": _role("s16q10"),
    },
    leak_format=Format(False, 8, 7),
    height_format=Format(False, 5, 4),
    rate=4,
    generators={"lane": replace(SIXTEEN, bits=8)},
    notes=(
        "The per-lane generator has a 16-bit state and gives 8 bits; its polynomial is not published: lags (11, 13, "
        "14, 16), full period, stand in.",
        "Updates run when the processor's kernel is scheduled; here once per step.",
    ),
)
