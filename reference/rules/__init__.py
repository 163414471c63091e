"""Learning rules. Most are rows of the table (`RULES`); those with a trace or draws of their own are one file each.

The latter are listed by `gradcert.reference.estimators.estimators` (also `gradcert.reference.ESTIMATORS`): they use the
engines, which use the table, so that this package cannot name them itself.
"""

from gradcert.reference.rules.changed import rule_text
from gradcert.reference.rules.feedback import Feedback, check_feedback, draw_feedback, feedback_name, feedback_shapes
from gradcert.reference.rules.rule import Rule
from gradcert.reference.rules.table import RULES, rule_named

__all__ = [
    "RULES",
    "Feedback",
    "Rule",
    "check_feedback",
    "draw_feedback",
    "feedback_name",
    "feedback_shapes",
    "rule_named",
    "rule_text",
]
