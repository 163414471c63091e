"""What the reference says of a problem: in floats, in enclosures, in a third way, and whether it tests anything.

`row` and `outputs` ask the engines; `budget` encloses what any float program may answer; `oracle` differentiates the
cells' own steps forwards; `vacuity` tells problems that prove nothing. A new way to evaluate a problem goes here.
"""

from gradcert.properties.evaluation.budget import enclosure, is_decided, roundings
from gradcert.properties.evaluation.evaluate import outputs, row
from gradcert.properties.evaluation.oracle import directional, supports
from gradcert.properties.evaluation.vacuity import bits_needed, edges_that_matter, why_vacuous

__all__ = [
    "bits_needed",
    "directional",
    "edges_that_matter",
    "enclosure",
    "is_decided",
    "outputs",
    "roundings",
    "row",
    "supports",
    "why_vacuous",
]
