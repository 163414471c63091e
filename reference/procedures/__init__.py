"""Learning procedures: how gradients become new weights, where that happens inside a sequence or around the rule."""

from gradcert.reference.procedures.accumulate import accumulate
from gradcert.reference.procedures.adaptive_feedback import AdaptiveFeedback, adapted, readout_of
from gradcert.reference.procedures.fptt import (
    FpttState,
    Vector,
    code_step,
    fptt,
    gradient_step,
    last_state,
    paper_step,
    parts_of,
    start,
)
from gradcert.reference.procedures.online import online

__all__ = [
    "AdaptiveFeedback",
    "FpttState",
    "Vector",
    "accumulate",
    "adapted",
    "code_step",
    "fptt",
    "gradient_step",
    "last_state",
    "online",
    "paper_step",
    "parts_of",
    "readout_of",
    "start",
]
