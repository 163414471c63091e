"""Circumstances: the axes along which problems differ, and the levels on each at which real implementations went wrong.

A certificate lists the levels that its cases met, those that they did not, and those that the claim rules out. A level
is *met* by a case if the problem itself shows it, whatever it was drawn for
(`gradcert.certify.problems.cases.circumstances.seen`). A claim rules levels out by ``without={"targets": ["soft"]}``;
some are ruled out by what else it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcert.reference.errors import GradcertError

AXES: dict[str, tuple[str, ...]] = {
    "T": ("1", "2", "odd", "even", "hundreds"),
    "B": ("1", "2", "more"),
    "samples": ("different", "equal", "one silent"),
    "sizes": ("more inputs", "fewer inputs", "square", "one unit", "one input", "layers alike", "tens"),
    "weights": ("of both signs", "one exactly 0", "a zero row", "all positive", "all negative", "large", "lateral 0"),
    "biases": ("not 0", "0"),
    "inputs": (
        "real",
        "0 and 1",
        "all 0",
        "a silent step",
        "above 5",
        "above 1e6",
        "tiny",
        "subnormal",
        "a loud first step",
    ),
    "memory": ("C order", "Fortran order", "strided", "read-only"),
    "targets": ("ordinary", "soft", "any sum", "one class", "all 0", "a step without", "above 1e5"),
    "spikes": ("some", "never", "always", "adjacent", "a step without", "at the threshold"),
    "leak": ("between", "0", "1", "one each"),
    "threshold": ("other", "1", "below 0", "one each"),
    "numbers": ("ordinary", "logits beyond exp", "saturated", "entries above 1000"),
    "initial": ("all 0", "one for all", "one each"),
    "loss weights": ("all alike", "padding", "0 inside", "others"),
    "begins": ("none", "inside", "adjacent"),
    "masks": ("all 1", "some 0", "a step all 0", "others"),
    "calls": ("first", "again", "many"),
}
CLAIMED = ("initial", "loss weights", "begins", "masks")  # axes of problems whose claim names such arrays
TEXTS = {
    "T": "steps",
    "B": "samples in a batch",
    "samples": "of one batch",
    "sizes": "of layers; ordinary ones are unlike each other",
    "weights": "input and lateral",
    "biases": "",
    "inputs": "a loud first step: 64 times what follows, until every state is back where spikes are decided",
    "memory": "how the arrays lie in memory; Python alone",
    "targets": "one-hot for a cross-entropy, real for a squared error; soft: they sum to one; above 1e5: large errors",
    "spikes": "of a unit; always: of a whole layer; a step without: in a layer that spikes at others",
    "leak": "one each: not one number for the units of a layer",
    "threshold": "one each: not one number for the units of a layer",
    "numbers": "logits beyond exp: above 709 (88 in float32, 11 in float16); entries of the gradient",
    "initial": "values: one for all samples, or one each",
    "loss weights": "padding: 0 at the end of a sample; 0 inside: before a step that counts; others: than 0 and 1",
    "begins": "of sequences inside a row, after its first step",
    "masks": "of outputs and nodes; a step all 0: of one sample; others: numbers than 0 and 1",
    "calls": "of one process; many: more than 150",
}


def check(without: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return what a claim rules out, as a mapping of axes to levels.

    Raises
    ------
    GradcertError : for an axis or a level that does not exist, or an axis of which nothing is left.

    Examples
    --------
    >>> check({"targets": "soft"})
    {'targets': ('soft',)}
    """
    out: dict[str, tuple[str, ...]] = {}
    if not isinstance(without, Mapping):
        raise GradcertError(f"without={without!r}", allowed='{"targets": ["soft"]}: axes and their levels')
    for axis, levels in without.items():
        if axis not in AXES:
            raise GradcertError(f"without: the axis {axis!r}", allowed=", ".join(AXES))
        names = (levels,) if isinstance(levels, str) else tuple(levels)
        if wrong := [name for name in names if name not in AXES[axis]]:
            raise GradcertError(f"without: {axis} {', '.join(map(repr, wrong))}", allowed=", ".join(AXES[axis]))
        if not set(AXES[axis]) - set(names):
            raise GradcertError(f"without: every level of {axis}", do="leave one in")
        if names:
            out[axis] = names
    return out
