"""Published algorithms that are no rows, under one name and one call: what a claim can name beside the rule table.

Those with a trace or draws of their own (`gradcert.reference.estimators`) and those that change weights inside a
sequence (`gradcert.reference.procedures`). A new one is a file there and an entry of `KINDS`.
"""

from gradcert.reference.published.algorithm import Algorithm, Claimed, Kind, said
from gradcert.reference.published.kinds import KINDS
from gradcert.reference.published.named import algorithm, read_rule

__all__ = ["KINDS", "Algorithm", "Claimed", "Kind", "algorithm", "read_rule", "said"]
