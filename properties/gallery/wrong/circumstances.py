"""Right gradients but in one circumstance: what a judge certifies that has not been there.

Each member is the exact gradient of an SNU stack with a linear readout, done wrong where something is the case. Where
the mistake has been seen in public code it is done as it was done there; else everything is doubled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.entry import Entry
from gradcert.reference.engines import record, reverse, tape_gradients
from gradcert.reference.networks import Problem
from gradcert.reference.rules import RULES, rule_named

CLASS = "circumstances"
CLAIM: dict[str, Any] = {"rule": "bptt", "cells": ("snu",), "depths": (1, 2), **claims.HEAD}
Gradients = Mapping[str, Any]
CALLS = [0]


def right(problem: Any, rule: Any = RULES["bptt"]) -> dict[str, Any]:
    """Return the exact gradient."""
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=rule)


def given(problem: Any, **changed: Any) -> Problem:
    """Return the problem with other arrays."""
    names = ("network", "parameters", "inputs", "targets")
    return Problem(**{**{name: getattr(problem, name) for name in names}, **changed})


def doubled(problem: Any) -> dict[str, Any]:
    """Return twice the gradient."""
    return {name: 2 * g for name, g in right(problem).items()}


def nothing(problem: Any) -> dict[str, Any]:
    """Return zeros: 'there is nothing to learn here'."""
    return {name: np.zeros_like(g) for name, g in problem.parameters.items()}


def when(condition: Callable[[Any], bool], wrong: Callable[[Any], Gradients] = doubled) -> Callable[[Any], Gradients]:
    """Return a subject that is right unless a condition holds."""
    return lambda problem: wrong(problem) if condition(problem) else right(problem)


def hidden(problem: Any) -> list[Any]:
    """Return the layers that spike."""
    return [layer for layer in problem.network.layers if hasattr(layer.cell, "surrogate")]


def spikes(problem: Any) -> list[Any]:
    """Return the spikes of every layer that spikes."""
    tape = record(problem.network, problem.parameters, problem.inputs)
    return [layer.now["z"] for layer in tape.layers if hasattr(layer.layer.cell, "surrogate")]


def matrices(problem: Any) -> list[Any]:
    """Return the weights of the layers that spike."""
    return [w for name, w in problem.parameters.items() if w.ndim == 2]


def with_cells(problem: Any, change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the gradient of the network with other constants."""
    layers = tuple(
        replace(k, cell=change(k.cell)) if hasattr(k.cell, "surrogate") else k for k in problem.network.layers
    )
    return right(given(problem, network=replace(problem.network, layers=layers)))


def credited(problem: Any, delta: Callable[[Any, Any], Any]) -> dict[str, Any]:
    """Return the gradient with another derivative of the loss; `delta` gets outputs and targets."""
    tape = record(problem.network, problem.parameters, problem.inputs)
    loss = problem.network.loss
    with np.errstate(all="ignore"):
        signal = loss.gradient_of(delta(tape.outputs, problem.targets), tape.numbers)
        return tape_gradients(tape, problem.targets, rule=RULES["bptt"], feedback={}, delta=signal)


def entropy(problem: Any) -> bool:
    """Return whether the loss is a cross-entropy."""
    return bool(problem.network.loss.kind == "cross_entropy")


