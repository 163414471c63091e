"""All proofs of all profiles, as records for tables and for `gradcert hardware --check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gradcert.hardware_models.catalogue import find_profile, program
from gradcert.hardware_models.chips import PROFILES, Profile
from gradcert.hardware_models.proofs import (
    applied,
    composition,
    conserve,
    dead_zone,
    direction,
    error_bound,
    floating,
    no_overflow,
    reference_rule,
    sign,
    stochastic,
)
from gradcert.hardware_models.solver import ProofRecord

CHECKS: dict[int, Callable[[Profile], list[ProofRecord]]] = {
    1: no_overflow.check,
    2: lambda p: [*error_bound.check(p), *(applied.check(p) if p.update != "value" else [])],
    3: sign.check,
    4: dead_zone.check,
    5: stochastic.check,
    6: conserve.check,
    7: composition.check,
    8: lambda p: [*reference_rule.check(p), *direction.check(p)],
}


def provable(profile: Profile) -> bool:
    """Return whether a profile is fixed point, so that the proofs over Int apply."""
    return program(profile, profile.rules[0]).is_fixed


def check(profile: str | None = None) -> Iterator[ProofRecord]:
    """Prove every claim about one profile, or about all, each with its broken twin; yields records as they are made.

    Examples
    --------
    >>> sorted({record.number for record in check("bfloat16")})  # what is not asked: `reasons.not_asked`
    [1, 2, 3, 4, 8]
    """
    chosen = list(PROFILES.values()) if profile is None else [find_profile(profile)]
    for one in chosen:
        for prove in CHECKS.values() if provable(one) else (floating.check, reference_rule.check):
            yield from prove(one)
