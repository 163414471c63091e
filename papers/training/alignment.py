"""A gradient beside another, layer by layer: relative error, cosine, ratio of norms. A cosine alone hides scale."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradcert.reference.numbers import Array


def flat(gradients: Mapping[str, Array], prefix: str = "") -> Array:
    """Return the entries of all gradients whose name begins so, in one vector."""
    return np.concatenate([np.ravel(g).astype(float) for k, g in sorted(gradients.items()) if k.startswith(prefix)])


def relative(gradients: Mapping[str, Array], truth: Mapping[str, Array], prefix: str = "") -> dict[str, float]:
    """Return error, cosine and ratio of norms; without a direction there is no cosine, which is 0 then.

    Examples
    --------
    >>> found = relative({"w": np.array([0.0, 2.0])}, {"w": np.array([0.0, 1.0])})
    >>> found["error"], found["cosine"], found["ratio"]
    (1.0, 1.0, 2.0)
    """
    g, t = flat(gradients, prefix), flat(truth, prefix)
    size, own = float(np.linalg.norm(t)), float(np.linalg.norm(g))
    if not size:
        return {"error": 0.0 if not own else float("inf"), "cosine": 0.0, "ratio": 0.0 if not own else float("inf")}
    cosine = float(g @ t / own / size) if own else 0.0
    return {"error": float(np.linalg.norm(g - t)) / size, "cosine": cosine, "ratio": own / size}


def alignment(gradients: Mapping[str, Array], truth: Mapping[str, Array], depth: int) -> list[dict[str, float]]:
    """Return the same for each layer that has parameters (pooling has none), the lowest first.

    Examples
    --------
    >>> alignment({"layers.0.W": np.ones(2)}, {"layers.0.W": np.ones(2)}, 1)[0]["error"]
    0.0
    """
    layers = [f"layers.{i}." for i in range(depth)]
    return [relative(gradients, truth, of) for of in layers if any(name.startswith(of) for name in truth)]