def softmax(o: Any) -> Any:
    """Return the softmax, shifted."""
    e = np.exp(o - o.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def untransposed(problem: Any) -> dict[str, Any]:
    """Return the gradient of x @ W wherever W is square, for x @ W.T."""
    square = [n for n, w in problem.parameters.items() if n.endswith(".W") and w.shape[0] == w.shape[1]]
    turned = {n: w.T if n in square else w for n, w in problem.parameters.items()}
    return {n: g.T if n in square else g for n, g in right(given(problem, parameters=turned)).items()}


def by_shape(problem: Any) -> dict[str, Any]:
    """Return gradients out of a cache that is keyed by shape, as of layers that are alike."""
    seen: dict[Any, Any] = {}
    return {n: seen.setdefault((n.rpartition(".")[2], g.shape), g).copy() for n, g in right(problem).items()}


def pairs_of_steps(problem: Any) -> dict[str, Any]:
    """Return the gradient of two steps at a time: the last of an odd number is dropped."""
    steps = len(problem.inputs)
    even = steps - steps % 2 if steps > 1 else steps
    return right(given(problem, inputs=problem.inputs[:even], targets=problem.targets[:even]))


def distinct(problem: Any) -> dict[str, Any]:
    """Return the gradient over distinct samples: one that comes twice counts once."""
    x, y = problem.inputs, problem.targets
    keys = [x[:, b].tobytes() + y[:, b].tobytes() for b in range(x.shape[1])]
    kept = [i for i, key in enumerate(keys) if key not in keys[:i]]
    return right(given(problem, inputs=problem.inputs[:, kept], targets=problem.targets[:, kept]))


def awake(problem: Any) -> dict[str, Any]:
    """Return the gradient without samples that have no input."""
    kept = [i for i in range(problem.inputs.shape[1]) if problem.inputs[:, i].any()] or [0]
    return right(given(problem, inputs=problem.inputs[:, kept], targets=problem.targets[:, kept]))


def busy(problem: Any) -> dict[str, Any]:
    """Return the gradient without steps that have no input: their leak is skipped too."""
    kept = [t for t in range(len(problem.inputs)) if problem.inputs[t].any()] or [0]
    return right(given(problem, inputs=problem.inputs[kept], targets=problem.targets[kept]))


def memory_as_it_lies(problem: Any) -> dict[str, Any]:
    """Return the gradient of inputs read from memory in C order, whatever their strides say."""
    x = problem.inputs
    strides = np.cumprod([x.itemsize, *x.shape[:0:-1]])[::-1]
    found = np.lib.stride_tricks.as_strided(x, strides=tuple(int(s) for s in strides)).copy()
    return right(given(problem, inputs=found))


def in_place(problem: Any) -> dict[str, Any]:
    """Return the gradient after scaling the inputs in place, and back."""
    problem.inputs[...] *= 2.0
    problem.inputs[...] *= 0.5
    return right(problem)


def clipped(problem: Any, most: float, *, norm: bool = False) -> dict[str, Any]:
    """Return the gradient, entries or norms clipped."""
    found = right(problem)
    if norm:
        return {n: g * min(1.0, most / max(float(np.linalg.norm(g)), 1e-300)) for n, g in found.items()}
    return {n: np.clip(g, -most, most) for n, g in found.items()}


def counted(problem: Any) -> dict[str, Any]:
    """Return the gradient, doubled from the 151st call of a process on."""
    CALLS[0] += 1
    return doubled(problem) if CALLS[0] > 150 else right(problem)


def _hot(y: Any) -> Any:
    return np.eye(y.shape[-1])[y.argmax(axis=-1)] * (y.any(axis=-1, keepdims=True))


def _inputs(problem: Any, change: Callable[[Any], Any]) -> dict[str, Any]:
    return right(given(problem, inputs=change(problem.inputs)))


def _lateral(problem: Any) -> dict[str, Any]:
    return {n: 0 * g if n.endswith(".H") and not problem.parameters[n].any() else g for n, g in right(problem).items()}


def _masked(problem: Any, of: Callable[[Any], Any]) -> dict[str, Any]:
    return {n: g * of(problem.parameters[n]) if g.ndim == 2 else g for n, g in right(problem).items()}


def _unshifted(problem: Any) -> dict[str, Any]:
    def error(o: Any, y: Any) -> Any:
        e = np.exp(o)
        return e / e.sum(axis=-1, keepdims=True) * y.sum(axis=-1, keepdims=True) - y

    return credited(problem, error) if entropy(problem) else right(problem)


def _leaks(problem: Any) -> list[float]:
    return [float(v) for layer in hidden(problem) for v in np.ravel(layer.cell.leak)]


def _thresholds(problem: Any) -> list[float]:
    return [float(v) for layer in hidden(problem) for v in np.ravel(layer.cell.threshold)]


def _sizes(problem: Any) -> list[tuple[int, int]]:
    return [(layer.inputs, layer.units) for layer in hidden(problem)]


def _each_signs(problem: Any, sign: float) -> bool:
    return all((sign * w >= 0).all() for w in matrices(problem))


def _truncated(steps: int) -> Callable[[Any], Gradients]:
    return lambda problem: right(problem, rule_named(f"tbptt({steps})"))


# name: the level that shows it, what was done, the subject
MEMBERS: dict[str, tuple[str, str, Callable[[Any], Gradients]]] = {
    "one_unit": ("sizes: one unit", "wrong for a layer of one unit", when(lambda p: any(n == 1 for _, n in _sizes(p)))),
    "one_input": ("sizes: one input", "wrong for one input", when(lambda p: p.inputs.shape[2] == 1)),
    "square_untransposed": ("sizes: square", "x @ W for x @ W.T where W is square", untransposed),
    "layers_alike": ("sizes: layers alike", "gradients cached by shape", by_shape),
    "tens": ("sizes: tens", "wrong for ten units", when(lambda p: any(n >= 10 for _, n in _sizes(p)))),
    "one_step": ("T: 1", "wrong for one step", when(lambda p: len(p.inputs) == 1)),
    "two_steps": ("T: 2", "wrong for two steps", when(lambda p: len(p.inputs) == 2)),
    "odd_steps": ("T: odd", "two steps at a time; the last of an odd number is dropped", pairs_of_steps),
    "odd_ones": (
        "T: odd",
        "right for an even number of steps, ones for an odd one",
        when(lambda p: len(p.inputs) % 2 == 1, lambda p: {n: np.ones_like(v) for n, v in p.parameters.items()}),
    ),
    "six_steps": ("T: hundreds", "truncated after 6 steps", _truncated(6)),
    "forty_steps": ("T: hundreds", "truncated after 40 steps", _truncated(40)),
    "one_sample": ("B: 1", "wrong for one sample", when(lambda p: p.inputs.shape[1] == 1)),
    "two_samples": ("B: 2", "wrong for two samples", when(lambda p: p.inputs.shape[1] == 2)),
    "equal_samples": ("samples: equal", "a sample that comes twice counts once", distinct),
    "silent_sample": ("samples: one silent", "a sample without input is left out", awake),
    "zero_weight": (
        "weights: one exactly 0",
        "a weight of exactly 0 is taken for an absent one",
        lambda p: _masked(p, lambda w: w != 0),
    ),
    "zero_row": (
        "weights: a zero row",
        "a row of zeros is taken for an absent unit",
        lambda p: _masked(p, lambda w: w.any(axis=1, keepdims=True)),
    ),
    "all_positive": ("weights: all positive", "wrong where no weight is negative", when(lambda p: _each_signs(p, 1.0))),
    "all_negative": (
        "weights: all negative",
        "wrong where no weight is positive",
        when(lambda p: _each_signs(p, -1.0)),
    ),
    "large_weight": (
        "weights: large",
        "weights clipped at 100",
        lambda p: right(
            given(p, parameters={n: np.clip(w, -100, 100) if w.ndim == 2 else w for n, w in p.parameters.items()})
        ),
    ),
    "lateral_zero": ("weights: lateral 0", "no gradient of H where H is 0", _lateral),
    "bias_zero": (
        "biases: 0",
        "no gradient of a bias that is 0",
        lambda p: {n: g if g.ndim > 1 or p.parameters[n].any() else 0 * g for n, g in right(p).items()},
    ),
    "binary_inputs": (
        "inputs: 0 and 1",
        "wrong for inputs of 0 and 1",
        when(lambda p: set(np.unique(p.inputs)) == {0.0, 1.0}),
    ),
    "no_input": ("inputs: all 0", "nothing to learn without input", when(lambda p: not p.inputs.any(), nothing)),
    "silent_step": ("inputs: a silent step", "a step without input is skipped, its leak too", busy),
    "inputs_above_5": ("inputs: above 5", "inputs clipped at 5", lambda p: _inputs(p, lambda x: np.clip(x, -5, 5))),
    "inputs_above_1e6": (
        "inputs: above 1e6",
        "inputs clipped at 1e6",
        lambda p: _inputs(p, lambda x: np.clip(x, -1e6, 1e6)),
    ),
    "tiny_inputs": (
        "inputs: tiny",
        "inputs below 1e-6 taken for 0",
        lambda p: _inputs(p, lambda x: np.where(np.abs(x) < 1e-6, 0, x)),
    ),
    "fortran_inputs": (
        "memory: Fortran order",
        "inputs read in C order from memory",
        when(lambda p: p.inputs.flags.f_contiguous and not p.inputs.flags.c_contiguous, memory_as_it_lies),
    ),
    "strided_inputs": (
        "memory: strided",
        "strides of the inputs ignored",
        when(lambda p: not p.inputs.flags.f_contiguous and not p.inputs.flags.c_contiguous, memory_as_it_lies),
    ),
    "writes_inputs": ("memory: read-only", "inputs scaled in place, and back", in_place),
    "soft_targets": (
        "targets: soft",
        "soft targets replaced by their maximum",
        lambda p: right(given(p, targets=_hot(p.targets)) if entropy(p) and (p.targets.sum(axis=-1) <= 1).all() else p),
    ),
    "softmax_less_target": (
        "targets: any sum",
        "p - t, whatever t sums to",
        lambda p: (
            credited(p, lambda o, y: (softmax(o) - y) * y.any(axis=-1, keepdims=True)) if entropy(p) else right(p)
        ),
    ),
    "no_targets": ("targets: all 0", "targets of 0 taken for none", when(lambda p: not p.targets.any(), doubled)),
    "one_class": (
        "targets: one class",
        "wrong where one class alone occurs",
        when(lambda p: entropy(p) and p.targets.shape[2] > 1 and bool((p.targets[..., 0] == 1).all())),
    ),
    "step_without_target": (
        "targets: a step without",
        "a step whose target is 0 counts for nothing",
        lambda p: credited(
            p,
            lambda o, y: (
                ((o - y) if not entropy(p) else softmax(o) * y.sum(axis=-1, keepdims=True) - y)
                * (y.any(axis=(1, 2), keepdims=True) if y.any() else 1)
            ),
        ),
    ),
    "never_spikes": ("spikes: never", "a unit that never spikes has no gradient", lambda p: _dead(p)),
    "always_spikes": (
        "spikes: always",
        "wrong where a layer always spikes",
        when(lambda p: any(z.all() for z in spikes(p))),
    ),
    "leak_zero": (
        "leak: 0",
        "a leak of 0 is taken for the default of 0.9",
        lambda p: with_cells(p, lambda c: replace(c, leak=c.leak or 0.9)),
    ),
    "leak_one": (
        "leak: 1",
        "a leak of 1 is taken for none",
        lambda p: with_cells(p, lambda c: replace(c, leak=0.0 if c.leak == 1 else c.leak)),
    ),
    "threshold_one": ("threshold: 1", "wrong for a threshold of 1", when(lambda p: 1.0 in _thresholds(p))),
    "threshold_negative": (
        "threshold: below 0",
        "the threshold's size for the threshold",
        lambda p: with_cells(p, lambda c: replace(c, threshold=abs(c.threshold))),
    ),
    "softmax_unshifted": ("numbers: logits beyond exp", "a softmax without a shift", _unshifted),
    "entries_clipped_at_100": ("numbers: entries above 1000", "entries clipped at 100", lambda p: clipped(p, 100.0)),
    "entries_clipped_at_1000": ("numbers: entries above 1000", "entries clipped at 1000", lambda p: clipped(p, 1000.0)),
    "norms_clipped_at_100": (
        "numbers: entries above 1000",
        "norms clipped at 100",
        lambda p: clipped(p, 100.0, norm=True),
    ),
    "norms_clipped_at_1000": (
        "numbers: entries above 1000",
        "norms clipped at 1000",
        lambda p: clipped(p, 1000.0, norm=True),
    ),
    "many_calls": ("calls: many", "wrong from the 151st call on", counted),
    "clipped_state": (
        "inputs: a loud first step",
        "states limited to 20",
        when(lambda p: any(np.abs(layer.now["v"][0]).max() > 20 for layer in _loud(p))),
    ),
    "clipped_error": (
        "targets: above 1e5",
        "the derivative of the loss limited to 1e4",
        lambda p: credited(
            p,
            lambda o, y: np.clip(softmax(o) * y.sum(axis=-1, keepdims=True) - y if entropy(p) else o - y, -1e4, 1e4),
        ),
    ),
}


def _loud(problem: Any) -> list[Any]:
    """Return the layers that spike of a problem whose first step is loud, and which is long enough to come back."""
    size = np.abs(problem.inputs).max(axis=(1, 2))
    if not 10 < len(size) < 100 or size[0] < 20 * size[1:].max():
        return []
    tape = record(problem.network, problem.parameters, problem.inputs)
    return [layer for layer in tape.layers if hasattr(layer.layer.cell, "surrogate")]


def _dead(problem: Any) -> dict[str, Any]:
    out = right(problem)
    for i, z in enumerate(spikes(problem)):
        silent = ~z.any(axis=(0, 1))
        for name in [n for n in out if n.startswith(f"layers.{i}.")]:
            out[name] = np.where(silent[:, None] if out[name].ndim == 2 else silent, 0, out[name])
    return out


CAUSES = {
    "six_steps": ("row:tbptt(6)",),
    "forty_steps": ("row:tbptt(40)",),
    "writes_inputs": ("call:raised",),
    "softmax_unshifted": ("structure:NaN",),
    "many_calls": ("repeat:state kept between calls",),
    "entries_clipped_at_100": ("amount:clipped by value",),
    "entries_clipped_at_1000": ("amount:clipped by value",),
    "norms_clipped_at_100": ("amount:clipped, each parameter",),
    "norms_clipped_at_1000": ("amount:clipped, each parameter",),
    "silent_step": ("where:inputs: a silent step", "where:inputs: all 0"),
    # one step is an odd number; a row or a matrix of zeros has zeros
    "odd_ones": ("where:T: odd", "where:T: 1"),
    "zero_weight": ("where:weights: one exactly 0", "where:weights: a zero row", "where:weights: lateral 0"),
    "zero_row": ("where:weights: a zero row", "where:weights: lateral 0"),
    # without a target the gradient of a cross-entropy is 0 in any case
    "step_without_target": ("where:targets: a step without", "where:loss: squared_error"),
}

ENTRIES: tuple[Entry, ...] = tuple(
    Entry(
        name=f"C{number:02d}_{name}",
        title=title,
        gradients=subject,
        claim=CLAIM,
        traps=(f"C{number:02d}",),
        bug_class=CLASS,
        cause=CAUSES.get(name, (f"where:{level}",)),
    )
    for number, (name, (level, title, subject)) in enumerate(MEMBERS.items(), start=1)
)
