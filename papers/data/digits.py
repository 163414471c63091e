"""Handwritten digits, 8 x 8, 1,797 of them, out of scikit-learn's package (UCI Optical Recognition, CC BY 4.0)."""

from __future__ import annotations

import gzip
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from gradcert.papers.data.fetch import Source, fetched
from gradcert.reference.numbers import Array

MEMBER = "sklearn/datasets/data/digits.csv.gz"


def _read(path: Path) -> bytes:
    with zipfile.ZipFile(path) as file:
        return gzip.decompress(file.read(MEMBER))


DIGITS = Source(
    "digits",
    "pip",
    "scikit-learn",
    _read,
    "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8",
    "UCI Optical Recognition of Handwritten Digits, CC BY 4.0; package BSD-3-Clause",
)


@lru_cache(maxsize=1)
def digits() -> tuple[Array, Array]:
    """Return images (1797, 64), float32 in [0, 1], and classes, in a fixed shuffled order."""
    rows = np.array([line.split(",") for line in fetched(DIGITS).decode().split()], dtype=float)
    order = np.random.default_rng(64).permutation(len(rows))
    return (rows[order, :64] / 16).astype(np.float32), rows[order, 64].astype(int)
