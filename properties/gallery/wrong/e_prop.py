"""Traps T37 to T53 of mathematics.md 14.3: e-prop."""

from __future__ import annotations

from functools import partial

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.build import bug, row_of
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.literal import alif, lif, refractory
from gradcert.reference import Edge

CLASS = "e-prop"
_alif = partial(bug, CLASS, alif.gradients, claims.E_PROP_ALIF)
_lif = partial(bug, CLASS, partial(lif.gradients, keep=("state",)), claims.E_PROP)
GAIN = {**claims.E_PROP_ALIF, "readout_options": {**claims.LEAKY["readout_options"], "gain": "one_minus_kappa"}}
REFRACTORY = {
    "rule": "bptt-detached-reset",
    "cells": ("refractory",),
    "depths": (1,),
    "options": {"reset": "subtract_before_leak", "gain": "one", "train": (), "rest": 0.0, "recurrent": False},
}
LATERAL = claims.with_options(claims.E_PROP_ALIF, recurrent=True)
LSTM_E_PROP = {**claims.LSTM, "rule": "e-prop", "options": {"recurrent": True}}

ENTRIES: tuple[Entry, ...] = (
    _alif("T37", "kappa_and_leak_swapped", "the membrane's leak in the readout's filter"),
    _lif("T37", "lif_kappa_and_leak_swapped", "the same for LIF"),
    _alif("T38", "signal_filtered", "the filter kappa on the learning signal, not on the trace"),
    _alif("T39", "readout_gain_missing", "1 - kappa in the readout but not in the trace", claim=GAIN),
    _alif("T40", "slope_too_new", "eps_a with psi of the same step", fault="T40 psi"),
    _alif("T40", "trace_too_new", "eps_a with the trace of the same step", fault="T40 trace"),
    _alif("T41", "beta_sign", "+ beta eps_a", fault="T41 sign"),
    _alif("T41", "beta_once", "beta in one of its two places", fault="T41 one"),
    _alif("T42", "decay_without_slope", "rho instead of rho - beta psi"),
    _alif("T43", "adaptation_detached", "the adaptation's spike detached as well"),
    _alif("T44", "live_reset", "the reset left differentiable"),
    bug(
        CLASS,
        refractory.gradients,
        REFRACTORY,
        "T47",
        "slope_while_refractory",
        "psi is not 0 in the refractory period",
    ),
    _alif(
        "T45",
        "dampening_missing",
        "gamma missing in the pseudo-derivative",
        fault="T45 gamma",
        claim=claims.with_options(claims.E_PROP_ALIF, surrogate={"name": "triangle", "scale": 0.5, "width": 2.0}),
    ),
    _alif(
        "T45",
        "threshold_missing",
        "1 / threshold missing in the pseudo-derivative",
        fault="T45 threshold",
        claim=claims.with_options(claims.SCALED_ALIF, threshold=0.5),
    ),
    _alif(
        "T46",
        "adaptive_threshold_in_slope",
        "psi divided by the adaptive threshold",
        claim=claims.with_options(claims.SCALED_ALIF, threshold=0.5),
    ),
    _alif(
        "T48",
        "self_connections",
        "gradients of self-connections that do not exist",
        claim=LATERAL,
        limits={"self_connections": False},
        beyond="a claim has no word for connections that do not exist",
    ),
    _alif("T49", "feedback_misread", "W_o read in the other memory order"),
    _lif("T49", "lif_feedback_misread", "the same for LIF"),
    bug(
        CLASS,
        partial(lif.gradients, keep=("state",), signal="direct"),
        claims.E_PROP_RANDOM,
        "T52",
        "feedback_redrawn",
        "random feedback redrawn at every step",
    ),
    bug(
        CLASS,
        row_of("ostl"),
        LSTM_E_PROP,
        "T53",
        "lstm_recurrence_attached",
        "LSTM e-prop with the recurrent hidden input attached",
        fault="",
    ),
    bug(
        CLASS,
        row_of("e-prop", without=frozenset({Edge.ADAPTATION})),
        LATERAL,
        "T43",
        "adaptation_edge_dropped",
        "e-prop without the ADAPTATION edge",
        fault="",
    ),
    _alif(
        "T11",
        "lateral_as_input",
        "the lateral trace driven by the spikes of the same step",
        claim=LATERAL,
    ),
    _alif("T61", "memoryless_readout", "a leaky readout treated as memoryless"),
    _lif("T61", "lif_memoryless_readout", "the same for LIF"),
    _alif("T117", "old_threshold", "psi at the adaptive threshold of the step before"),
)
