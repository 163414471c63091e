"""What is done wrong with padding, sequences in one row, masks and rates (mathematics.md 14, T51 and T70)."""

from __future__ import annotations

from functools import partial
from typing import Any

from gradcert.properties.gallery.build import bug
from gradcert.properties.gallery.literal import given

CLASS = "optional data"
CLAIM: dict[str, Any] = {
    "rule": "bptt",
    "cells": ("lif",),
    "depths": (1,),
    "options": {
        "reset": "subtract_before_leak", "gain": "one", "train": (), "rest": 0.0, "recurrent": True, "bias": True
    },
    "initial": "trained",
    "initial_nodes": ("v", "z"),
    "weights": True,
    "begins": True,
    "masks": ("output",),
}  # fmt: skip
AVERAGED = {**CLAIM, "time": "mean"}
RATE = {**CLAIM, "begins": False, "activity": ({"kind": "rate", "target": 0.25, "strength": 1.0},)}
READS = frozenset({"initial", "weights", "begins", "masks", "activity"})

_given = partial(bug, CLASS, given.gradients, CLAIM, reads=READS)

ENTRIES = (
    _given("F10", "averaged_over_padding", "a mean over time is divided by the padded steps too", claim=AVERAGED),
    _given("F11", "carried_over_a_beginning", "the state is carried into the next sequence of a row"),
    _given("F12", "mask_scaled_twice", "a mask that holds its scale is scaled once more"),
    _given("F13", "first_mask_at_every_step", "the mask of the first step is used at every step"),
    _given("F14", "initial_values_not_read", "every sequence starts from zero"),
    _given("F15", "first_sequence_alone", "initial values have the gradient of a row's first sequence alone"),
    _given("F16", "weights_not_read", "every step counts alike"),
    _given("F17", "masks_not_read", "nothing is masked"),
    _given("T51", "rate_sign", "the rate is pushed away from its target", fault="T51 sign", claim=RATE),
    _given(
        "T51", "rate_of_the_batch", "the rate is averaged over the batch in the square", fault="T51 batch", claim=RATE
    ),
    _given("T70", "mask_drawn_twice", "the pull-back has another mask than the step had"),
)
