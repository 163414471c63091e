"""What every spiking cell does at its threshold: a step, and a pseudo-derivative whose argument may be scaled.

=========  ==============================  ==========================  =====================================
scaling    dz/dv                           dz/dthreshold               found in
=========  ==============================  ==========================  =====================================
none       psi(v - th)                     -psi                        most libraries
threshold  psi((v - th) / th) / th         -psi v / th / th            e-prop, SLTT's rectangle: v / th is 1 there
=========  ==============================  ==========================  =====================================
"""

from __future__ import annotations

from typing import Any

from gradcert.reference.networks.cells.options import Convention
from gradcert.reference.numbers import Array, Numbers, Surrogate, spike

SCALING = Convention(
    "scaling", ("none", "threshold"), {"none": "most libraries", "threshold": "e-prop, SLTT"}, forward=False
)


def slopes(
    n: Numbers, surrogate: Surrogate, margin: Array, threshold: Any, *, strict: bool, scaling: str = "none"
) -> tuple[Array, Array]:
    """Return dz/dv and dz/dthreshold.

    Parameters
    ----------
    margin : membrane potential minus (effective) threshold.
    threshold : what `scaling` divides by; `margin` depends on it with a slope of -1.

    Examples
    --------
    >>> import numpy as np
    >>> from gradcert.reference.numbers import FLOAT64
    >>> triangle = Surrogate("triangle", scale=1.0)
    >>> [f.tolist() for f in slopes(FLOAT64, triangle, np.array([0.5]), 2.0, strict=False, scaling="threshold")]
    [[0.375], [-0.46875]]
    """
    if scaling == "none":
        psi = n.slope(spike(surrogate, strict=strict), margin)
        return psi, -psi
    x = margin / threshold
    psi = n.slope(spike(surrogate, strict=strict), x) / threshold
    return psi, -psi * (1 + x)  # d/dthreshold of (v - threshold) / threshold is -v / threshold^2
