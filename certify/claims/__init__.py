"""Claims: what a subject says that it computes, and the rows of the rule table near a row.

A new thing that can be claimed goes here. Uses `reference` alone, because a subject's process imports it for `claim`.
"""

from gradcert.certify.claims.circumstances import AXES, TEXTS
from gradcert.certify.claims.claim import Claim, Decorated, claim, claim_of, files_of, from_dict, sentence
from gradcert.certify.claims.rows import (
    ORDER,
    changes,
    difference,
    in_readout,
    present,
    published,
    same_row,
    shown,
    shown_above,
)

__all__ = [
    "AXES",
    "ORDER",
    "TEXTS",
    "Claim",
    "Decorated",
    "changes",
    "claim",
    "claim_of",
    "difference",
    "files_of",
    "from_dict",
    "in_readout",
    "present",
    "published",
    "same_row",
    "sentence",
    "shown",
    "shown_above",
]
