"""Traps T114 to T122 of mathematics.md 14.9: pseudo-derivatives and numerics."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.build import bug, row_of
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.literal import lif, orders, snu

CLASS = "surrogate and numerics"


def _with(name: str, **scales: float) -> dict[str, Any]:
    return claims.with_options(claims.OSTL_LIF, surrogate={"name": name, **scales})


def single(problem: Any) -> Any:
    """Return the gradient computed in float32 under a float64 claim."""
    return {k: v.astype(problem.inputs.dtype) for k, v in orders.single(problem).items()}


def half(problem: Any) -> Any:
    """Return the gradient with every entry stored in half precision, small ones lost (no loss scaling)."""
    return {k: v.astype(np.float16).astype(v.dtype) for k, v in row_of("ostl")(problem).items()}


def finite_differences(problem: Any) -> Any:
    """Return finite differences of the loss, through the step function."""
    from gradcert.properties.gallery.literal.differences import central

    return central(problem, 2.0**-20)


BOUNDED = {"family": "bounded"}

ENTRIES: tuple[Entry, ...] = (
    bug(
        CLASS,
        snu.gradients,
        claims.OSTL_SNU,
        "T114",
        "strictness",
        "> for >=, or the reverse, at a tie",
    ),
    bug(
        CLASS,
        lif.gradients,
        claims.OSTL_LIF,
        "T114",
        "lif_strictness",
        "the same for LIF",
    ),
    bug(
        CLASS,
        lif.gradients,
        _with("super_spike_outside", scale=2.0),
        "T115",
        "slope_inside",
        "SuperSpike's slope inside for outside",
        limits=BOUNDED,
    ),
    bug(
        CLASS,
        snu.gradients,
        claims.OSTL_SNU,
        "T116",
        "slope_at_potential",
        "psi at v instead of v - threshold",
    ),
    bug(
        CLASS,
        lif.gradients,
        claims.OSTL_LIF,
        "T116",
        "slope_after_reset",
        "psi at the potential after the reset",
        fault="T116 reset",
    ),
    bug(
        CLASS,
        lif.gradients,
        _with("sigmoid", scale=25.0),
        "T118",
        "exponential_overflow",
        "exp(-k x) overflows to NaN in the sigmoid's pseudo-derivative",
        limits=BOUNDED,
        beyond="it overflows where the cases of certify do not go: inputs of thousands of thresholds",
    ),
    bug(
        CLASS,
        lif.gradients,
        _with("multi_gaussian", scale=0.5, sigma=0.5, side=0.15),
        "T119",
        "lobes_clipped",
        "the negative lobes of the multi-Gaussian clipped",
        fault="T119 clipped",
        limits=BOUNDED,
    ),
    bug(
        CLASS,
        lif.gradients,
        _with("multi_gaussian", scale=0.5, sigma=0.5, side=0.15),
        "T119",
        "other_width",
        "sigma .3 for .5",
        fault="T119 width",
        limits=BOUNDED,
    ),
    bug(
        CLASS,
        lif.gradients,
        _with("triangle", scale=0.5, width=2.0),
        "T120",
        "signed_step",
        "a 'triangular' pseudo-derivative that is a signed step",
    ),
    bug(
        CLASS,
        snu.gradients,
        claims.with_options(claims.OSTL_SNU),
        "T121",
        "derivative_of_the_step",
        "the derivative of the step itself: zero",
        claim={**claims.OSTL_SNU, "cells": ("snu",)},
    ),
    bug(
        CLASS,
        finite_differences,
        {**claims.OSTL_SNU, "rule": "bptt", "cells": ("snu",), "depths": (1,)},
        "T121",
        "differences_of_a_step",
        "finite differences through a step",
        fault="",
    ),
    bug(
        CLASS,
        single,
        {**claims.OSTL_SNU, "cells": ("ssnu",)},
        "T122",
        "float32_inside",
        "float32 inside, float64 claimed",
        fault="",
        limits=BOUNDED,
    ),
    bug(
        CLASS,
        half,
        {**claims.OSTL_SNU, "cells": ("ssnu",)},
        "T122",
        "half_precision",
        "gradients stored in half precision",
        fault="",
        limits=BOUNDED,
    ),
)
