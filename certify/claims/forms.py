"""Losses of one's own in a claim: a formula, or somebody's function of outputs and targets, with its derivative.

Either becomes text, ``{exp(o) - c y o; c=2}`` (`gradcert.reference.networks.losses.formula`), which a claim, a problem
and a certificate carry: nobody needs the file any more that a function was in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import attribute_of, is_formula, own, read_formula, written
from gradcert.reference.numbers import recorded

WHAT = "a loss"
ALLOWED = 'a name; {"formula": "(o - y)^4 / c", "c": 4}; a function of o and y, {"given": "mine.py:loss"}'


def with_forms(losses: Iterable[Any]) -> tuple[str, ...]:
    """Return the losses of a claim as text, whatever they were.

    Examples
    --------
    >>> with_forms(["squared_error", {"formula": "(o - y)^4 / c", "c": 4}])
    ('squared_error', '{(o - y)^4 / c; c=4}')
    """
    return tuple(_text(loss) for loss in losses)


def given_losses(losses: Any) -> list[str]:
    """Return the functions in files, ``mine.py:loss``, that losses in their JSON form name without their formulas."""
    found = [loss for loss in losses if isinstance(loss, Mapping)] if isinstance(losses, (list, tuple)) else []
    found = [losses] if isinstance(losses, Mapping) else found
    parts = [(loss, name) for loss in found if "formula" not in loss for name in ("given", "derivative")]
    return [loss[name] for loss, name in parts if isinstance(loss.get(name), str)]


def short_loss(text: str) -> str:
    """Return a loss as a sentence has it, without its derivative."""
    if not is_formula(text):
        return text
    spec = read_formula(text)
    given, formula = spec.pop("given", ""), spec.pop("formula")
    spec.pop("derivative", "")
    numbers = "".join(f"; {name}={value:g}" for name, value in spec.items())
    return "{" + formula + numbers + "}" + (f" (taken as given from {given})" if given else "")


def _text(loss: Any) -> str:
    if callable(loss):
        loss = {"given": loss}
    if isinstance(loss, str):
        if is_formula(loss):
            own(loss)
        return loss
    if not isinstance(loss, Mapping) or not {"formula", "given"} & set(loss):
        raise GradcertError(f"the loss {loss!r}", allowed=ALLOWED)
    spec = dict(loss)
    given = spec.pop("given", "")
    if "formula" not in spec:
        function, given = _function(given)
        spec["formula"] = recorded(function, ("o", "y"), what=WHAT)
        if "derivative" in spec:
            slope, _ = _function(spec["derivative"])
            spec["derivative"] = recorded(slope, ("o", "y"), what=f"the derivative of {WHAT}")
    text = written(spec.pop("formula"), given=given, **spec)
    own(text)
    return text


def _function(given: Any) -> tuple[Callable[..., Any], str]:
    """Return a function, and where it is from."""
    found = attribute_of(given) if isinstance(given, str) else given
    if not callable(found):
        raise GradcertError(
            f"the loss {given!r}, a {type(found).__name__}", allowed="a function of outputs and targets"
        )
    module, name = getattr(found, "__module__", ""), getattr(found, "__qualname__", type(found).__name__)
    return found, given if isinstance(given, str) else f"{module}:{name}"
