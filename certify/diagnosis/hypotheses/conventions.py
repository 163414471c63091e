"""Another convention, forward and backward: threshold test, reset, gain, transfer, when the loss counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from gradcert.certify.diagnosis.bench import Bench, layers_as
from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis
from gradcert.reference.errors import GradcertError

WORDS: dict[str, tuple[Any, ...]] = {
    "strict": (True, False),
    "reset": (
        "subtract_before_leak",
        "subtract_after_leak",
        "hard",
        "hard_with_input",
        "none",
        "before",
        "after",
        "threshold",
        "adaptive_threshold",
    ),
    "gain": ("one", "one_minus_leak", "one_minus_kappa"),
    "adaptation_gain": ("one", "one_minus_rho"),
    "transfer": ("identity", "relu", "tanh", "sigmoid"),
    "activation": ("identity", "relu", "tanh", "sigmoid"),
    "output": ("identity", "relu", "tanh", "sigmoid"),
}


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield networks with another convention in every layer that has it, or turned round in each (``not strict``)."""
    for option, values in WORDS.items():
        for value in values:
            yield Hypothesis("convention", f"{option} = {value}", f"{option}={value!r}", _switched(option, value))
    yield Hypothesis("convention", "not strict", "the other threshold test, > for >= or the reverse", _turned)
    yield Hypothesis("convention", "the other reset", "the reset on the other side of the product", _other_side)
    for when in ("every", "last"):
        yield Hypothesis("loss", f"when = {when}", f"a loss at {when} step", _when(when))


def _changed(bench: Bench, change: Any) -> Gradient | None:
    try:
        network = layers_as(bench.network, change)
    except GradcertError:
        return None
    return bench.again(network=network).gradients() if network != bench.network else None


def _has(cell: Any, option: str) -> bool:
    return option in {f.name for f in fields(cell)}


def _switched(option: str, value: Any) -> Any:
    def change(cell: Any) -> Any:
        if not _has(cell, option):
            return cell
        try:
            return replace(cell, **{option: value})
        except GradcertError:  # a word that only another cell knows
            return cell

    return lambda bench: _changed(bench, change)


def _turned(bench: Bench) -> Gradient | None:
    return _changed(bench, lambda cell: replace(cell, strict=not cell.strict) if _has(cell, "strict") else cell)


def _other_side(bench: Bench) -> Gradient | None:
    sides = {"before": "after", "after": "before"}
    return _changed(
        bench,
        lambda cell: replace(cell, reset=sides[cell.reset]) if getattr(cell, "reset", "") in sides else cell,
    )


def _when(when: str) -> Any:
    def compute(bench: Bench) -> Gradient | None:
        if bench.network.loss.when == when:
            return bench.gradients()
        return bench.again(network=replace(bench.network, loss=replace(bench.network.loss, when=when))).gradients()

    return compute
