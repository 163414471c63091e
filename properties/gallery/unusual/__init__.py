"""Correct but unusual implementations: all of them have to be accepted."""

from __future__ import annotations

from functools import partial
from typing import Any

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.build import row_of
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.literal import alif, differences, fptt, gated, influence, lif, orders, own_trace, snu
from gradcert.properties.gallery.unusual import frameworks
from gradcert.properties.gallery.wrong import fptt as wrong_fptt
from gradcert.properties.gallery.wrong import influence as wrong_influence
from gradcert.properties.gallery.wrong import own_trace as wrong_own

SNU = claims.OSTL_SNU
TANH = {**claims.with_options(claims.RATE, activation="tanh"), "losses": ("squared_error",)}
LINEAR = {**claims.with_options(claims.RATE, activation="identity"), "losses": ("squared_error",)}
BARE = claims.with_options(
    claims.at_depth(claims.OTTT, 1),
    reset="subtract_before_leak",
    bias=False,
    recurrent=False,
    gain="one",
    train=(),
    rest=0.0,
)
RATIONAL = {
    **claims.with_options(SNU, surrogate={"name": "triangle", "scale": 0.5, "width": 2.0}),
    "cells": ("snu",),
    "losses": ("squared_error",),
}
ONE_RECURRENT = {**claims.at_depth(SNU, 1), "options": {"leak": 0.5, "threshold": 0.75}}
BOUNDED = {"family": "bounded"}
SMALL = {"family": "bounded", "steps": (2, 3), "units": (1, 2), "inputs": (1, 2)}
STATE = partial(lif.gradients, keep=("state",))


def _unusual(name: str, title: str, gradients: Any, claim: Any, **more: Any) -> Entry:
    return Entry(name=name, title=title, gradients=gradients, claim=claim, **more)


