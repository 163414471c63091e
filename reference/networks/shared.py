"""Per-unit parameters of which there are fewer numbers than units: one for all, or one for each of several runs.

``"leak"`` is one number for all units of a population; ``"b[4]"`` are four, one for each of four runs of consecutive
units of equal length, as the channels of a convolution lie in its outputs: the bias that convolutions have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array

SPELLED = re.compile(r"([^\[\]]+)(?:\[([1-9][0-9]{0,8})\])?")


def runs_of(shared: Iterable[Any]) -> dict[str, int]:
    """Return how many numbers there are of every shared parameter.

    Raises
    ------
    GradcertError : for what is no name, nor a name and how many.

    Examples
    --------
    >>> runs_of(["leak", "b[4]"])
    {'leak': 1, 'b': 4}
    """
    out: dict[str, int] = {}
    for said in shared:
        found = SPELLED.fullmatch(said) if isinstance(said, str) else None
        if found is None:
            raise GradcertError(
                f"the shared parameter {said!r}",
                allowed="a name, of which there is one number, or a name and how many there are: 'b[4]'",
            )
        out[found[1]] = int(found[2] or 1)
    return out


def shared_name(name: str, runs: int) -> str:
    """Return how a shared parameter is written, given how many numbers there are of it.

    Examples
    --------
    >>> shared_name("b", 4), shared_name("leak", 1)
    ('b[4]', 'leak')
    """
    return name if runs == 1 else f"{name}[{runs}]"


def by_unit(values: Array, units: int) -> Array:
    """Return every unit's number, (units,), of those of runs, (runs,)."""
    return np.repeat(values, units // len(values))


def over_runs(per_unit: Array, runs: int) -> Array:
    """Return the sums over runs of the last axis, (..., runs), of (..., units).

    Examples
    --------
    >>> over_runs(np.array([1.0, 2.0, 3.0, 4.0]), 2).tolist()
    [3.0, 7.0]
    """
    return per_unit.reshape(*per_unit.shape[:-1], runs, -1).sum(axis=-1)
