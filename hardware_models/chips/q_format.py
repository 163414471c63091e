"""Plain Q-format: the baseline whose widths and roundings are free."""

from __future__ import annotations

from gradcert.hardware_models.arithmetic import SIXTEEN, Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.description.program import Numeric
from gradcert.hardware_models.profile import Profile
from gradcert.reference.errors import GradcertError


def q_format(
    *, weight_bits: int = 8, rounding: Rounding = Rounding.NEAREST_EVEN, state_rounding: Rounding | None = None
) -> Profile:
    """Return a Q-format profile: weights in [-2, 2) of any width, 16-bit states, exact products.

    Parameters
    ----------
    weight_bits : width of the weights, 3 to 24; two of them are sign and integer bit.
    rounding : of the weight update.
    state_rounding : of leaks; the same where not given.

    Examples
    --------
    >>> str(q_format(weight_bits=6).roles["weight"].format)
    's6q4'
    """
    if not 3 <= weight_bits <= 24:
        raise GradcertError(f"weights of {weight_bits} bits", allowed="3 to 24", do="choose another width")
    leaks = state_rounding or rounding

    def role(fmt: str, how: Rounding = leaks) -> Numeric:
        source = Stochastic("lfsr16", 16) if how is Rounding.STOCHASTIC else None
        return Numeric(Format.parse(fmt), how, Overflow.SATURATE, source)

    weight = Numeric(Format(True, weight_bits, weight_bits - 2))
    update = Stochastic("lfsr16", 16) if rounding is Rounding.STOCHASTIC else None
    return Profile(
        name="q-format",
        title=f"plain Q-format, {weight_bits}-bit weights, {rounding.value}",
        source="hardware.md 7 (baseline)",
        roles={
            "weight": weight,
            "current": role("s16q10"),
            "membrane": role("s16q10"),
            "trace": role("u14q8"),
            "adaptation": role("u14q8"),
            "jacobian": role("s16q10"),
            "readout": role("s16q10"),
            "error": role("s16q10"),
            "signal": role("s18q10"),
            "credit": role("s20q10"),
            "product": role("s30q14"),
            "update": Numeric(Format(True, weight_bits + 2, weight_bits - 2), rounding, source=update),
            "accumulator": role("s30q14"),
            "dual": role("s16q10"),
        },
        leak_format=Format(False, 16, 15),
        height_format=Format(False, 5, 4),
        generators={"lfsr16": SIXTEEN},
        notes=("Every intermediate saturates; the widths of products hold the products of the widths around them.",),
    )
