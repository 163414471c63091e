"""Learning rules. Most are rows of the table (`RULES`); those with a trace of their own are one file each."""

from gradcert.reference.rules.rule import Rule
from gradcert.reference.rules.table import RULES, rule_named

__all__ = ["RULES", "Rule", "rule_named"]
