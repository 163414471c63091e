"""Traps T54 to T68 of mathematics.md 14.4: spatial credit, loss, and what surrounds the gradient."""

from __future__ import annotations

from functools import partial
from typing import Any

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.build import bug, row_of
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.literal import lif, own_trace, snu
from gradcert.reference.estimators import ESTIMATORS

CLASS = "credit and loss"
DEEP = claims.at_depth(claims.OSTL_SNU, 2)
_snu = partial(bug, CLASS, snu.gradients, claims.OSTL_SNU)
_ottt = partial(bug, CLASS, partial(lif.gradients, keep=("state",)), claims.OTTT)
_osttp = partial(bug, CLASS, partial(lif.gradients, signal="target"), claims.OSTTP)


def sltt_k(problem: Any) -> Any:
    """Return the reference's SLTT-K gradient for the first step."""
    p = problem
    return ESTIMATORS["sltt-k"].gradients(p.network, p.parameters, p.inputs, p.targets, numbers=p.numbers, chosen=(0,))


ENTRIES: tuple[Entry, ...] = (
    _snu("T54", "updated_weights", "credit through weights that are already updated", claim=DEEP),
    _snu("T55", "slope_of_old_step", "credit with psi of the step before"),
    _snu("T56", "stale_credit", "credit of the step before"),
    _osttp("T57", "loss_gradient_in_hidden_layer", "the error projected instead of the target"),
    _osttp("T58", "projection_sign", "- y instead of y in the projection", fault="T58 sign"),
    _osttp(
        "T58",
        "projection_unscaled",
        "the target projected before the loss is scaled",
        fault="T58 scale",
    ),
    _osttp(
        "T58",
        "projection_everywhere",
        "the target projected at steps without a loss",
        fault="T58 every",
        claim={**claims.OSTTP, "when": ("last",)},
    ),
    bug(
        CLASS,
        row_of("bptt"),
        DEEP,
        "T60",
        "upper_credit_kept",
        "credit through time in the upper layer: BPTT",
        fault="",
    ),
    _snu("T62", "one_over_steps", "the loss divided by T", fault="T62 time"),
    _snu("T62", "one_over_batch", "the loss divided by B", fault="T62 batch"),
    bug(
        CLASS,
        own_trace.sltt_k,
        {**claims.OWN_LIF, "rule": "sltt-k"},
        "T63",
        "one_over_k",
        "SLTT-K scaled by T / K, which the published code does not do",
        expected=sltt_k,
    ),
    _ottt("T64", "not_zeroed", "gradients of earlier calls are still in the buffer"),
    _ottt("T65", "clipped", "the optimiser's clipping inside the gradient", fault="T65 clipped"),
    _ottt(
        "T65",
        "momentum",
        "the optimiser's momentum inside the gradient",
        fault="T65 momentum",
    ),
    _snu("T66", "last_step_only", "the gradient of the last step for that of all"),
    bug(
        CLASS,
        lif.gradients,
        {**claims.OSTTP, "time": "sum"},
        "T57",
        "no_projection_at_all",
        "the loss's own credit in place of the projected target",
        fault="",
    ),
    bug(
        CLASS,
        partial(lif.gradients, keep=("state",), signal="target"),
        claims.E_PROP_RANDOM,
        "T68",
        "signal_without_error",
        "a projected target where an error is claimed",
        fault="",
    ),
)
