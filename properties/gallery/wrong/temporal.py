"""Traps T01 to T26 of mathematics.md 14.1: the temporal recursion of OSTL, RTRL and the traces of LIF layers."""

from __future__ import annotations

from functools import partial

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.build import bug, row_of
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.literal import gated, lif, snu

CLASS = "temporal recursion"
_snu = partial(bug, CLASS, snu.gradients, claims.OSTL_SNU)
_lif = partial(bug, CLASS, lif.gradients, claims.OSTL_LIF)
_ottt = partial(bug, CLASS, partial(lif.gradients, keep=("state",)), claims.OTTT)
RECURRENT = claims.with_options(claims.OSTL_SNU, recurrent=True)
SOFT = claims.with_options(claims.OSTL_LIF, reset="subtract_before_leak")
HARD = claims.with_options(claims.OSTL_LIF, reset="hard")

ENTRIES: tuple[Entry, ...] = (
    _snu("T01", "slope_too_new", "h' of step t inside the Jacobian instead of step t - 1"),
    _snu("T02", "slope_too_old", "e = h' eps with h' of the step before"),
    _snu("T03", "lateral_transposed", "H transposed in the Jacobian", claim=RECURRENT),
    _snu("T04", "row_convention", "row convention in the trace of H, column convention forward"),
    _snu("T05", "reset_term_dropped", "the reset's derivative - leak v h' left out"),
    _snu("T06", "gate_dropped", "Jv = leak instead of leak (1 - z)"),
    _snu("T07", "reset_of_new_potential", "v of step t in the reset term", fault="T07 new"),
    _snu(
        "T07",
        "reset_of_drive",
        "the drive before g in the reset term",
        fault="T07 drive",
        claim=claims.with_options(claims.OSTL_SNU, transfer="tanh"),
        limits={"family": "bounded"},
    ),
    _snu("T07", "reset_of_stored_value", "the post-reset value in the reset term", fault="T07 post"),
    _snu(
        "T08",
        "transfer_slope_not_in_recursion",
        "g' on the immediate term alone",
        fault="T08 recursion",
        claim=claims.with_options(claims.OSTL_SNU, transfer="relu"),
    ),
    _snu(
        "T08",
        "transfer_slope_not_on_immediate",
        "g' on the recursion alone",
        fault="T08 immediate",
        claim=claims.with_options(claims.OSTL_SNU, transfer="relu"),
    ),
    _snu("T09", "lateral_path_dropped", "H forward, but no lateral path in the trace", claim=RECURRENT),
    _snu("T10", "lateral_trace_too_new", "the trace of H driven by z of the same step", claim=RECURRENT),
    _snu("T11", "input_trace_too_old", "the trace of W driven by the input of the step before"),
    _snu("T12", "read_before_update", "the trace is read before it is updated"),
    _ottt("T13", "input_decayed", "leak (xh + x) instead of leak xh + x"),
    _ottt(
        "T14",
        "presynaptic_leak",
        "the leak of the layer below in the trace",
        claim=claims.at_depth(claims.OTTT, 2),
    ),
    _lif(
        "T15",
        "soft_jacobian_of_hard_reset",
        "a hard reset with the Jacobian of a soft one",
        fault="T15 soft",
        claim=HARD,
    ),
    _lif(
        "T15",
        "hard_jacobian_of_soft_reset",
        "a soft reset with the Jacobian of a hard one",
        fault="T15 hard",
        claim=SOFT,
    ),
    _lif("T16", "threshold_missing_in_reset", "- leak psi instead of - leak threshold psi", claim=SOFT),
    _lif("T17", "leak_missing_in_reset", "form B's Jacobian for form A", claim=SOFT),
    bug(
        CLASS,
        lif.gradients,
        claims.DETACHED,
        "T18",
        "detached_forward_live_trace",
        "claims a detached reset, the trace keeps it",
        fault="",
    ),
    bug(
        CLASS,
        partial(lif.gradients, keep=("state", "lateral")),
        SOFT,
        "T18",
        "live_forward_detached_trace",
        "claims a live reset, the trace has none",
        fault="",
    ),
    _lif(
        "T19",
        "both_factors_detached",
        "hard reset with Jv = leak instead of leak (1 - z)",
        claim=HARD,
    ),
    bug(
        CLASS,
        partial(lif.gradients, keep=("state", "lateral")),
        claims.with_options(SOFT, stored="post"),
        "T20",
        "stored_variable_without_factor",
        "a trace of the post-reset variable without the factor 1 - threshold psi",
        fault="",
    ),
    _snu(
        "T21",
        "carried_over",
        "traces carried over from one sequence to the next",
        fault="T21 carried",
    ),
    _snu(
        "T21",
        "cleared_midway",
        "traces cleared in the middle of a sequence",
        fault="T21 cleared",
    ),
    _lif("T22", "first_input_twice", "the trace starts with the first input counted twice"),
    _snu("T23", "no_recursion", "'w/o H' read as no temporal recursion at all"),
    _snu(
        "T24",
        "diagonal_jacobian",
        "only the diagonal of J, still called exact",
        claim=RECURRENT,
    ),
    bug(
        CLASS,
        gated.gradients,
        claims.with_options(claims.GRU, reset="before"),
        "T25",
        "one_row_per_parameter",
        "one row per parameter although the reset gate reaches every unit",
    ),
    _snu("T26", "batch_summed_early", "the batch is summed in the trace before the credit"),
    bug(
        CLASS,
        row_of("e-prop"),
        claims.OSTL_SNU,
        "T43",
        "only_the_state",
        "e-prop's trace sold as OSTL",
        fault="",
    ),
)
