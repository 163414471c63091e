"""FPTT with one line done otherwise, in either form (`gradcert.reference.procedures.fptt`, mathematics.md 8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gradcert.certify.variations.variation import Posed, Variation, Vector
from gradcert.reference.engines import Tape, record, tape_gradients
from gradcert.reference.numbers import Array
from gradcert.reference.procedures import last_state, parts_of
from gradcert.reference.rules import RULES


@dataclass(frozen=True)
class Lines:
    """How each line of the algorithm is done.

    Attributes
    ----------
    share : what the pull is multiplied by in the objective: 1/2 in the paper, 1 in the code.
    mean : whether the penalty is a mean over the entries of a parameter.
    second : what the paper's second gradient is taken at: ``new`` weights, ``old`` ones, or the new ``state``.
    average : the pull that the average is made with, ``new`` or ``old``; ``first`` makes the average before the pull.
    update : sign of the update of Lambda; ``gradient`` in place of it.
    live : whether the average is the weights' own memory.
    carried : whether the state goes on from part to part.
    later : whether it is that of the second pass, at the new weights.
    skipped : parts left out at the end.
    replaced : whether the weights become the average in the end.
    """

    share: float
    mean: bool = False
    second: str = "new"
    average: str = "new"
    update: float | str = 1.0
    live: bool = False
    carried: bool = True
    later: bool = False
    skipped: int = 0
    replaced: bool = True


BOTH = "mean penalty, second gradient from the new state"
OTHERWISE: dict[str, tuple[str, Mapping[str, Any]]] = {
    "pull sign": ("the pull with the opposite sign", {"share": -1.0}),
    "mean penalty": ("a penalty that is a mean, not a sum", {"mean": True}),
    "second gradient at old weights": ("the second gradient at the old weights", {"second": "old"}),
    "second gradient from the new state": ("the second gradient from the new state", {"second": "state"}),
    BOTH: (
        "a penalty that is a mean, and the second gradient from the new state, as SpikingJelly has them",
        {"mean": True, "second": "state"},
    ),
    "average with the old pull": ("the average made with the old pull", {"average": "old"}),
    "average first": ("the average made before the pull", {"average": "first"}),
    "update sign": ("Lambda updated with the opposite sign", {"update": -1.0}),
    "pull is the gradient": ("Lambda taken for the gradient at the new weights", {"update": "gradient"}),
    "average is the live weights": ("an average that is the weights' own memory", {"live": True}),
    "state of the second pass": (
        "the state of the second pass, at the new weights, going on to the next part",
        {"later": True},
    ),
    "state lost": ("a state that does not go on from part to part", {"carried": False}),
    "last part skipped": ("the last part left out", {"skipped": 1}),
    "weights not replaced": ("weights that do not become their average in the end", {"replaced": False}),
}


def variations(posed: Posed) -> Iterator[Variation]:
    """Yield the algorithm with one line done otherwise."""
    share = {"paper": 0.5, "code": 1.0}[posed.settings["form"]]
    right = Lines(share, replaced=posed.settings.get("finish", True))
    own, other = ("1/2", "1") if share == 0.5 else ("1", "1/2")
    yield Variation(
        "other coefficient",
        f"the pull G with the coefficient {other} in the objective, not {own}",
        partial(run, replace(right, share=1.5 - share)),
    )
    for what, (label, changed) in OTHERWISE.items():
        if what == "last part skipped" and posed.settings.get("returns") == "gradients":
            continue  # a part less has another shape
        if what == "weights not replaced" and not right.replaced:
            continue  # they need not be
        if what == "state of the second pass" and posed.settings["form"] == "code":
            continue  # it has no second pass
        if what == BOTH and posed.settings["form"] == "code":
            continue  # it has no second gradient
        changed = {**changed, "share": changed.get("share", 1.0) * share}
        yield Variation(what, label, partial(run, replace(right, **changed)))


def run(how: Lines, p: Posed) -> Vector:
    """Return the weights after one sequence, or the gradients of its parts."""
    s = p.settings
    al, rate, be = (p.numbers.array(s[name])[()] for name in ("alpha", "rate", "beta"))
    weights = dict(p.parameters)
    average, pull = weights, {k: 0 * v for k, v in weights.items()}
    state: Mapping[str, Array] = {}
    between: list[Vector] = []
    spans = parts_of(len(p.inputs), s["parts"])
    for span in spans[: len(spans) - how.skipped]:
        start = state if how.carried else {}
        tape = _recorded(p, weights, span, start)
        after = last_state(tape)
        g = _gradient(p, tape, span)
        between.append(g)
        new = {}
        for k, w in weights.items():
            pulled = al * (w - average[k]) - how.share * pull[k]
            new[k] = w - rate * (g[k] + (pulled / w.size if how.mean else pulled))
        old_pull, old_average = pull, average
        if s["form"] == "paper":
            at, entering = (weights, start) if how.second == "old" else (new, after if how.second == "state" else start)
            second = _recorded(p, at, span, entering)
            pull = _gradient(p, second, span)
            after = last_state(second) if how.later else after
            used = old_pull if how.average == "old" else pull
            average = {k: (average[k] + new[k]) / 2 - used[k] / (2 * al) for k in new}
        else:
            early = _moved(old_average, new, old_pull, al, be)
            seen = early if how.average == "first" else old_average
            if how.update == "gradient":
                pull = _gradient(p, _recorded(p, new, span, start), span)
            else:
                pull = {k: old_pull[k] - float(how.update) * al * (new[k] - seen[k]) for k in new}
            average = _moved(old_average, new, old_pull if how.average == "old" else pull, al, be)
        weights, state = new, after
        average = weights if how.live else average
    if s.get("returns") == "gradients":
        return {k: np.stack([g[k] for g in between]) for k in weights}
    return average if how.replaced else weights


def _moved(average: Vector, weights: Vector, pull: Vector, al: Any, be: Any) -> Vector:
    return {k: (1 - be) * average[k] + be * weights[k] - be / al * pull[k] for k in weights}


def _recorded(p: Posed, weights: Vector, span: slice, state: Mapping[str, Array]) -> Tape:
    return record(p.network, weights, p.inputs[span], numbers=p.numbers, initial=state)


def _gradient(p: Posed, tape: Tape, span: slice) -> Vector:
    return tape_gradients(tape, p.targets[span], rule=RULES["bptt"], feedback={})
