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
    "options": {"reset": "subtract_before_leak", "gain": "one", "train": (), "rest": 0.0},
}
AVERAGED = {**CLAIM, "time": "mean"}
READS = frozenset({"initial", "weights", "begins", "masks", "activity"})
BEYOND = "no claim names initial values, weights, beginnings, masks or rates"

_given = partial(bug, CLASS, given.gradients, CLAIM, beyond=BEYOND, reads=READS)

ENTRIES = (
    _given("F10", "averaged_over_padding", "a mean over time is divided by the padded steps too", claim=AVERAGED),
    _given("F11", "carried_over_a_beginning", "the state is carried into the next sequence of a row"),
    _given("F12", "mask_scaled_twice", "a mask that holds its scale is scaled once more"),
    _given("F13", "first_mask_at_every_step", "the mask of the first step is used at every step"),
    _given("T51", "rate_sign", "the rate is pushed away from its target", fault="T51 sign"),
    _given("T51", "rate_of_the_batch", "the rate is averaged over the batch inside the square", fault="T51 batch"),
    _given("T70", "mask_drawn_twice", "the pull-back has another mask than the step had"),
)
