"""The families of cases. Adding one is adding a file and a row."""

from __future__ import annotations

from gradcert.certify.claims import Claim
from gradcert.certify.problems.cases.bounded import Bounded
from gradcert.certify.problems.cases.draw import Family
from gradcert.certify.problems.cases.dyadic import Dyadic

FAMILIES: dict[str, type[Family]] = {"dyadic": Dyadic, "bounded": Bounded}  # and, apart from these, `scale`


def families(claim: Claim, cell: str, turn: int = 0) -> tuple[str, ...]:
    """Return the families that make sense for a cell: dyadic where spikes, or piecewise linear outputs, occur.

    Parameters
    ----------
    turn : chooses among the claim's alternatives, which may differ in this.

    In bfloat16 real numbers have hardly a digit left after a few sums: where nothing needs to be rounded, nothing is.
    """
    found = tuple(name for name, family in FAMILIES.items() if family.applies(claim, cell, turn))
    return ("dyadic",) if claim.dtype == "bfloat16" and "dyadic" in found else found
