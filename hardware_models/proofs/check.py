"""All proofs of all profiles, as records for tables and for `gradcert hardware --check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gradcert.hardware_models.catalogue import find_profile, program
from gradcert.hardware_models.chips import PROFILES, Profile
from gradcert.hardware_models.proofs import (
    composition,
    conserve,
    dead_zone,
    error_bound,
    floating,
    no_overflow,
    sign,
    stochastic,
)
from gradcert.hardware_models.solver import ProofRecord

CHECKS: dict[int, Callable[[Profile], list[ProofRecord]]] = {
    1: no_overflow.check,
    2: error_bound.check,
    3: sign.check,
    4: dead_zone.check,
    5: stochastic.check,
    6: conserve.check,
    7: composition.check,
}


def provable(profile: Profile) -> bool:
    """Return whether a profile is fixed point, so that the proofs over Int apply."""
    return program(profile, profile.rules[0]).is_fixed


def check(profile: str | None = None) -> Iterator[ProofRecord]:
    """Prove every claim about one profile, or about all, each with its broken twin; yields records as they are made.

    Examples
    --------
    >>> sorted({record.number for record in check("bfloat16")})  # what is not asked: `reasons.not_asked`
    [1, 2, 3, 4]
    """
    chosen = list(PROFILES.values()) if profile is None else [find_profile(profile)]
    for one in chosen:
        for prove in CHECKS.values() if provable(one) else (floating.check,):
            yield from prove(one)
