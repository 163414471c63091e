"""A form of one's own as text: the loss of one output o against its target y, summed over the outputs.

In braces, with its numbers behind it: ``{where(|o - y| < d, (o - y)^2 / 2, d (|o - y| - d / 2)); d=0.5}`` is Huber's.
Its derivative by o follows from the formula; one that is given too, ``derivative=...``, has to be that. ``given=...``
says from whose function the formula was taken. The grammar is that of equations and pseudo-derivatives.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from gradcert.reference.checks import check_number
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks.losses.form import Form
from gradcert.reference.numbers import FLOAT64, Array, Numbers
from gradcert.reference.numbers.differentiated import derivative as differentiated
from gradcert.reference.numbers.formula import check_named, evaluated, names, parsed

EXAMPLE = "{(o - y)^2 / 2}, {exp(o) - y o}, {where(|o - y| < d, (o - y)^2 / 2, d (|o - y| - d / 2)); d=0.5}"
NAMED = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*(.*)", re.DOTALL)
CLOSE = 1e-9  # of two derivatives at one point: far above what rounding does to them, far below another formula


def is_formula(kind: Any) -> bool:
    """Return whether a form is one of one's own, as text."""
    return isinstance(kind, str) and kind.strip().startswith("{")


def written(formula: str, *, derivative: str = "", given: str = "", **scales: Any) -> str:
    """Return a form of one's own as the text that `own` reads.

    Examples
    --------
    >>> written("(o - y)^4 / c", c=4)
    '{(o - y)^4 / c; c=4}'
    """
    for name, value in scales.items():
        check_number(f"{name} of the loss {formula!r}", value)
    parts = [formula, *(f"{name}={value!r}" for name, value in scales.items())]
    parts += [f"derivative={derivative}"] if derivative else []
    return "{" + "; ".join([*parts, *([f"given={given}"] if given else [])]) + "}"


def read_formula(text: str) -> dict[str, Any]:
    """Return the parts of such a text: ``formula``, ``derivative`` and ``given`` where they are there, its numbers.

    Examples
    --------
    >>> read_formula("{(o - y)^4 / c; c=4}")
    {'formula': '(o - y)^4 / c', 'c': 4}
    """
    inner = text.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        raise GradcertError(f"the loss {text!r}", allowed=EXAMPLE)
    formula, *parts = inner[1:-1].split(";")
    out: dict[str, Any] = {"formula": formula.strip()}
    for part in parts:
        found = NAMED.fullmatch(part)
        if found is None or found[1] in out:
            raise GradcertError(f"{part.strip()!r} in the loss {text!r}", allowed="name=number; derivative=formula")
        name, value = found[1], found[2].strip()
        try:
            out[name] = value if name in ("derivative", "given") else _number(value)
        except ValueError:
            raise GradcertError(f"{name}={value} in the loss {text!r}", allowed="a number") from None
    return out


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() else value


@cache
def own(text: str) -> Form:
    """Return the form that a text says.

    Raises
    ------
    GradcertError : for what is no formula of o and y, has no derivative or another one than it says, or is no number
        somewhere between -3 and 3.

    Examples
    --------
    >>> form = own("{where(|o - y| < d, (o - y)^2 / 2, d (|o - y| - d / 2)); d=0.5}")
    >>> o, y = np.array([0.25, 2.0, -3.0]), np.zeros(3)
    >>> form.terms(o, y, FLOAT64), form.derivative(o, y, FLOAT64)
    (array(2.28125), array([ 0.25,  0.5 , -0.5 ]))
    """
    spec = read_formula(text)
    what = f"the loss {spec['formula']!r}"
    formula = spec.pop("formula")
    tree = parsed(formula, "the formula of a loss")
    said = spec.pop("derivative", "")
    spec.pop("given", "")
    slope = differentiated(tree, "o")
    _check_names(
        what,
        f"{formula} {said}",
        {*names(tree)} | ({*names(parsed(said, "the derivative of a loss"))} if said else set()),
        spec,
    )
    if "o" not in names(tree):
        raise GradcertError(f"{what}, which is about no output", allowed=EXAMPLE)

    def terms(o: Array, y: Array, numbers: Numbers) -> Array:
        values = evaluated(tree, {**_in(numbers, spec), "o": o, "y": y}, numbers) + 0 * o
        return np.asarray(values.sum(axis=-1))

    def by_output(o: Array, y: Array, numbers: Numbers) -> Array:
        return np.asarray(evaluated(slope, {**_in(numbers, spec), "o": o, "y": y}, numbers) + 0 * o)

    found = Form(text, terms, by_output)
    _check(what, found, parsed(said, "the derivative of a loss") if said else None, spec)
    return found


def _in(numbers: Numbers, scales: Mapping[str, float]) -> dict[str, Any]:
    """Return the numbers of a formula in a number system; whole ones are in each."""
    return {name: value if isinstance(value, int) else numbers.array(value)[()] for name, value in scales.items()}


def _check_names(what: str, text: str, found: set[str], given: Mapping[str, Any]) -> None:
    wanted = found - {"o", "y", "pi"}
    if missing := sorted(wanted - set(given)):
        do = f"give it one: {missing[0]}=1.0"
        check_named(what, text, missing, "o, y, pi, and what has a value", do)
    if wrong := sorted(set(given) - wanted):
        raise GradcertError(f"{', '.join(wrong)} beside {what}, which has no such name", allowed=", ".join(wanted))


def _check(what: str, form: Form, said: ast.expr | None, scales: Mapping[str, float]) -> None:
    """Raise unless a form and its derivative are numbers, and the derivative that was given is the formula's."""
    rng = np.random.default_rng(0)
    o, y = rng.uniform(-3, 3, 200), rng.uniform(-3, 3, 200)
    y[100:] = y[100:] > 0
    with np.errstate(all="ignore"):
        values = [form.terms(o[:, None], y[:, None], FLOAT64), form.derivative(o, y, FLOAT64)]
        for value in values:
            if not np.isfinite(value).all():
                at = int(np.argmin(np.isfinite(value)))
                raise GradcertError(f"{what} at o = {o[at]:.3g}, y = {y[at]:.3g}, which is {value[at]}")
        if said is None:
            return
        theirs = evaluated(said, {**scales, "o": o, "y": y}, FLOAT64) + 0 * o
    off = np.abs(theirs - values[1]) > CLOSE * (1 + np.abs(values[1]))
    if off.any():
        at = int(np.argmax(off))
        raise GradcertError(
            f"the derivative {ast.unparse(said)!r} of {what}: {theirs[at]:.6g} at o = {o[at]:.3g}, y = {y[at]:.3g}, "
            f"where that of the formula is {values[1][at]:.6g}",
            do="leave it out",
        )
