"""What a problem shows: the levels that it meets, read from the problem itself and its forward pass in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gradcert.certify.claims import Claim
from gradcert.certify.problems.cases.circumstances.make import lateral, vectors
from gradcert.certify.problems.cases.circumstances.ruled import LEAKS, UNBOUNDED
from gradcert.certify.problems.cases.graphs import alike, pairs_of, sizes_of
from gradcert.certify.problems.cases.owners import owners
from gradcert.reference.engines import Tape, new_value
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import FORMATS, Array

LARGE, TENS, HUNDREDS = 100.0, 10, 100
QUIET = 20.0  # times what follows is loud; a state that far from its threshold is far
BEYOND = {name: math.log(made.largest) for name, made in FORMATS.items()}  # exp of more is infinite
FLAT = 1e-9  # a derivative of a smooth function this small is one of a saturated unit


def met(problem: Problem, tape: Tape, gradients: Mapping[str, Array], *, memory: str = "C order") -> list[str]:
    """Return the levels that a problem meets, each as ``axis: level``, in the order of the axes.

    Parameters
    ----------
    tape, gradients : its forward pass, and its gradient, in float64.
    memory : how its arrays are handed over.
    """
    gradients = {**{name: 0 * value for name, value in problem.parameters.items()}, **gradients}  # not asked for
    found = [
        *_lengths(problem),
        *_samples(problem),
        *_sizes(problem),
        *_weights(problem, gradients),
        *_inputs(problem),
        ("memory", memory),
        *_targets(problem),
        *_loud(problem, tape),
        *_spikes(tape),
        *_constants(problem),
        *_numbers(problem, tape, gradients),
        *_given(problem),
    ]
    return [f"{axis}: {level}" for axis, level in dict.fromkeys(found)]


Level = tuple[str, str]


def outside(problem: Problem, claim: Claim | None) -> bool:
    """Return whether a problem is none of a claim: of sizes that it does not have, or with a level that it rules out.

    As far as that needs no forward pass.
    """
    if claim is None:
        return False
    widths = tuple(sizes_of(problem.network))
    for given, fixed in ((len(problem.inputs), claim.T), (problem.inputs.shape[1], claim.B), (widths, claim.sizes)):
        if fixed and given != fixed:
            return True
    if claim.inputs == "spikes" and not np.isin(problem.inputs, (0, 1)).all():
        return True
    parts = (_lengths, _samples, _sizes, _inputs, _targets, _constants, _given)
    ruled = claim.without
    return bool(ruled) and any(level in ruled.get(axis, ()) for part in parts for axis, level in part(problem))


def _given(problem: Problem) -> Iterator[Level]:
    """Yield the levels of initial values, weights of the loss, beginnings and masks, where there are such."""
    if (starts := list(problem.initial.values())) and not any(v.any() for v in starts):
        yield "initial", "all 0"
    for value in starts:
        if value.any():
            yield "initial", "one for all" if value.ndim == 1 else "one each"
    if (w := problem.weights) is not None:
        later = np.flip(np.maximum.accumulate(np.flip(w != 0, axis=0), axis=0), axis=0)  # a step from here on counts
        if (w == w.flat[0]).all():
            yield "loss weights", "all alike"
        if (~later).any():
            yield "loss weights", "padding"
        if ((w == 0) & later).any():
            yield "loss weights", "0 inside"
        if not np.isin(w, (0, 1)).all():
            yield "loss weights", "others"
    if (begins := problem.begins) is not None:
        yield "begins", "inside" if begins[1:].any() else "none"
        if (begins[1:-1] & begins[2:]).any():
            yield "begins", "adjacent"
    for mask in problem.masks.values():
        if (mask == 1).all():
            yield "masks", "all 1"
        if (mask == 0).any():
            yield "masks", "some 0"
        if (mask == 0).all(axis=2).any():
            yield "masks", "a step all 0"
        if not np.isin(mask, (0, 1)).all():
            yield "masks", "others"


def _lengths(problem: Problem) -> Iterator[Level]:
    steps, batch, _ = problem.inputs.shape
    yield "T", str(steps) if steps <= 2 else "odd" if steps % 2 else "even"
    if steps >= HUNDREDS:
        yield "T", "hundreds"
    yield "B", str(batch) if batch <= 2 else "more"


def _samples(problem: Problem) -> Iterator[Level]:
    batch = problem.inputs.shape[1]
    rows = [v for v in (problem.inputs, problem.targets, problem.weights, problem.begins) if v is not None]
    rows += [*problem.masks.values(), *(v[None] for v in problem.initial.values() if v.ndim == 2)]
    pairs = [(a, b) for a in range(batch) for b in range(a)]
    alike = any(all(bool((v[:, a] == v[:, b]).all()) for v in rows) for a, b in pairs)
    silent = [not problem.inputs[:, b].any() for b in range(batch)]
    yield "samples", "equal" if alike else "different"
    if any(silent) and not all(silent):
        yield "samples", "one silent"


def _sizes(problem: Problem) -> Iterator[Level]:
    shapes = pairs_of(problem.network)
    for below, units in shapes:
        yield "sizes", "square" if below == units else "more inputs" if below > units else "fewer inputs"
    if any(units == 1 for _, units in shapes):
        yield "sizes", "one unit"
    if shapes[0][0] == 1:
        yield "sizes", "one input"
    if alike(problem.network):
        yield "sizes", "layers alike"
    if any(max(shape) >= TENS for shape in shapes):
        yield "sizes", "tens"


def _weights(problem: Problem, gradients: Mapping[str, Array]) -> Iterator[Level]:
    # a weight, a row, a bias of 0 is met where its gradient is none: else nobody sees what became of it
    shaped = [(w, _of_one(gradients[name], w)) for name, w in problem.parameters.items() if w.ndim == 2]
    matrices = [w for w, _ in shaped]
    signs = {float(s) for w in matrices for s in np.unique(np.sign(w)) if s}
    if len(signs) == 2:
        yield "weights", "of both signs"
    elif signs:
        yield "weights", "all positive" if 1.0 in signs else "all negative"
    if any(w.any() and g[w == 0].any() for w, g in shaped):
        yield "weights", "one exactly 0"
    if any(w.any() and g[~w.any(axis=1)].any() for w, g in shaped):
        yield "weights", "a zero row"
    if any(np.abs(w).max() > LARGE for w in matrices):
        yield "weights", "large"
    names = [x.full_name(i, n) for i, x in enumerate(problem.network.layers) for n in lateral(x) if n in x.shapes()]
    none = not any(problem.parameters[name].any() for name in names)
    if none and any(np.asarray(gradients[name]).any() for name in names):
        yield "weights", "lateral 0"
    biases = vectors(problem)
    if any(problem.parameters[name].any() for name in biases):
        yield "biases", "not 0"
    elif not biases or any(np.asarray(gradients[name]).any() for name in biases):
        yield "biases", "0"


def _of_one(gradient: Array, weight: Array) -> Array:
    """Return a gradient; of several, stacked, what is largest of each entry."""
    g = np.asarray(gradient)
    return g if g.shape == weight.shape else np.abs(g).max(axis=0)


def _inputs(problem: Problem) -> Iterator[Level]:
    x, size = problem.inputs, np.abs(problem.inputs).astype(float)
    if not size.any():
        yield "inputs", "all 0"
        return
    yield "inputs", "0 and 1" if set(np.unique(x)) <= {0.0, 1.0} else "real"
    if len(x) > 1 and (~x.any(axis=(1, 2))).any():
        yield "inputs", "a silent step"
    tiny = np.finfo(x.dtype).tiny
    if size.max() > 5:
        yield "inputs", "above 5"
    if size.max() > 1e6:
        yield "inputs", "above 1e6"
    if ((size > tiny) & (size < 1e-6)).any():
        yield "inputs", "tiny"
    if ((size > 0) & (size < tiny)).any():
        yield "inputs", "subnormal"


def _targets(problem: Problem) -> Iterator[Level]:
    every = problem.targets
    y = every if problem.network.loss.when == "every" else every[-1:]  # what is collected meets the last target
    if not y.any():
        yield "targets", "all 0"
        return
    if float(np.abs(y).max()) > 1e5:
        yield "targets", "above 1e5"
    if len(y) > 1 and (~y.any(axis=(1, 2))).any():
        yield "targets", "a step without"
    if problem.network.loss.kind != "cross_entropy":
        yield "targets", "ordinary"
        return
    sums, hot = y.sum(axis=-1), y.max(axis=-1)
    if ((sums != 1) & (sums != 0)).any():
        yield "targets", "any sum"
    elif ((hot < 1) & (sums == 1)).any():
        yield "targets", "soft"
    else:
        yield "targets", "ordinary"
    if y.shape[2] > 1 and y[..., 0].all():
        yield "targets", "one class"


def _loud(problem: Problem, tape: Tape) -> Iterator[Level]:
    """Yield the level of a first step that drives a state far away, from where it comes back to its threshold."""
    size = np.abs(problem.inputs.astype(float)).max(axis=(1, 2))
    if len(size) < TENS or size[0] <= QUIET * size[1:].max() or not size[1:].any():
        return
    spiking = [owner for owner in owners(tape.network) if hasattr(owner.cell, "surrogate")]
    for owner in spiking:
        layer = tape.layers[owner.layer]
        v, threshold = (
            layer.now.get(new_value(layer.layer, f"{owner.prefix}v")),
            layer.p.get(f"{owner.prefix}threshold"),
        )
        if v is None or threshold is None:
            continue
        u = np.asarray(v) - np.asarray(threshold)
        if ((np.abs(u[0]) > QUIET) & (np.abs(u[len(u) // 3 :]) < 1).any(axis=0)).any():
            yield "inputs", "a loud first step"
            return
    if not spiking:
        yield "inputs", "a loud first step"


def _spikes(tape: Tape) -> Iterator[Level]:
    for owner in owners(tape.network):
        layer = tape.layers[owner.layer]
        if not hasattr(owner.cell, "surrogate"):
            continue
        z, v = (layer.now.get(new_value(layer.layer, owner.prefix + node)) for node in "zv")
        z = np.asarray(z)
        per_step = z.any(axis=(1, 2))
        if z.any() and not z.all():
            yield "spikes", "some"
        if (~z.any(axis=(0, 1))).any():
            yield "spikes", "never"
        if z.all():
            yield "spikes", "always"
        if len(z) > 1 and (z[1:] * z[:-1]).any():
            yield "spikes", "adjacent"
        if per_step.any() and not per_step.all():
            yield "spikes", "a step without"
        threshold = layer.p.get(f"{owner.prefix}threshold")
        if v is not None and threshold is not None and (v == threshold).any():
            yield "spikes", "at the threshold"


def _constants(problem: Problem) -> Iterator[Level]:
    for owner in owners(problem.network):
        constants = dict(owner.cell.constants())
        values: dict[str, Any] = {k: problem.parameters.get(f"{owner.name}.{k}", v) for k, v in constants.items()}
        for name in LEAKS:
            if name in values:
                found = np.unique(np.asarray(values[name], dtype=float))
                yield from (("leak", f"{v:.0f}" if v in (0, 1) else "between") for v in found)
                if len(found) > 1:
                    yield "leak", "one each"
        if "threshold" in values and hasattr(owner.cell, "surrogate"):
            found = np.unique(np.asarray(values["threshold"], dtype=float))
            yield from (("threshold", "1" if v == 1 else "below 0" if v < 0 else "other") for v in found)
            if len(found) > 1:
                yield "threshold", "one each"


def _numbers(problem: Problem, tape: Tape, gradients: Mapping[str, Array]) -> Iterator[Level]:
    before = False
    if problem.network.loss.kind == "cross_entropy" and np.abs(np.asarray(tape.outputs)).max() > BEYOND[problem.dtype]:
        yield "numbers", "logits beyond exp"
        before = True
    smooth = [
        (owner, tape.layers[owner.layer])
        for owner in owners(tape.network)
        if not hasattr(owner.cell, "surrogate") and getattr(owner.cell, "activation", "") not in UNBOUNDED
    ]
    factors = [
        np.asarray(layer.factors.get(link))
        for owner, layer in smooth
        for link in layer.layer.cell.links
        if link.weight is None and link.lag == 0 and link.target.startswith(owner.prefix)
    ]
    outputs = [layer.now[new_value(layer.layer, f"{owner.prefix}z")] for owner, layer in smooth]
    full = any((np.abs(np.asarray(values)) > 1 - FLAT).any() for values in outputs)
    if full or any(f.ndim and ((f != 0) & (np.abs(f) < FLAT)).any() for f in factors):
        yield "numbers", "saturated"
        before = True
    if any(np.abs(g).max() > 1000 for g in gradients.values()):
        yield "numbers", "entries above 1000"
        before = True
    if not before:
        yield "numbers", "ordinary"
