"""bfloat16 states and weights (SENECA-like): every operation rounded once to 8 significant bits, ties to even."""

from __future__ import annotations

from gradcert.hardware_models.arithmetic import BFLOAT16
from gradcert.hardware_models.description.program import Numeric
from gradcert.hardware_models.profile import ROLES, Profile

PROFILE = Profile(
    name="bfloat16",
    title="bfloat16 everywhere, sums accumulated in order",
    source="hardware.md 1.5 (bf16 state there is background knowledge, not confirmed)",
    roles=dict.fromkeys(ROLES, Numeric(BFLOAT16)),
    leak_format=BFLOAT16,
    height_format=BFLOAT16,
    notes=(
        "Simulator (ml_dtypes), Fraction oracle and z3's floating-point theory; proofs 1 to 4 in that theory and over "
        "Real.",
        "No Verilog: a bfloat16 adder and multiplier are somebody's design, not a consequence of the description; the "
        "harness can drive one.",
        "A matrix product is a sum in order, each partial sum rounded; libraries accumulate in float32 instead.",
    ),
)
