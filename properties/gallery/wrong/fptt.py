"""Traps T103 to T113 of mathematics.md 14.8: FPTT, judged by the weights after one sequence."""

from __future__ import annotations

from functools import partial
from typing import Any

from gradcert.properties.gallery.build import bug
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.literal import fptt
from gradcert.reference.procedures import fptt as reference

CLASS = "FPTT"
CLAIM: dict[str, Any] = {
    "rule": "fptt",
    "cells": ("rnn", "leaky_rnn"),
    "depths": (1,),
    "losses": ("squared_error",),
}
SETTINGS = {"parts": 2, "alpha": fptt.ALPHA, "rate": fptt.RATE, "beta": fptt.BETA}
LIMITS = {"family": "bounded", "steps": (4, 5)}


def claim_of(form: str) -> dict[str, Any]:
    """Return the claim of one of the two forms, with its settings."""
    return {**CLAIM, "settings": {**SETTINGS, "form": form}}


def expected(form: str, p: Any) -> Any:
    """Return the reference's weights after one sequence of two parts."""
    state = reference(
        p.network,
        p.parameters,
        p.inputs,
        p.targets,
        parts=2,
        alpha=fptt.ALPHA,
        rate=fptt.RATE,
        form=form,
        beta=fptt.BETA,
        numbers=p.numbers,
    )
    return state.weights


def _bug(form: str, trap: str, name: str, title: str, *, fault: str | None = None) -> Entry:
    return bug(
        CLASS,
        partial(fptt.weights, form=form),
        claim_of(form),
        trap,
        name,
        title,
        fault=fault,
        expected=partial(expected, form),
        limits=LIMITS,
    )


_paper, _code = partial(_bug, "paper"), partial(_bug, "code")

ENTRIES: tuple[Entry, ...] = (
    _paper("T103", "full_coefficient", "coefficient 1 for 1/2"),
    _paper("T104", "pull_sign", "the sign of the pull", fault="T104 sign"),
    _code("T104", "update_sign", "the sign of Lambda's update", fault="T104 update"),
    _code("T105", "average_first", "wbar updated before Lambda", fault="T105 first"),
    _code("T105", "old_lambda", "wbar updated with the old Lambda", fault="T105 old"),
    _paper("T105", "old_gradient", "wbar updated with the old gradient", fault="T105 old"),
    _paper("T106", "alias", "wbar is the live tensor"),
    _paper("T107", "no_replacement", "w not replaced by wbar at the end"),
    _code("T107", "code_no_replacement", "the same in the form of the code"),
    _paper("T108", "mean_penalty", "the penalty a mean instead of a sum"),
    _paper("T109", "old_weights", "the second gradient at the old weights", fault="T109 weights"),
    _paper("T109", "new_state", "the second gradient from the new state", fault="T109 state"),
    _paper("T110", "state_lost", "the state not carried from part to part"),
    _paper("T111", "last_part_skipped", "the last part skipped"),
    _code("T113", "lambda_is_the_gradient", "Lambda claimed to be the gradient after one step"),
)
