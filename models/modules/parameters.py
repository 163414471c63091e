"""A module's parameters from a problem's, and gradients back: the inverse of what was read.

A reading says what the network's parameters are of the module's: one of them, a part of it, a function of it entry by
entry. That is tried on numbers: a part gives the module's own entries back, whatever they are; an increasing or
decreasing function is inverted by halving an interval, its derivative taken by the framework.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.models.modules.errors import UnreadError
from gradcert.models.reading.network.layer import Source
from gradcert.models.reading.network.written import Written
from gradcert.models.reading.record import leads_to, owners
from gradcert.reference.numbers import Array

FAR = 60.0  # half of the interval in which a function is inverted: sigmoid and exp are flat in double beyond it
HALVINGS = 130  # of an interval of 120, after which double has no smaller one
INTERVALS = ((-FAR, FAR), (1e-3, 2.0**40), (-(2.0**40), -1e-3))  # exp(-1 / tau) rises on either side of 0
Function = Callable[[Array], Array]


@dataclass(frozen=True)
class Part:
    """One parameter of the network.

    Attributes
    ----------
    name : of the network's parameter; `module` : of the module's.
    index : the entries of the module's parameter that it is made of, one for each of its own.
    sign : -1 where it is the opposite. `function` : of the module's entries, flat; None where they are it.
    slope : the derivative of that.
    shared : how many entries there are where each is that of a run of units, such as a channel: 1 where one is all
        units'; 0 where every unit has its own.
    """

    name: str
    module: str
    index: Array
    sign: int = 1
    function: Function | None = None
    slope: Function | None = None
    shared: int = 0


def parts(written: Written, parameters: Mapping[str, Array]) -> tuple[Part, ...]:
    """Return what the parameters of a network are of a module's.

    Parameters
    ----------
    parameters : the module's by name, in float64.

    Raises
    ------
    UnreadError : for one that is made of several, or entries that are used twice.
    """
    found = tuple(_part(written, name, source, parameters) for name, source in written.sources.items())
    used: dict[str, set[int]] = {}
    for part in found:
        mine = set(part.index.tolist())
        if mine & used.setdefault(part.module, set()):
            raise UnreadError(
                f"{part.module} is used at several places, and a network's parameters are independent",
                do="judge it where it runs: gradcert.watch",
            )
        used[part.module] |= mine
    return found


def _part(written: Written, name: str, source: Source, parameters: Mapping[str, Any]) -> Part:
    nodes = written.reading.step.nodes
    behind = owners(nodes, source.node)
    if not behind:
        raise UnreadError(f"{name}, which no parameter of the module is in", do="make it a number, or a parameter")
    if len(behind) > 1:
        raise UnreadError(
            f"{name} is made of {' and '.join(behind)}",
            allowed="parameters, parts of them, and increasing or decreasing functions of one",
            do="judge it where it runs: gradcert.watch",
        )
    own, framework = parameters[behind[0]], written.reading.framework
    given = {k: framework.constant(v) for k, v in parameters.items()}

    def on(entries: Any) -> Any:
        value = framework.evaluate(nodes, source.node, {}, {**given, behind[0]: entries}, written.reading.lifted)
        return value if source.spread is None else framework.spread(value, source.spread)

    def of(entries: Array) -> Array:
        return framework.array(on(framework.constant(entries.reshape(own.shape)))).reshape(-1)

    def slope(entries: Array) -> Array:
        into = framework.constant(entries.reshape(own.shape))
        first = (np.arange(of(entries).size) % run == 0).astype("float64")  # one value of each entry
        pull = framework.puller(lambda its: {"value": on(its["entries"])})
        return framework.array(pull({"entries": into}, {"value": first})["entries"]).reshape(-1)

    ids = np.arange(1.0, own.size + 1)
    index = (of(ids) - 1).round().astype(int)
    _refuse_masks(nodes, name, source, behind[0], own, of)
    plain = all(_is_part(of, entries, index) for entries in (ids, -ids, ids / 1024))
    if not plain:
        index = np.repeat(np.arange(own.size), max(1, len(index) // own.size))
        if len(index) != of(own).size or not all(_is_constant(of(v), own.size) for v in (own, ids / 1024)):
            raise _mixed(name, behind[0])
        one = own.reshape(-1) + (np.arange(own.size) == 0)  # an entry is moved, and the others are made of themselves
        if bool((of(one) != of(own))[len(index) // own.size :].any()):
            raise _mixed(name, behind[0])
    runs = len(set(index.tolist()))
    run = len(index) // runs
    shared = runs if source.spread is not None and run > 1 else 0
    if runs < len(index) and not (shared and _in_runs(index, runs)):
        raise UnreadError(
            f"{name}: entries of {behind[0]} are used several times, and not each by a run of units",
            allowed="one entry for all units, or one for each channel, as the bias of a convolution is",
            do="judge it where it runs: gradcert.watch",
        )
    made = Part(name, behind[0], index[::run] if shared else index, source.sign, shared=shared)
    return made if plain else replace(made, function=lambda v: of(v)[::run], slope=slope)


def _mixed(name: str, owner: str) -> UnreadError:
    return UnreadError(
        f"{name} is a function of {owner} that is not entry by entry: not every value that a problem has can be made",
        allowed="parameters, parts of them, and increasing or decreasing functions of each entry",
        do="judge it where it runs: gradcert.watch",
    )


def _in_runs(index: Array, runs: int) -> bool:
    """Return whether as many entries follow one another in runs that are equally long."""
    return len(index) % runs == 0 and _is_constant(index, runs)


def _is_constant(values: Array, runs: int) -> bool:
    """Return whether values are the same over each of several runs that are equally long."""
    rows = values.reshape(runs, -1)
    return bool((rows == rows[:, :1]).all())


def _refuse_masks(nodes: Any, name: str, source: Source, owner: str, own: Array, of: Function) -> None:
    """Raise where some entries are what they are, whatever the parameter is: a mask, as of self-connections."""
    before, after = of(own), of(own + 1)
    fixed = int((before == after).sum())
    if not 0 < fixed < before.size:
        return
    made = [nodes[k] for k in sorted(leads_to(nodes, source.node)) if nodes[k].kind == "op" and nodes[k].where]
    place = made[-1].where if made else "the step"
    masks = [nodes[k].name for k in sorted(leads_to(nodes, source.node)) if nodes[k].kind in ("buffer", "constant")]
    raise UnreadError(
        f"{owner} is masked at {place}{f' by {masks[-1]}' * bool(masks)}: {fixed} of {before.size} entries of what"
        " acts are fixed, and the problems that are generated have every entry",
        allowed="weights that can have any value",
        do="certify a module without the mask; or judge it as it is where it runs: gradcert.watch",
    )


def _is_part(of: Function, entries: Array, index: Array) -> bool:
    inside = bool((index >= 0).all()) and bool((index < len(entries)).all())
    return inside and bool((of(entries) == entries[index]).all())


@dataclass(frozen=True)
class Given:
    """A module's parameters, made of a problem's.

    Attributes
    ----------
    values : the module's by name, those that the network has. `slopes` : of the function that each of `parts` is.
    """

    parts: tuple[Part, ...]
    values: dict[str, Array]
    slopes: dict[str, Array]

    def pulled(self, found: Mapping[str, Array], leaves: Mapping[str, Array]) -> dict[str, Array]:
        """Return gradients with respect to a problem's parameters from those with respect to the module's.

        Parameters
        ----------
        found : the module's by name; one that is not there is zero. `leaves` : the problem's parameters.
        """
        out = {name: np.zeros(np.shape(v), dtype=v.dtype) for name, v in leaves.items()}
        for part in self.parts:
            if part.module in found:
                g = part.sign * found[part.module].reshape(-1)[part.index]
                slope = self.slopes.get(part.name)
                g = g if slope is None else g / slope.astype(g.dtype)
                out[part.name].reshape(-1)[: len(part.index)] = g
        return out


def given(found: tuple[Part, ...], own: Mapping[str, Array], leaves: Mapping[str, Array]) -> Given:
    """Return a module's parameters that are those of a problem.

    Parameters
    ----------
    own : the module's parameters by name, in float64; entries that the network has not stay as they are.
    leaves : the problem's parameters by the network's names.
    """
    out: dict[str, Array] = {}
    slopes: dict[str, Array] = {}
    for part in found:
        flat = out.setdefault(part.module, own[part.module].astype("float64").reshape(-1).copy())
        value = part.sign * leaves[part.name].astype("float64").reshape(-1)[: len(part.index)]
        if part.function is not None:
            value = _inverse(part, part.function, value)
            assert part.slope is not None
            slopes[part.name] = part.slope(value)
        flat[part.index] = value
    return Given(found, {name: v.reshape(own[name].shape) for name, v in out.items()}, slopes)


def _halved(function: Function, want: Array, first: float, last: float) -> Array:
    """Return entries between two at which an increasing, or decreasing, function has a value, if it has it there."""
    low, high = (np.full_like(want, x) for x in (first, last))
    rises = function(high) > function(low)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = (function(middle) < want) == rises
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return high


def _inverse(part: Part, function: Function, want: Array) -> Array:
    """Return the entries at which a function has a value."""
    enough = 1e-12 * max(1.0, float(np.abs(want).max()))
    with np.errstate(all="ignore"):
        for ends in INTERVALS:
            found = _halved(function, want, *ends)
            off = np.nan_to_num(np.abs(function(found) - want), nan=np.inf)
            if float(off.max()) <= enough:
                return found
    raise UnreadError(
        f"{part.name} = {want[int(off.argmax())]:.6g}, which {part.module} has no value for: the module holds what"
        " it makes of it between bounds",
        allowed="functions that reach every value which a problem has",
        do="judge it where it runs: gradcert.watch",
    )
