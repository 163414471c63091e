"""Fashion-MNIST, 28 x 28, 60,000 and 10,000, out of Debian's package `dataset-fashion-mnist` (MIT/Expat)."""

from __future__ import annotations

import gzip
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from gradcert.papers.data.fetch import Source, fetched
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array

FILES = ("train-labels-idx1", "t10k-labels-idx1", "train-images-idx3", "t10k-images-idx3")
HEAD = {"idx1": 8, "idx3": 16}  # bytes before the values


def _read(path: Path) -> bytes:
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(["dpkg-deb", "-x", path, place], capture_output=True, text=True, check=False)
        if done.returncode:
            raise GradcertError(f"{path.name} could not be unpacked: {done.stderr.strip()}")
        inside = Path(place) / "usr/share/datasets/fashion-mnist"
        parts = [gzip.decompress((inside / f"{name}-ubyte.gz").read_bytes())[HEAD[name[-4:]] :] for name in FILES]
    return b"".join(parts)


FASHION = Source(
    "fashion-mnist",
    "apt",
    "dataset-fashion-mnist",
    _read,
    "512a72082f82f43b14820319facd797870c26c6313fa6fc011e6714027b61da1",
    "Zalando SE, MIT (Expat)",
)


@lru_cache(maxsize=1)
def fashion() -> tuple[Array, Array]:
    """Return images (70000, 784), float32, about normal, and classes: the 60,000 of training first, then the 10,000."""
    data = np.frombuffer(fetched(FASHION), np.uint8)
    labels, images = data[:70000], data[70000:].reshape(70000, 784)
    return (images.astype(np.float32) / 255 - 0.286) / 0.353, labels.astype(int)
