"""Number formats: signed or unsigned fixed point of any width and radix, and small binary floating point."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from gradcert.reference.errors import GradcertError

_NOTATION = re.compile(r"([su])([1-9][0-9]{0,2})q(0|-?[1-9][0-9]{0,2})")


@dataclass(frozen=True)
class Format:
    """A fixed-point format: `width` bits in all, of which `radix` are fraction bits.

    The stored integer n stands for n * 2**-radix. The radix may be negative (the last bit counts more than one) or
    exceed
    the width (the first bit counts less than one half).

    Raises
    ------
    GradcertError : where the width is below 1 (below 2 if signed).

    Examples
    --------
    >>> weight = Format(signed=True, width=8, radix=4)
    >>> str(weight), weight.low, weight.high, weight.value(-3)
    ('s8q4', -128, 127, Fraction(-3, 16))
    >>> Format.parse("u12q3") == Format(signed=False, width=12, radix=3)
    True
    """

    signed: bool
    width: int
    radix: int = 0

    def __post_init__(self) -> None:
        if self.width < 1 + self.signed:
            raise GradcertError(
                f"a {'signed' if self.signed else 'unsigned'} format of {self.width} bits",
                allowed="at least 2 bits signed, 1 bit unsigned",
                do="give a larger width",
            )

    @cached_property
    def low(self) -> int:
        """Smallest stored integer."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @cached_property
    def high(self) -> int:
        """Largest stored integer."""
        return (1 << (self.width - self.signed)) - 1

    @cached_property
    def ulp(self) -> Fraction:
        """Value of the last bit."""
        return Fraction(2) ** -self.radix

    def value(self, stored: int) -> Fraction:
        """Return the number that a stored integer stands for."""
        return stored * self.ulp

    def narrower(self, bits: int = 1) -> Format:
        """Return the same format with `bits` fewer high bits."""
        return Format(self.signed, self.width - bits, self.radix)

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.width}q{self.radix}"

    @staticmethod
    def parse(text: str) -> Format:
        """Read the notation `s8q4`, `u12q3` (sign, width, q, fraction bits)."""
        found = _NOTATION.fullmatch(text)
        if found is None:
            raise GradcertError(
                f"format {text!r}",
                allowed="s<width>q<fraction bits> or u<width>q<fraction bits>",
                do="write for example s8q4",
            )
        return Format(found[1] == "s", int(found[2]), int(found[3]))


def smallest_format(low: int, high: int, radix: int = 0) -> Format:
    """Return the narrowest format that holds every integer of [low, high].

    Examples
    --------
    >>> str(smallest_format(0, 255)), str(smallest_format(-129, 5))
    ('u8q0', 's9q0')
    """
    if low >= 0:
        return Format(False, max(1, high.bit_length()), radix)
    return Format(True, 1 + max((-low - 1).bit_length(), max(high, 0).bit_length(), 1), radix)


@dataclass(frozen=True)
class FloatFormat:
    """A binary floating-point format with subnormals, infinities and one hidden bit, rounded to nearest, ties to even.

    Parameters
    ----------
    name : name shown in tables.
    exponent : exponent bits.
    significand : significant bits, the hidden one included.

    Examples
    --------
    >>> BFLOAT16.round(Fraction(1, 3))
    Fraction(171, 512)
    """

    name: str
    exponent: int
    significand: int

    @property
    def largest_exponent(self) -> int:
        """Exponent of the largest finite number."""
        return (1 << (self.exponent - 1)) - 1

    @property
    def largest(self) -> Fraction:
        """Largest finite number."""
        return (2 - Fraction(2) ** (1 - self.significand)) * Fraction(2) ** self.largest_exponent

    def round(self, value: Fraction) -> Fraction:
        """Round to nearest, ties to even; raises OverflowError beyond the largest finite number (after rounding)."""
        if value == 0:
            return Fraction(0)
        magnitude = abs(value)
        exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
        if Fraction(2) ** exponent > magnitude:
            exponent -= 1
        ulp = Fraction(2) ** (max(exponent, 1 - self.largest_exponent) + 1 - self.significand)
        result = round(value / ulp) * ulp  # round() of a Fraction is ties to even
        if abs(result) > self.largest:
            raise OverflowError(f"{value} exceeds the largest {self.name} number")
        return result

    def __str__(self) -> str:
        return self.name


BFLOAT16 = FloatFormat("bf16", 8, 8)
