"""Learning procedures: how gradients become new weights, where that happens inside a sequence or around the rule."""

from gradcert.reference.procedures.accumulate import accumulate
from gradcert.reference.procedures.adaptive_feedback import AdaptiveFeedback, adapted, readout_of
from gradcert.reference.procedures.fptt import FpttState, fptt, gradient_step
from gradcert.reference.procedures.online import online

PROCEDURES = {"accumulate": accumulate, "online": online, "fptt": fptt}

__all__ = [
    "PROCEDURES",
    "AdaptiveFeedback",
    "FpttState",
    "accumulate",
    "adapted",
    "fptt",
    "gradient_step",
    "online",
    "readout_of",
]
