"""Traps T27 to T36 of mathematics.md 14.2: parameters other than weights."""

from __future__ import annotations

from functools import partial

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.build import bug
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.literal import alif, lif, snu

CLASS = "other parameters"
THRESHOLD = claims.with_options(claims.OSTL_SNU, train=("threshold",))
LEAK = claims.with_options(claims.OSTL_SNU, train=("leak",))
SCALED = claims.with_options(claims.OSTL_LIF, gain="one_minus_leak")

ENTRIES: tuple[Entry, ...] = (
    bug(
        CLASS,
        snu.gradients,
        THRESHOLD,
        "T27",
        "threshold_through_output_dropped",
        "the threshold's path through the output of the step before",
    ),
    bug(
        CLASS,
        lif.gradients,
        claims.with_options(claims.OSTL_LIF, train=("threshold",), recurrent=True),
        "T27",
        "lif_threshold_through_output_dropped",
        "the same for a LIF layer with lateral weights",
    ),
    bug(
        CLASS,
        snu.gradients,
        THRESHOLD,
        "T28",
        "threshold_direct_dropped",
        "the direct - h' of the threshold",
    ),
    bug(
        CLASS,
        snu.gradients,
        THRESHOLD,
        "T29",
        "threshold_sign",
        "threshold taken for an additive bias: sign",
    ),
    bug(
        CLASS,
        partial(lif.gradients, keep=("state",)),
        claims.with_options(claims.OTTT, bias=True),
        "T30",
        "bias_without_trace",
        "OTTT's bias without its trace sum of leak^k",
    ),
    bug(CLASS, snu.gradients, LEAK, "T31", "leak_without_recursion", "a trained leak without recursion"),
    bug(
        CLASS,
        snu.gradients,
        LEAK,
        "T31",
        "leak_without_gate",
        "a trained leak without the factor 1 - z",
        fault="T31 gate",
    ),
    bug(
        CLASS,
        lif.gradients,
        claims.with_options(claims.OSTL_LIF, train=("leak",)),
        "T32",
        "leak_of_the_logit",
        "the gradient of sigmoid^-1(leak), returned as that of the leak",
    ),
    bug(
        CLASS,
        lif.gradients,
        SCALED,
        "T33",
        "input_gain_missing",
        "(1 - leak) forward but not in the trace",
        fault="T33 missing",
    ),
    bug(
        CLASS,
        lif.gradients,
        SCALED,
        "T33",
        "input_gain_twice",
        "(1 - leak) twice in the trace",
        fault="T33 twice",
    ),
    bug(
        CLASS,
        lif.gradients,
        claims.with_options(SCALED, train=("leak",)),
        "T33",
        "input_gain_not_differentiated",
        "the leak's gradient without the derivative of 1 - leak",
        fault="T33 leak",
    ),
    bug(
        CLASS,
        alif.gradients,
        claims.with_options(claims.E_PROP_ALIF, train=("beta", "rho")),
        "T34",
        "adaptation_without_recursion",
        "beta and rho without the recursion through the adaptation",
    ),
    bug(
        CLASS,
        partial(lif.gradients, keep=("state",)),
        claims.E_PROP,
        "T35",
        "readout_bias_without_sum",
        "the bias of a leaky readout without sum of kappa^k",
    ),
)
