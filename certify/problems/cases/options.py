"""What the cells of a claim are made with: fixed options, alternatives taken in turn, constants that are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.certify.claims import Claim, of_layer
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.reference.networks import EXTRAS, cell_named, extra, option_names
from gradcert.reference.numbers import surrogate_from

CONTINUOUS = (*DECAYS, "threshold", "beta")  # drawn for each layer, unless the claim fixes them


@dataclass(frozen=True)
class Cells:
    """What a claim says about one cell: its alternatives and its fixed options."""

    name: str
    fixed: Mapping[str, Any]
    alternatives: Mapping[str, tuple[Any, ...]]


def cell_options(claim: Claim, cell: str) -> Cells:
    """Return the options of a claim that this cell has; a list names alternatives (`Claim`)."""
    known = option_names(cell_named(cell))
    given = {k: v for k, v in claim.options.items() if k in known}
    many = {k: tuple(v) for k, v in given.items() if isinstance(v, (list, tuple)) and not _names(k, v)}
    fixed = {k: v for k, v in given.items() if k not in many}
    return Cells(cell, {k: option_value(k, v) for k, v in fixed.items()}, many)


def _names(option: str, value: Any) -> bool:
    """Return whether a list is one value, the names of the trained parameters, rather than alternatives."""
    return option == "train" and all(isinstance(v, str) for v in value)


def turns(claim: Claim, cell: str) -> int:
    """Return after how many turns every alternative of a cell, or of layers that differ, has been taken."""
    if claim.members:
        return math.lcm(*(turns(of_layer(claim, member), member["cell"]) for member in claim.members))
    return math.lcm(*(len(values) for values in cell_options(claim, cell).alternatives.values()))


def member_options(claim: Claim, member: Mapping[str, Any], turn: int) -> dict[str, Any]:
    """Return the options of a layer, or of a population, for the turn-th case."""
    return chosen_options(of_layer(claim, member), member["cell"], turn)


def stack(claim: Claim, cell: str, depth: int, turn: int) -> list[tuple[Any, dict[str, Any]]]:
    """Return the cell class and the options of every layer of a stack, or of every population; a readout left out.

    Examples
    --------
    >>> claim = Claim(rule="bptt", layers=[{"cell": "lif", "options": {"recurrent": True}}, "rnn"])
    >>> [(kind.name, options) for kind, options in stack(claim, claim.stacks[0], 2, 0)]
    [('lif', {'recurrent': True}), ('rnn', {})]
    """
    if claim.members:
        return [(cell_named(member["cell"]), member_options(claim, member, turn)) for member in claim.members]
    return [(cell_named(cell), chosen_options(claim, cell, turn))] * depth


def cells_of(claim: Claim, cell: str) -> list[Any]:
    """Return the cells of a stack, with default options: one, unless its layers differ."""
    return [kind() for kind, _ in stack(claim, cell, 1, 0)]


def chosen_options(claim: Claim, cell: str, turn: int) -> dict[str, Any]:
    """Return the options for the turn-th case of a cell."""
    what = cell_options(claim, cell)
    out = dict(what.fixed)
    for name, values in sorted(what.alternatives.items()):
        out[name] = option_value(name, values[turn % len(values)])
    return out


def option_value(name: str, value: Any) -> Any:
    """Return the value of an option as its cell takes it."""
    if name in EXTRAS:
        return extra(name, value)
    return surrogate_from(value) if name == "surrogate" else tuple(value) if name == "train" else value
