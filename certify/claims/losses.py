"""The loss of a claim: of what, in what form, reduced how, as fields and in words that can be read back.

``cross_entropy of sum, mean over batch and outputs``: forms, joined by "or"; after "of", of what, joined by "or";
then how each axis is reduced. What is left out is as usual: every or last, and sums.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradcert.reference.checks import check_number
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import FORMS, KINDS, WHEN, Edge, is_formula
from gradcert.reference.rules import Rule

AXES = ("time", "batch", "outputs")
REDUCED = {"time": ("sum", "mean", "pooled"), "batch": ("sum", "mean"), "outputs": ("sum", "mean")}
OWN = re.compile(r"\{[^{}]*\}")
MOMENTS = ("every", "last")  # of what, where nothing is said
EXAMPLE = "cross_entropy of sum, mean over batch and outputs"


def read_loss(text: str) -> dict[str, Any]:
    """Return the fields of a claim that a loss in words names.

    Raises
    ------
    GradcertError : for words that are none of a loss.

    Examples
    --------
    >>> read_loss("squared_error or cross_entropy of max, mean over time and batch")
    {'losses': ['squared_error', 'cross_entropy'], 'when': ['max'], 'time': 'mean', 'batch': 'mean'}
    >>> read_loss("{(o - y)^4 / c; c=4} of every")
    {'losses': ['{(o - y)^4 / c; c=4}'], 'when': ['every']}
    >>> read_loss("hinge")
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: loss: 'hinge'; allowed: squared_error, cross_entropy, bernoulli; ...
    """
    left = OWN.sub("", str(text))
    if "{" in left or "}" in left:
        raise GradcertError(
            f"loss: {text!r}, where a brace is {'open' if '{' in left else 'closed and never opened'}",
            allowed="a formula of o and y in braces, then how it is reduced: '{(o - y)^2 / 2} of last'",
            do="close it" if "{" in left else "open it",
        )
    own = OWN.findall(str(text))  # commas and words inside braces are none of ours
    first, *rest = [part.strip() for part in OWN.sub("{}", str(text)).split(",")]
    forms, _, moments = first.partition(" of ")
    words = [own.pop(0) if word.strip() == "{}" and own else word.strip() for word in forms.split(" or ")]
    _among("loss", [word for word in words if not is_formula(word)], tuple(FORMS))
    out: dict[str, Any] = {"losses": words}
    if moments:
        out["when"] = [w.removeprefix("the ").strip() for w in moments.split(" or ")]
        _among("of what", out["when"], WHEN)
    for part in rest:
        how, over, axes = part.partition(" over ")
        _among("how it is reduced", [how.strip()] if over else [], ("sum", "mean", "pooled"))
        for axis in axes.split(" and ") if over else [part]:
            if axis.strip() not in AXES or how.strip() not in REDUCED[axis.strip()]:
                raise GradcertError(
                    f"loss: {part!r}", allowed="mean over time, batch, outputs", do=f"such as {EXAMPLE}"
                )
            out[axis.strip()] = how.strip()
    return out


def said_loss(spec: Mapping[str, Any], form: Callable[[str], str] = str) -> str:
    """Return the loss of a claim in words, "" where it is as usual; `form` says each of its forms.

    Examples
    --------
    >>> said_loss({"losses": list(KINDS), "when": ["every", "last"], "time": "sum", "batch": "sum"})
    ''
    >>> said_loss({"losses": ["bernoulli"], "when": ["last"], "time": "sum", "batch": "mean"})
    'bernoulli of last, mean over batch'
    """
    losses, when = spec.get("losses", KINDS), spec.get("when", MOMENTS)
    reduced: dict[str, list[str]] = {}
    for axis in AXES:
        if (how := spec.get(axis, "sum")) != "sum":
            reduced.setdefault(how, []).append(axis)
    usual = tuple(losses) == KINDS and tuple(when) == MOMENTS
    if usual and not reduced:
        return ""
    parts = [f"{' or '.join(map(form, losses))} of {' or '.join(when)}"]
    return ", ".join([*parts, *(f"{how} over {' and '.join(axes)}" for how, axes in reduced.items())])


def check_losses(claim: Any, last: Sequence[Any]) -> None:
    """Raise unless the loss of a claim is one of the reference's, about a node that the last layer's cells have."""
    _among("losses", [loss for loss in claim.losses if not is_formula(loss)], tuple(FORMS))
    _among("when", claim.when, WHEN)
    for axis in AXES:
        _among(axis, [getattr(claim, axis)], REDUCED[axis])
    if claim.time == "pooled" and claim.batch == "mean":
        raise GradcertError("a mean over all steps of all samples, and over the samples again", do="batch='sum'")
    for cell in last:
        _among(f"node, of a last layer of {cell.name}", [claim.node], tuple(cell.nodes))
    _check_stored(claim)
    check_number("level", claim.level)
    whole = [when for when in claim.when if when not in MOMENTS]
    if claim.online and (whole or any(dict(term).get("kind", "rate") == "rate" for term in claim.activity)):
        of = whole[0] if whole else "a rate"
        raise GradcertError(
            f"an online claim with a loss of {of}, which is known when the sequence is over",
            allowed="a loss of every step or of the last, and no rates",
        )


def _check_stored(claim: Any) -> None:
    """Raise where the output is a membrane potential after a reset, and the rule drops resets."""
    said = [claim.options, claim.readout_options, *(member["options"] for member in claim.members)]
    values = [options.get("stored") for options in said]
    post = any("post" in value if isinstance(value, (list, tuple)) else value == "post" for value in values)
    rule: Any = claim.claimed
    keeps = isinstance(rule, Rule) and Edge.RESET in rule.own & rule.upper
    if claim.node == "v" and post and not keeps:
        raise GradcertError(
            f"stored = 'post' with node = 'v' under {claim.rule}: the output is the potential after its reset, and"
            " whether credit passes the reset there is not said by a rule that keeps no RESET",
            allowed="a row that keeps RESET in all layers; stored = 'pre'",
            do="a cell of your own, one of whose nodes is v after the reset",
        )


def _among(what: str, given: Sequence[Any], allowed: Sequence[str]) -> None:
    if wrong := [repr(g) for g in given if g not in list(allowed)]:
        example = f"such as {EXAMPLE}" if what in ("loss", "of what", "how it is reduced") else None
        raise GradcertError(f"{what}: {', '.join(wrong)}", allowed=", ".join(allowed), do=example)
