"""Japanese Vowels: nine speakers, 12 channels, 7 to 29 steps, out of aeon's package (UCI, CC BY 4.0)."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from gradcert.papers.data.fetch import Source, fetched
from gradcert.reference.numbers import Array

MEMBERS = tuple(f"aeon/datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts" for part in ("TRAIN", "TEST"))
LONGEST = 29


def _read(path: Path) -> bytes:
    with zipfile.ZipFile(path) as file:
        return b"@split\n".join(file.read(member) for member in MEMBERS)


VOWELS = Source(
    "japanese-vowels",
    "pip",
    "aeon",
    _read,
    "4e55f8699841c56a52d96e7d0f03281636e418261031c35bd858e937f36daf1f",
    "Kudo, Toyama & Shimbo, UCI, CC BY 4.0; package BSD-3-Clause",
)


@lru_cache(maxsize=1)
def vowels() -> tuple[Array, Array, Array, int]:
    """Return inputs (29, 640, 12), weights (29, 640), 0 where padded, speakers, and how many are for training."""
    train, test = fetched(VOWELS).decode().split("@split\n")
    first, second = (_cases(part) for part in (train, test))
    cases = first + second
    x = np.zeros((LONGEST, len(cases), 12), np.float32)
    w = np.zeros((LONGEST, len(cases)), np.float32)
    for k, (values, _) in enumerate(cases):
        x[: len(values), k], w[: len(values), k] = values, 1
    return x, w, np.array([label for _, label in cases]), len(first)


def _cases(part: str) -> list[tuple[Array, int]]:
    rows = [line.split(":") for line in part.splitlines() if line and line[0] not in "@#"]
    out = []
    for row in rows:
        series = [[float(v) for v in channel.split(",") if v != "?"] for channel in row[:-1]]
        out.append((np.array(series).T, int(row[-1]) - 1))
    return out
