"""What a claim says that its problems have beside inputs and targets, drawn: initial values, weights, begins, masks.

Everything that is claimed is there in every problem; where a case asks for nothing of it, it is ones, or zeros. Weights
of a sample add up to a power of two in dyadic cases, by which a mean divides exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.certify.claims import OUTPUT, Claim, states
from gradcert.certify.problems.cases.owners import Owner, owners
from gradcert.reference.networks import Circuit, Problem
from gradcert.reference.numbers import Array

QUIET = {"loss weights": "all alike", "begins": "none", "masks": "all 1", "initial": "all 0"}  # of the long case
OFTEN = 0.35  # how often a mask drops, a sequence begins


def named(claim: Claim) -> bool:
    """Return whether a claim says that problems have more than inputs and targets."""
    return bool(claim.weights or claim.begins or claim.masks or claim.initial != "zero")


def with_given(
    problem: Problem, claim: Claim, row: Mapping[str, str], rng: np.random.Generator, *, exact: bool, turn: int = 0
) -> Problem:
    """Return the problem with what the claim names.

    Parameters
    ----------
    row : the levels that a case asks for, axis -> level; what it does not name is drawn so that it matters.
    exact : whether everything has to stay dyadic.
    turn : counts cases: initial values are one for all samples, and one each, in turn.

    Examples
    --------
    >>> from gradcert.reference.networks import Layer, Lif, Network
    >>> network = Network(layers=(Layer(Lif(), inputs=2, units=3),))
    >>> plain = Problem(network, network.parameters(), np.ones((4, 2, 2)), np.zeros((4, 2, 3)))
    >>> claim = Claim(rule="bptt", cells="lif", initial="trained", masks="output")
    >>> found = with_given(plain, claim, {}, np.random.default_rng(0), exact=False)
    >>> {name: value.shape for name, value in (found.initial | found.masks).items()}
    {'layers.0.v': (3,), 'layers.0': (4, 2, 3)}
    """
    dtype, (steps, batch) = problem.inputs.dtype, problem.inputs.shape[:2]
    when = problem.network.loss.when
    out: dict[str, Any] = {}
    if claim.initial != "zero":
        level = row.get("initial", ("one for all", "one each")[turn % 2])
        out["initial"] = {
            name: _initial((batch, units), level, rng, spikes=spikes, exact=exact)
            for name, units, spikes in _nodes(problem, claim)
        }
        out["initial_gradient"] = claim.initial == "trained"
    if claim.weights:
        out["weights"] = _weights(row.get("loss weights", ""), when, (steps, batch), rng, exact=exact)
    if claim.begins:
        level = row.get("begins", "inside") if when == "every" else "none"
        out["begins"] = _begins(level, (steps, batch), rng)
    if claim.masks:
        level = row.get("masks", "")
        out["masks"] = {
            name: _mask(level, (steps, batch, owner.units), rng, held=held, exact=exact)
            for name, owner, held in _masked(problem, claim)
        }
    if row.get("samples") == "equal":
        out = {part: _alike(value, starts=part == "initial") for part, value in out.items()}
    return replace(problem, **{part: _as(value, dtype) for part, value in out.items()})


def _owners(problem: Problem, claim: Claim) -> list[Owner]:
    """Return layers, a readout left out, or populations."""
    found = list(owners(problem.network))
    return found[:-1] if claim.readout is not None else found


def _nodes(problem: Problem, claim: Claim) -> Iterator[tuple[str, int, bool]]:
    """Yield the names of the initial values, how many units there are, and whether they are spikes."""
    for owner in _owners(problem, claim):
        for node in claim.initial_nodes or states(owner.cell):
            if node in owner.cell.nodes:
                yield f"{owner.name}.{node}", owner.units, node == "z" and hasattr(owner.cell, "surrogate")
    for layer in problem.network.layers if not claim.initial_nodes else ():
        if isinstance(layer.cell, Circuit):  # and what delays hold before the first step
            late = {link.source for link in layer.cell.links if link.lag}
            own = {f"{m.name}.{node}" for m in layer.cell.members for node in m.cell.nodes}
            yield from ((n, layer.size(n), False) for n in layer.cell.plain_nodes if n in late and n not in own)


def _masked(problem: Problem, claim: Claim) -> Iterator[tuple[str, Owner, bool]]:
    """Yield the names of the masks, whose they are, and whether they hold a node.

    The output of the network has one where there is no other.
    """
    graph, last = problem.network.graph, f"layers.{problem.network.depth - 1}"
    last = str(graph.output) if graph else last
    found = list(owners(problem.network))
    for owner in _owners(problem, claim):
        for node in claim.masks:
            if node == OUTPUT and (owner.name != last or len(found) == 1):
                yield owner.name, owner, False
            elif node in owner.cell.nodes:
                yield f"{owner.name}.{node}", owner, True


def _initial(shape: tuple[int, int], level: str, rng: np.random.Generator, *, spikes: bool, exact: bool) -> Array:
    own = shape if level == "one each" else shape[1:]
    if level == "all 0":
        return np.zeros(own)
    if spikes:
        return rng.choice([0.0, 1.0, 1.0], own)
    return rng.choice([-0.5, 0.25, 0.5, 1.0], own) if exact else 0.1 + 0.6 * rng.standard_normal(own)


def _weights(level: str, when: str, shape: tuple[int, int], rng: np.random.Generator, *, exact: bool) -> Array:
    """Return weights (steps, batch); without a level: padding, a step without inside, and other numbers, together."""
    steps, batch = shape
    out = np.ones(shape)
    if level == "all alike":
        return out
    for b in range(batch):
        most = steps.bit_length() - 1
        kept = 1 << int(rng.integers(0, most + 1)) if exact else int(rng.integers(max(1, steps // 2), steps + 1))
        kept = max(1, kept // 2 if exact else kept - 1) if kept == steps and b == 0 else kept
        padded = when != "last" and (level == "padding" or (level == "" and b % 2 == 0))
        if level == "others":
            kept = steps
        counted = np.arange(kept) if padded else np.sort(np.append(rng.permutation(steps - 1)[: kept - 1], steps - 1))
        out[:, b] = 0
        out[counted, b] = 1
        if level in ("", "others"):
            out[:, b] *= rng.choice([0.5, 2.0]) if exact else rng.choice([0.5, 0.75, 1.25, 1.5], steps)
    return out


def _begins(level: str, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return where sequences begin; at the first step of a row it makes no difference, and is said of one."""
    out = np.zeros(shape, dtype=bool)
    out[0, 0] = True
    if level == "none" or shape[0] == 1:
        return out
    out[1:] = rng.random((shape[0] - 1, shape[1])) < OFTEN
    out[int(rng.integers(1, shape[0])), 0] = True
    if level == "adjacent" and shape[0] > 2:
        first = int(rng.integers(1, shape[0] - 1))
        out[first : first + 2, -1] = True
    return out


