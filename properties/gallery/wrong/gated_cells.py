"""Traps T95 to T102 of mathematics.md 14.7: LSTM and GRU."""

from __future__ import annotations

from functools import partial

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.build import bug
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.literal import gated

CLASS = "gated cells"
_lstm = partial(bug, CLASS, gated.gradients, claims.LSTM)
_gru = partial(bug, CLASS, gated.gradients, claims.GRU)
AFTER = claims.with_options(claims.GRU, reset="after")
BEFORE = claims.with_options(claims.GRU, reset="before")

ENTRIES: tuple[Entry, ...] = (
    _lstm("T95", "forget_and_output_swapped", "gate order i, o, g, f", fault="T95 ifco"),
    _lstm("T95", "input_and_forget_swapped", "gate order f, i, g, o", fault="T95 fico"),
    _gru(
        "T96",
        "reset_on_the_other_side",
        "reset before the product for after, or the reverse",
    ),
    _gru("T97", "update_gate_inverted", "u and 1 - u swapped"),
    _lstm(
        "T98",
        "two_term_recursion",
        "no path of z through the output gate",
        claim=claims.with_options(claims.LSTM, recurrent=True),
    ),
    _lstm(
        "T99",
        "peephole_too_old",
        "the output gate's peephole reads the old cell state",
        claim=claims.with_options(claims.LSTM, peepholes=True),
    ),
    _lstm("T100", "forget_bias_inside", "a forget bias of 1 added inside"),
    _gru("T101", "reset_of_the_source", "r_j for r_i in the derivative by H_n", claim=AFTER),
    _gru("T101", "reset_forgotten", "h for r h in the derivative by H_n", claim=BEFORE),
    _gru("T102", "second_bias_redundant", "c_n given the gradient of b_n", claim=AFTER),
)
