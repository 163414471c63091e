"""Published algorithms that are no rows, under one name and one call: what a claim can name beside the rule table.

Those with a trace or draws of their own (`gradcert.reference.estimators`) and those that change weights inside a
sequence (`gradcert.reference.procedures`). A new one is a file there and an entry of `KINDS`; somebody's own is a
function in a file (`gradcert.reference.published.given`).
"""

from gradcert.reference.published.algorithm import Algorithm, Claimed, Kind, said
from gradcert.reference.published.given import kind_of
from gradcert.reference.published.kinds import KINDS
from gradcert.reference.published.named import algorithm, kind_named, read_rule

__all__ = ["KINDS", "Algorithm", "Claimed", "Kind", "algorithm", "kind_named", "kind_of", "read_rule", "said"]
