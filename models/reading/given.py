"""What `gradcert.compute` is given: a batch, a loss, the number of an output, a rule."""

from __future__ import annotations

from typing import Any

from gradcert.models.reading.network.passes import AS_CODED
from gradcert.reference.errors import GradcertError
from gradcert.reference.rules import RULES, Rule, rule_named

BATCH = "a pair, (inputs of all steps, target), such as (torch.rand(20, 8, 3), labels)"


def check_given(batch: Any, loss: Any, output: Any, rule: Any) -> tuple[Any, Any]:
    """Return inputs and target.

    Raises
    ------
    GradcertError : for a batch that is no pair, a loss that is no function, an output that is no number, a rule
        that is neither a name nor a `Rule`.

    Examples
    --------
    >>> check_given(3, max, 0, "bptt")
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: compute with a batch that is an int; allowed: a pair, ...
    """
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        what = f"a {type(batch).__name__} of {len(batch)}" if isinstance(batch, (tuple, list)) else _an(batch)
        raise GradcertError(f"compute with a batch that is {what}", allowed=BATCH)
    if not callable(loss):
        raise GradcertError(
            f"compute with loss={loss!r}",
            allowed="a function (outputs, target) -> number",
            do="such as loss=lambda outputs, target: ((outputs - target) ** 2).sum()",
        )
    if isinstance(output, bool) or not isinstance(output, int) or output < 0:
        raise GradcertError(f"compute with output={output!r}", allowed="which of the outputs the loss reads, from 0")
    if not isinstance(rule, (str, Rule)):
        raise GradcertError(f"compute with rule={rule!r}", allowed=f"as-coded, {', '.join(RULES)}, or a Rule")
    if isinstance(rule, str) and rule != AS_CODED:
        rule_named(rule)  # which refuses what is no row, before anything is read
    return batch[0], batch[1]


def check_inputs(x: Any, *, shape: tuple[int, ...] | None, finite: bool, allowed: str) -> None:
    """Raise unless inputs are an array that is not empty, of numbers.

    Parameters
    ----------
    shape : None for what is no array.
    """
    if shape is None:
        raise GradcertError(f"compute with inputs that are {_an(x)}", allowed=allowed)
    if not shape or 0 in shape:
        raise GradcertError(f"compute with inputs of shape {shape}", allowed=f"{allowed}, with at least one step")
    if not finite:
        raise GradcertError("compute with inputs that are not finite (NaN or infinity)", allowed="numbers")


def _an(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
