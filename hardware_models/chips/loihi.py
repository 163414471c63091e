"""Loihi's sum-of-products learning as a documented family of emulators.

Three public emulators disagree (hardware.md 1.3); every disagreement is an option here, and each emulator is one
setting
of the options. What the silicon does is not settled by any of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from gradcert.hardware_models.arithmetic import SIXTEEN, Format, Overflow, Rounding, Stochastic
from gradcert.hardware_models.description.build import BIT, Builder
from gradcert.hardware_models.description.program import Numeric, Program
from gradcert.hardware_models.profile import Profile
from gradcert.reference.errors import GradcertError

WORD = Stochastic("epoch", 16, strict=True)


@dataclass(frozen=True)
class Emulator:
    """One reading of the chip.

    Parameters
    ----------
    mantissa_bits : width of a term's signed mantissa, 4 (Lava) or 3 (nengo-loihi).
    decay : `exp` for exp(-1/tau), `linear` for 1 - 1/tau (Brian2Loihi).
    sign_magnitude : stochastic rounding acts on the magnitude (nengo-loihi) instead of on the floor.
    low_clip : lowest accumulator value; Lava clips one below what 16 bits hold.
    shared_word : one random number for all synapses of an epoch (Lava) instead of one each.
    """

    name: str
    mantissa_bits: int = 4
    decay: str = "exp"
    sign_magnitude: bool = False
    low_clip: int = -(1 << 15)
    shared_word: bool = False

    def __post_init__(self) -> None:
        if self.decay not in ("exp", "linear") or not 2 <= self.mantissa_bits <= 8:
            raise GradcertError(
                f"emulator {self}", allowed="decay exp or linear, 2 to 8 mantissa bits", do="correct it"
            )


LAVA = Emulator("lava", low_clip=-(1 << 15) - 1, shared_word=True)
NENGO = Emulator("nengo-loihi", mantissa_bits=3, sign_magnitude=True)
BRIAN = Emulator("brian2loihi", decay="linear")
EMULATORS = (LAVA, NENGO, BRIAN)


def decay_factor(emulator: Emulator, tau: float) -> Fraction:
    """Return the trace's decay per step as stored, with 16 fraction bits.

    Examples
    --------
    >>> [float(decay_factor(e, 4.0)) for e in (LAVA, BRIAN)]
    [0.7788, 0.75]
    """
    real = math.exp(-1 / tau) if emulator.decay == "exp" else 1 - 1 / tau
    return Fraction(round(real * 10_000), 10_000)


def sum_of_products(
    emulator: Emulator, *, synapses: int, tau: float = 16.0, mantissa: int = 3, exponent: int = -2
) -> Program:
    """Return one learning epoch: w <- w + 2**exponent (m x1 y0 - m x0 y1), traces x1, y1 decayed, spikes x0, y0.

    The weight has 9 bits with sign; terms are shifted into an accumulator of 15 bits and sign, clipped after each
    product
    and after each addition, then rounded stochastically from 15 to 8 bits.

    Examples
    --------
    >>> sum_of_products(BRIAN, synapses=3).sizes
    {'pre': 3}
    """
    b = Builder(f"loihi/{emulator.name}", {"pre": synapses})
    trace = Numeric(Format(False, 7, 0), Rounding.STOCHASTIC, source=WORD)
    x0, y0 = b.input("x0", BIT.format, ("pre",)), b.input("y0", BIT.format)
    decay = b.constant("decay", Format(False, 16, 16), decay_factor(emulator, tau))
    impulse = b.constant("impulse", Format(False, 7, 0), 16)
    traces = []
    for name, spike in (("x1", x0), ("y1", y0)):
        state = b.state(name, Format(False, 7, 0), spike.axes)
        decayed = b.mul(f"{name}.decayed", decay, state, trace)
        following = b.add(
            f"{name}.next",
            decayed,
            b.mul(f"{name}.jump", impulse, spike, Numeric(Format(False, 7, 0))),
            Numeric(Format(False, 7, 0)),
        )
        b.next(state, following)
        traces.append(following)
    x1, y1 = traces
    w = b.state("w", Format(True, 9, 0), ("pre",))
    limit = (1 << (emulator.mantissa_bits - 1)) - 1
    signed = Format(True, emulator.mantissa_bits, 0)
    plus = b.constant("mantissa.plus", signed, min(mantissa, limit))
    minus = b.constant("mantissa.minus", signed, -min(mantissa, limit))
    # the accumulator holds the weight in its high bits: 7 fraction bits below the weight's last one
    acc = Numeric(Format(True, 17, 7) if emulator.low_clip < -(1 << 15) else Format(True, 16, 7))
    low = b.constant("clip.low", Format(True, 17, 7), Fraction(emulator.low_clip, 128))
    high = b.constant("clip.high", Format(True, 17, 7), Fraction((1 << 15) - 1, 128))
    total = b.cast("total0", w, acc)
    for k, (scale, factor, spike) in enumerate(((plus, x1, y0), (minus, y1, x0)), 1):
        gated = b.mul(f"gated{k}", factor, spike, Numeric(Format(False, 7, 0)))
        term = b.shift(f"term{k}", b.mul(f"product{k}", scale, gated, Numeric(Format(True, 12, 0))), exponent, acc)
        clipped = b.minimum(f"term{k}.top", b.maximum(f"term{k}.bottom", term, low, acc), high, acc)
        added = b.add(f"added{k}", total, clipped, acc)
        total = b.minimum(f"total{k}", b.maximum(f"total{k}.bottom", added, low, acc), high, acc)
    b.next(w, _to_weight(b, emulator, total))
    return b.program()


def _to_weight(b: Builder, emulator: Emulator, total):  # type: ignore[no-untyped-def]
    shared = ("pre",) if emulator.shared_word else ()
    nine = Format(True, 9, 0)
    if not emulator.sign_magnitude:
        return b.cast("w.next", total, Numeric(nine, Rounding.STOCHASTIC, source=WORD, shared=shared))
    size = b.abs("w.size", total, Numeric(Format(False, 16, 7)))
    kept = b.cast("w.magnitude", size, Numeric(Format(False, 9, 0), Rounding.STOCHASTIC, source=WORD, shared=shared))
    return b.mul("w.next", b.sign("w.sign", total), kept, Numeric(nine))


def _role(fmt: str, rounding: Rounding = Rounding.FLOOR, shared: tuple[str, ...] = ()) -> Numeric:
    return Numeric(
        Format.parse(fmt), rounding, Overflow.SATURATE, WORD if rounding is Rounding.STOCHASTIC else None, shared
    )


PROFILE = Profile(
    name="loihi",
    title="Loihi-style: 9-bit signed weights, 7-bit stochastic traces, 16-bit saturating accumulator",
    source="hardware.md 1.3 (Lava b6822fbc, nengo-loihi e564f66, Brian2Loihi 9ac5842)",
    roles={
        "weight": _role("s9q7"),
        "current": _role("s24q12"),
        "membrane": Numeric(Format.parse("s24q12"), Rounding.AWAY),
        "trace": _role("u7q3", Rounding.STOCHASTIC),
        "adaptation": _role("u7q3", Rounding.STOCHASTIC),
        "jacobian": _role("s16q10"),
        "readout": Numeric(Format.parse("s24q12"), Rounding.AWAY),
        "error": _role("s9q6"),
        "signal": _role("s16q10"),
        "credit": _role("s16q12"),
        "product": _role("s16q12"),
        "update": _role("s9q7", Rounding.STOCHASTIC, ("post", "pre", "rec", "out")),
        "accumulator": _role("s16q12"),
        "dual": _role("s16q10"),
    },
    leak_format=Format(False, 13, 12),
    height_format=Format(False, 5, 4),
    generators={"epoch": SIXTEEN},
    notes=(
        "One random word per epoch for all synapses, as in Lava: unbiased per synapse, fully correlated across them.",
        "Lava's lower clip is one below what 16 bits hold; mantissa width, rounding of negatives and decay law differ "
        "between the emulators: options of `Emulator`, compared in the tests.",
    ),
)