_ENTRIES = [
    _unusual("eligibility_tensors", "OSTL with full eligibility tensors", snu.gradients, SNU),
    _unusual("eligibility_traces", "OSTL by the forward engine", orders.forward_engine, SNU),
    _unusual("reverse_sweep", "OSTL backwards in time inside each layer", row_of("ostl"), SNU),
    _unusual("sample_by_sample", "one sample after the other, the last first", orders.sample_by_sample, SNU),
    _unusual("shuffled_batch", "the samples in another order", orders.shuffled_batch, SNU),
    _unusual("units_in_reverse", "the units in reverse order", orders.units_in_reverse, ONE_RECURRENT),
    _unusual("long_double", "extended precision inside", orders.long_double, SNU),
    _unusual("rationals", "exact rationals, rounded once", differences.rationals, RATIONAL),
    _unusual("float32", "float32, and claimed so", orders.single, {**SNU, "dtype": "float32"}, limits=BOUNDED),
    _unusual("fortran_order", "column-major arrays", orders.fortran_order, SNU),
    _unusual("strided", "views of larger arrays", orders.strided, SNU),
    _unusual("keys_in_reverse", "keys in reverse order", orders.keys_in_reverse, SNU),
    _unusual("triple", "loss, gradients and outputs", orders.triple, SNU),
    _unusual("dual_numbers", "forward mode, one entry at a time", differences.duals, SNU, limits={"steps": (2, 3)}),
    _unusual("lif_tensors", "OSTL for every reset", lif.gradients, claims.OSTL_LIF),
    _unusual(
        "lif_detached",
        "one layer, reset out of the graph",
        partial(lif.gradients, keep=("state", "lateral")),
        claims.DETACHED,
    ),
    _unusual("ottt_tensors", "OTTT with one trace per synapse", STATE, claims.OTTT),
    _unusual("sltt_tensors", "SLTT without traces", partial(lif.gradients, keep=()), claims.SLTT),
    _unusual("ottt_events", "OTTT event by event, sparse", orders.events, BARE),
    _unusual("ottt_convolved", "OTTT with the trace as one matrix product over time", orders.convolved, BARE),
    _unusual("ottt_fsum", "OTTT with correctly rounded sums", orders.fsum, BARE),
    _unusual(
        "stored_after_reset",
        "a trace of the post-reset value, with its factor",
        orders.stored_after_reset,
        {**BARE, "rule": "ostl"},
    ),
    _unusual("e_prop_lif", "e-prop for LIF, filtered traces", STATE, claims.E_PROP),
    _unusual(
        "e_prop_random", "e-prop with fixed random feedback", partial(STATE, signal="direct"), claims.E_PROP_RANDOM
    ),
    _unusual("e_prop_alif", "e-prop for ALIF with epsilon_a", alif.gradients, claims.E_PROP_ALIF),
    _unusual("e_prop_scaled", "e-prop with psi over the threshold", alif.gradients, claims.SCALED_ALIF),
    _unusual("osttp", "OSTTP", partial(lif.gradients, signal="target"), claims.OSTTP),
    _unusual("lstm_three_terms", "RTRL for the LSTM, three terms", gated.gradients, claims.LSTM),
    _unusual("gru_dense", "RTRL for both GRUs", gated.gradients, claims.GRU),
    _unusual("snap_1", "SnAp-1 with a dense mask", influence.snap, claims.SNAP_1),
    _unusual("snap_2", "SnAp-2 with a dense mask", partial(influence.snap, n=2), claims.SNAP_2),
    _unusual(
        "snap_masked_before",
        "SnAp with the mask on J M, before D is added",
        partial(influence.snap, fault="T91 before"),
        claims.SNAP_1,
    ),
    _unusual("rtrl", "BPTT's gradient by RTRL", orders.rtrl, {**SNU, "rule": "bptt"}),
    _unusual("one_matrix", "BPTT with [W H b] as one matrix", orders.one_matrix, TANH, limits=BOUNDED),
    _unusual("triple_loop", "RTRL in plain Python numbers", orders.triple_loop, TANH, limits=SMALL),
    _unusual("complex_step", "complex-step differentiation", differences.complex_step, TANH, limits=SMALL),
    _unusual(
        "differences_in_fractions",
        "central differences in fractions, with a step of 2^-300",
        differences.in_fractions,
        LINEAR,
        limits={**SMALL, "family": "exact"},
    ),
    Entry(
        "uoro",
        "UORO",
        None,
        {**claims.RATE, "losses": ("squared_error",)},
        estimate=wrong_influence.uoro,
        outcomes=influence.outcomes,
    ),
    Entry(
        "uoro_shared_noise",
        "UORO with one noise for all samples: more variance, no bias, as long as the factors are not shared",
        None,
        {**claims.RATE, "losses": ("squared_error",)},
        estimate=partial(wrong_influence.uoro, fault="T85 samples"),
    ),
    Entry(
        "kf_rtrl",
        "KF-RTRL",
        None,
        {**claims.RATE, "losses": ("squared_error",)},
        estimate=wrong_influence.kf_rtrl,
        outcomes=influence.sign_outcomes,
    ),
    Entry(
        "fptt_paper",
        "FPTT as printed",
        fptt.weights,
        wrong_fptt.claim_of("paper"),
        expected=partial(wrong_fptt.expected, "paper"),
        limits=wrong_fptt.LIMITS,
    ),
    Entry(
        "fptt_code",
        "FPTT as published in code",
        partial(fptt.weights, form="code"),
        wrong_fptt.claim_of("code"),
        expected=partial(wrong_fptt.expected, "code"),
        limits=wrong_fptt.LIMITS,
    ),
    Entry(
        "s_tllr",
        "S-TLLR",
        own_trace.s_tllr,
        {**claims.OWN_LIF, "rule": "s-tllr", "settings": wrong_own.S_TLLR},
        expected=wrong_own.reference("s-tllr", **wrong_own.S_TLLR),
        limits=wrong_own.LONG,
    ),
    Entry(
        "otpe",
        "OTPE",
        own_trace.otpe,
        {**claims.OWN_LIF, "rule": "otpe"},
        expected=wrong_own.reference("otpe"),
        limits=wrong_own.LONG,
    ),
    Entry(
        "ndot",
        "NDOT",
        own_trace.ndot,
        {**claims.OWN_LIF, "rule": "ndot", "depths": (2,)},
        expected=wrong_own.reference("ndot"),
        majorant=wrong_own.ndot_majorant,
        limits=wrong_own.LONG,
    ),
    Entry(
        "rate_based",
        "rate-based backpropagation",
        own_trace.rate_based,
        {**claims.OWN_LIF, "rule": "rate-based"},
        expected=wrong_own.reference("rate-based"),
        limits=wrong_own.LONG,
    ),
]
if frameworks.HAS_TORCH:
    WITH_TORCH = partial(_unusual, claim=TANH, needs=("torch",))
    _ENTRIES += [
        WITH_TORCH("torch_autograd", "reverse mode by PyTorch", frameworks.autograd, limits=BOUNDED),
        WITH_TORCH("torch_functional", "torch.func.grad", frameworks.functional, limits=BOUNDED),
        WITH_TORCH("torch_forward_mode", "torch.func.jvp, one entry at a time", frameworks.forward_mode, limits=SMALL),
        WITH_TORCH("torch_traced", "a compiled graph", frameworks.compiled, limits=BOUNDED),
    ]

UNUSUAL = {entry.name: entry for entry in _ENTRIES}

__all__ = ["UNUSUAL"]
