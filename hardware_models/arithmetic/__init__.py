"""Fixed-point arithmetic of on-chip learning: formats, every rounding, every overflow, named random sources."""

from gradcert.hardware_models.arithmetic.events import EventLog, OverflowEvent
from gradcert.hardware_models.arithmetic.exact import quantise_fraction, round_fraction
from gradcert.hardware_models.arithmetic.floating import round_floats
from gradcert.hardware_models.arithmetic.format import BFLOAT16, FloatFormat, Format, smallest_format
from gradcert.hardware_models.arithmetic.overflow import Overflow, bottom, fit
from gradcert.hardware_models.arithmetic.quantise import Quantised, integers, is_fast, quantise
from gradcert.hardware_models.arithmetic.random import RECKON, SIXTEEN, Lfsr, reference_bits
from gradcert.hardware_models.arithmetic.rounding import Rounding, Stochastic, aligned_fraction, drop_bits

__all__ = [
    "BFLOAT16",
    "RECKON",
    "SIXTEEN",
    "EventLog",
    "FloatFormat",
    "Format",
    "Lfsr",
    "Overflow",
    "OverflowEvent",
    "Quantised",
    "Rounding",
    "Stochastic",
    "aligned_fraction",
    "bottom",
    "drop_bits",
    "fit",
    "integers",
    "is_fast",
    "quantise",
    "quantise_fraction",
    "reference_bits",
    "round_floats",
    "round_fraction",
    "smallest_format",
]
