"""PCM pairs, digital side: the accumulator that releases whole pulses by floor and keeps the remainder."""

from __future__ import annotations

from dataclasses import replace

from gradcert.hardware_models.arithmetic import Format, Overflow
from gradcert.hardware_models.chips.q_format import q_format
from gradcert.hardware_models.description.program import Numeric

_BASE = q_format()

PROFILE = replace(
    _BASE,
    name="pcm",
    title="phase-change memory pairs, accumulate-then-update (the devices are simulated in chips/pcm_device.py)",
    source="hardware.md 1.7 (srnn-pcm at 2d91783)",
    roles={
        **_BASE.roles,
        "update": Numeric(Format(True, 24, 16)),
        "accumulator": Numeric(Format(True, 24, 16), overflow=Overflow.SATURATE),
    },
    update="pulses",
    pulse_radix=3,
    generators={},
    notes=(
        "Weights are read from the devices and enter the step as inputs.",
        "The floor makes the first pulse of a small positive sum late and that of a negative one immediate.",
    ),
)
