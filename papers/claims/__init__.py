"""The claims, one a file. Adding one is adding a file and a row of `CLAIMS`."""

from __future__ import annotations

from gradcert.papers.claim import Claim
from gradcert.papers.claims import (
    adding_task,
    chip_learning,
    chorale_curve,
    constant_memory,
    cost,
    depth_on_par,
    descent_direction,
    ottt_on_par,
    same_gradient,
    sequential_digits,
)
from gradcert.reference.errors import GradcertError

CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (
        same_gradient.CLAIM,
        depth_on_par.CLAIM,
        chorale_curve.CLAIM,
        adding_task.CLAIM,
        sequential_digits.CLAIM,
        ottt_on_par.CLAIM,
        constant_memory.CLAIM,
        descent_direction.CLAIM,
        chip_learning.CLAIM,
        cost.CLAIM,
    )
}


def claim_named(name: str) -> Claim:
    """Return a claim by its name or number.

    Raises
    ------
    GradcertError : for another.

    Examples
    --------
    >>> claim_named("C1").name
    'same-gradient'
    """
    for claim in CLAIMS.values():
        if name in (claim.name, claim.number):
            return claim
    raise GradcertError(
        f"the claim {name!r} is unknown", allowed=", ".join(f"{c.number} {c.name}" for c in CLAIMS.values())
    )
