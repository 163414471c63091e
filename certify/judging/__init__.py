"""Judging: is this answer inside its budget? The judge, checks of one answer, classes of acceptance, controls, repeats.

A new check is a file in `checks/`, a new class of claims one in `acceptance/`. Nothing here starts a subject.
"""

from gradcert.certify.judging import acceptance, repeat
from gradcert.certify.judging.acceptance import aligned, unbiased
from gradcert.certify.judging.acceptance.unbiased import RATE
from gradcert.certify.judging.checks import CHECKS, FORWARD, gradient, structure
from gradcert.certify.judging.checks.rounded import CAUSE as ROUNDED
from gradcert.certify.judging.errors import by_parameter
from gradcert.certify.judging.verdict import judge, judge_all, worst_of

__all__ = [
    "CHECKS",
    "FORWARD",
    "RATE",
    "ROUNDED",
    "acceptance",
    "aligned",
    "by_parameter",
    "gradient",
    "judge",
    "judge_all",
    "repeat",
    "structure",
    "unbiased",
    "worst_of",
]
