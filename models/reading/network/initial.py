"""What nodes are before the first step, from the states that a module begins with."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcert.models.reading.reading import Reading
from gradcert.models.reading.terms import Term, uncut
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array

FUNCTIONS: dict[str, Any] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
}


def initial_values(
    reading: Reading, slots: list[tuple[str, Any]], names: Mapping[str, Mapping[int, str]]
) -> dict[str, Array]:
    """Return the node values before the first step that are not zero.

    A state that is a function of chosen values (``u = v - theta z``) gives the potential in it, the others being known.
    """
    states = {s.node: slots[k][1] for k, s in enumerate(reading.step.slots)}
    framework = reading.framework
    found: dict[int, Any] = {}  # node -> value
    open_: list[tuple[str, Term, Any]] = []
    for slot, (name, value) in enumerate(slots):
        if slot in reading.anew:
            value = framework.evaluate(reading.step.nodes, reading.anew[slot], states)
        if value is None or slot not in reading.chosen.updates:
            continue
        value = framework.array(value)
        core = uncut(reading.chosen.updates[slot])
        if reading.chosen.has(core):
            found[reading.chosen.number(core)] = value
        elif bool((value != 0).any()):
            open_.append((name, core, value))
    for name, core, value in open_:
        inner = [reading.chosen.number(t) for t in _states_in(reading, core)]
        inner = [k for k in inner if _slope(reading, core, found, k, value).any()] if len(inner) > 1 else inner
        if len(inner) != 1 or inner[0] in found:
            raise GradcertError(f"{name} begins with values that are not zero, and is a function of several states")
        at = [_value(reading, core, {**found, inner[0]: value * 0 + x}) for x in (0.0, 1.0)]
        slope = at[1] - at[0]
        found[inner[0]] = np.where(slope != 0, (value - at[0]) / np.where(slope != 0, slope, 1), 0 * value)
    out: dict[str, Array] = {}
    for prefix, own in names.items():
        for node, called in own.items():
            if node in found and bool((found[node] != 0).any()):
                flat = found[node].reshape(len(found[node]) if found[node].ndim > 1 else 1, -1)
                same = bool((flat == flat[:1]).all())
                out[f"{prefix}.{called}"] = flat[0].copy() if same else flat
    return out


def _slope(reading: Reading, core: Term, found: Mapping[int, Any], node: int, value: Any) -> Any:
    """Return by how much a function of nodes moves with one of them, where no spike is."""
    at = [_value(reading, core, {**found, node: value * 0 + x}) for x in (0.0, 1.0)]
    return np.asarray(at[1] - at[0])


def _value(reading: Reading, term: Term, nodes: Mapping[int, Any]) -> Any:
    """Return the value of a function of nodes; what is not given is 0."""
    if reading.chosen.has(term):
        return nodes.get(reading.chosen.number(term), 0.0)
    if term.op == "number":
        return term.data
    if term.op == "static":
        return reading.framework.array(reading.framework.evaluate(reading.step.nodes, term.data, {}))
    parts = [_value(reading, part, nodes) for part in term.args]
    if term.op == "cut":
        return parts[0]
    if term.op not in FUNCTIONS:
        raise GradcertError(f"a state that is {term.op} of others and begins with values that are not zero")
    return FUNCTIONS[term.op](*parts)


def _states_in(reading: Reading, term: Term) -> list[Term]:
    """Return the chosen values in a function of them that are no spikes."""
    if reading.chosen.has(term):
        return [] if term.op == "spike" else [term]
    found = [t for part in term.args for t in _states_in(reading, part)]
    return list({id(t): t for t in found}.values())
