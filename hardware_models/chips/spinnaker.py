"""SpiNNaker: everything in signed 16.15, weight change accumulated over a window.

Applied at the next presynaptic spike.
"""

from __future__ import annotations

from gradcert.hardware_models.arithmetic import Format, Overflow, Rounding
from gradcert.hardware_models.description.program import Numeric
from gradcert.hardware_models.profile import ROLES, Profile

ACCUM = Format(True, 32, 15)
# C's accum arithmetic wraps; the compiler's multiplication drops the low bits toward minus infinity
_ACCUM = Numeric(ACCUM, Rounding.FLOOR, Overflow.WRAP)

PROFILE = Profile(
    name="spinnaker",
    title="SpiNNaker 1: signed 16.15, accumulate on window",
    source="hardware.md 1.4 (sPyNNaker development commits 040fb96, 081c8d9)",
    roles={
        **dict.fromkeys((r for r in ROLES if r not in ("weight", "update")), _ACCUM),
        "weight": Numeric(Format(True, 16, 15)),
        # the accumulated change is narrowed to 16 bits before the clip: it wraps, by reading, before it saturates
        "update": Numeric(Format(True, 16, 15), Rounding.FLOOR, Overflow.WRAP),
    },
    leak_format=ACCUM,
    height_format=ACCUM,
    update="window",
    notes=(
        "A large accumulated change wraps before the weight's clip (hardware.md 1.4); the event is reported as a wrap.",
        "The chip's inputs are scaled by 1024, its adaptation trace is updated before use and its membrane leak "
        "filters the eligibility; here the order is the reference equations', so that only arithmetic differs.",
    ),
)