def _mask(level: str, shape: tuple[int, ...], rng: np.random.Generator, *, held: bool, exact: bool) -> Array:
    """Return a mask; without a level what is kept of an output is scaled up, and a node is held or not."""
    if level == "all 1":
        return np.ones(shape)
    if level == "others":
        return rng.choice([0.25, 0.5, 0.75] if held else [0.5, 2.0], shape)
    out = (rng.random(shape) >= OFTEN).astype(float)
    if level == "" and not held:
        out *= 2.0 if exact else 1.25
    if level == "a step all 0":
        out[int(rng.integers(0, shape[0])), int(rng.integers(0, shape[1]))] = 0
    return out


def _alike(value: Any, *, starts: bool) -> Any:
    """Return optional arrays whose samples are all like the first; `starts`: of initial values, which have no steps."""
    if isinstance(value, Mapping):
        return {name: _alike(v, starts=starts) for name, v in value.items()}
    if not isinstance(value, np.ndarray) or value.ndim == 1:
        return value
    return np.repeat(value[:1], len(value), axis=0) if starts else np.repeat(value[:, :1], value.shape[1], axis=1)


def _as(value: Any, dtype: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as(v, dtype) for name, v in value.items()}
    if isinstance(value, np.ndarray) and value.dtype != bool:
        return np.ascontiguousarray(value, dtype=dtype)
    return value
