"""Claims: what a subject says that it computes, and the rows of the rule table near a row.

A new thing that can be claimed goes here. Uses `reference` alone, because a subject's process imports it for `claim`.
"""

from gradcert.certify.claims.aliases import ALIASES
from gradcert.certify.claims.circumstances import AXES, CLAIMED, TEXTS
from gradcert.certify.claims.claim import USUAL, Claim, Decorated, claim, claim_of, files_of, from_dict
from gradcert.certify.claims.extras import said_extra
from gradcert.certify.claims.given import OUTPUT, states
from gradcert.certify.claims.layers import about, of_layer, unchecked
from gradcert.certify.claims.losses import REDUCED, read_loss, said_loss
from gradcert.certify.claims.networks import GRAPH, fixed_sizes, graph_of, options_of, usual_sizes
from gradcert.certify.claims.parts import Parts, check_names, made, read_claim, whole
from gradcert.certify.claims.rows import (
    ORDER,
    changes,
    coinciding,
    difference,
    in_readout,
    present,
    published,
    same_row,
    shown,
    shown_above,
)
from gradcert.certify.claims.sentence import parts_of, sentence
from gradcert.certify.claims.terms import activity_of, local_of
from gradcert.certify.claims.trial import patient

__all__ = [
    "ALIASES",
    "AXES",
    "CLAIMED",
    "GRAPH",
    "ORDER",
    "OUTPUT",
    "REDUCED",
    "TEXTS",
    "USUAL",
    "Claim",
    "Decorated",
    "Parts",
    "about",
    "activity_of",
    "changes",
    "check_names",
    "claim",
    "claim_of",
    "coinciding",
    "difference",
    "files_of",
    "fixed_sizes",
    "from_dict",
    "graph_of",
    "in_readout",
    "local_of",
    "made",
    "of_layer",
    "options_of",
    "parts_of",
    "patient",
    "present",
    "published",
    "read_claim",
    "read_loss",
    "said_extra",
    "said_loss",
    "same_row",
    "sentence",
    "shown",
    "shown_above",
    "states",
    "unchecked",
    "usual_sizes",
    "whole",
]
