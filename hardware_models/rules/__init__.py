"""Learning rules as descriptions, written once for all profiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.rules.eprop import eprop
from gradcert.hardware_models.rules.fptt import fptt
from gradcert.hardware_models.rules.ostl import ostl
from gradcert.hardware_models.rules.ottt import ottt

RULES: dict[str, Callable[..., Program]] = {
    "ostl": ostl,
    "ostl-recurrent": partial(ostl, recurrent=True),
    "e-prop": eprop,
    "e-prop-alif": partial(eprop, adaptive=True),
    "ottt": ottt,
    "fptt": fptt,
}

__all__ = ["RULES", "eprop", "fptt", "ostl", "ottt"]
