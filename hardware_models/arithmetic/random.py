"""Random sources of on-chip learning: Fibonacci linear-feedback shift registers, unrolled to k bits per cycle.

hardware.md 1.1 gives the lags of ReckOn's generators (confirmed there by Berlekamp-Massey on the output stream): the
output
bit b[n] is b[n - near] xor b[n - far], far being the register's length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Lfsr:
    """A Fibonacci LFSR: b[n] = b[n - near] ^ b[n - far], giving `bits` bits per cycle.

    Parameters
    ----------
    near, far : the two lags; far is the length of the register, so the period of the bit stream is at most 2**far - 1.
    bits : output bits per cycle.
    words : how many random words of equal width they are cut into (synapses served per cycle).
    also : further lags between near and far (no register of 8, 16, 24 ... bits has full period with two lags).

    Examples
    --------
    >>> RECKON["lfsr15"].period()
    32767
    """

    near: int
    far: int
    bits: int
    words: int = 1
    also: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """Width of one random word."""
        return self.bits // self.words

    def stream(self, count: int, seed: int = 1) -> Array:
        """Return the first `count` bits (uint8) after a non-zero seed of `far` bits (least significant bit first)."""
        if not 0 < seed < 1 << self.far:
            raise GradcertError(
                f"seed {seed}", allowed=f"1 .. {(1 << self.far) - 1}", do="an all-zero register never leaves zero"
            )
        out = np.zeros(self.far + count, dtype=np.uint8)
        out[: self.far] = [(seed >> i) & 1 for i in range(self.far)]
        done, scale = self.far, 1
        while done < len(out):
            # squaring a polynomial over GF(2) doubles its lags: b[n] = b[n - near s] ^ b[n - far s] for s = 1, 2, 4,
            # ...
            while done >= 2 * scale * self.far:
                scale *= 2
            chunk = min(self.near * scale, len(out) - done)
            for lag in (self.near, *self.also, self.far):
                out[done : done + chunk] ^= out[done - lag * scale :][:chunk]
            done += chunk
        return out[self.far :]

    def cycles(self, count: int, seed: int = 1) -> Array:
        """Return (count, words) random words, the first bit of each being its least significant."""
        bits = self.stream(count * self.bits, seed).reshape(count, self.words, self.width).astype(np.int64)
        return bits @ (np.int64(1) << np.arange(self.width, dtype=np.int64))

    def period(self) -> int:
        """Return the period of the bit stream, found by running it (registers up to 25 bits in well under a second)."""
        full = (1 << self.far) - 1
        window = self.stream(full + self.far)
        start = window[: self.far].tobytes()
        data = window.tobytes()
        return data.index(start, 1)


RECKON = {
    "lfsr15": Lfsr(1, 15, 15),
    "lfsr15x7": Lfsr(1, 15, 7),
    "lfsr25": Lfsr(3, 25, 512, 16),
    "lfsr22": Lfsr(1, 22, 448, 16),
    "lfsr17": Lfsr(3, 17, 17),
}

# ours: a 16-bit register with full period, for profiles whose own polynomial is not published
SIXTEEN = Lfsr(11, 16, 16, also=(13, 14))


def reference_bits(lags: tuple[int, ...], seed: int, count: int) -> list[int]:
    """The same bit stream, one shift at a time on a Python list: the second way to every random number.

    Examples
    --------
    >>> reference_bits((1, 3), 1, 7)
    [1, 1, 1, 0, 1, 0, 0]
    """
    register = [(seed >> i) & 1 for i in range(max(lags))]
    out = []
    for _ in range(count):
        bit = sum(register[-lag] for lag in lags) % 2
        register = [*register[1:], bit]
        out.append(bit)
    return out
