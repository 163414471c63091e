"""Steps that several derivations share: a set of rows of the rule table, proved for one cell after the other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.derivations.proving.cases import applicable, counts_every_step, problems, rules, variants
from gradcert.derivations.proving.induction import CHANGED, prove_for_every_length
from gradcert.derivations.proving.proof import Problem, Result, problem, prove
from gradcert.derivations.proving.record import Step
from gradcert.reference.networks import Layer, Network
from gradcert.reference.rules import Rule, rule_named

#: raises the digits of a power of ten
RAISED = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def combined(claim: str, results: Iterable[Result]) -> Result:
    """Return several results as one."""
    start, found = time.perf_counter(), list(results)
    failed = tuple(f"{r.claim}: {sentence}" for r in found for sentence in r.failed)
    return Result(claim, sum(r.identities for r in found), failed, time.perf_counter() - start)


def slug(label: str) -> str:
    """Return a label as part of an id: ``lif reset=hard`` -> ``lif-reset-hard``."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")


def rows_of(names: Iterable[str]) -> list[Rule]:
    """Return rows of the table by their names without numbers, as the proofs run over them."""
    wanted = set(names)
    return [rule for name, rule in rules().items() if name.split("(")[0] in wanted]


def prove_rows(cell: Any, names: tuple[str, ...], *, every_length: bool) -> Result:
    """Prove rows of the table for one cell: both engines at small size, the forward engine for every length."""
    results = []
    for p in problems(cell):
        for rule in rows_of(names):
            if not applicable(rule, p.network):
                continue
            results += [prove(p, rule, engine) for engine in ("reverse", "forward")]
            if every_length and counts_every_step(p):
                results += _every_length(p.network, rule)
    return combined(f"{', '.join(names)} for {cell.name}", results)


def _every_length(network: Network, rule: Rule) -> list[Result]:
    """Prove a row for every length; with chunks, the first step of a chunk and a step inside one."""
    if rule.chunk is not None:
        rows = [replace(rule, name=f"tbptt-chunks({k})", chunk=k) for k in (2, 3)]
        return [for_every_length(network, row) for row in rows]
    return [for_every_length(network, rule)]


def for_every_length(network: Network, rule: Rule) -> Result:
    """Prove a row for every length; where traces take a step longer to reach their form, start a step later.

    A chunk is then a step longer as well, so that the inductive step keeps its place in the chunk.
    """
    start = max(2, rule.window or 0)
    early = prove_for_every_length(problem(network, steps=start + 1), rule, warm=start)
    if early.failed != (CHANGED,):
        return early
    later = rule if rule.chunk is None else replace(rule, chunk=rule.chunk + 1)
    return prove_for_every_length(problem(network, steps=start + 2), later, warm=start + 1)


def prove_truncated(cell: Any, lengths: tuple[tuple[int, int], ...]) -> Result:
    """Prove both forms of truncated BPTT of two layers of one unit: at lengths (T, K), and for every T."""
    network = Network(layers=(Layer(cell, inputs=1, units=1), Layer(cell, inputs=1, units=1)))
    results = []
    for row in ("tbptt", "tbptt-chunks"):
        for steps, k in lengths:
            p = problem(network, steps=steps)
            results += [prove(p, rule_named(row, steps=k), engine) for engine in ("reverse", "forward")]
        results += [for_every_length(network, rule_named(row, steps=k)) for k in (1, 2, 3)]
    return combined(f"truncation of {cell.name}", results)


def cell_steps(
    chapter: str,
    names: tuple[str, ...],
    *,
    premises: tuple[str, ...],
    source: str,
    every_length: bool = True,
    only: Callable[[str], bool] = lambda label: True,
) -> tuple[Step, ...]:
    """Return one step per cell: what the engines' own code computes for rows of the table is what defines the rows."""
    out = []
    for label, cell in variants().items():
        if not only(label):
            continue
        length = "every T by induction (forward engine) and " if every_length else ""
        many = len(cell.nodes) > 8
        out.append(
            Step(
                f"{chapter}.rows-{slug(label)}",
                f"{label}: what both engines compute for {', '.join(names)} is the derivative of the loss with that "
                "row's edges cut, all weights, inputs, targets, initial states and per-unit constants free.",
                premises=premises,
                proof=_proof(cell, names, every_length),
                code=(
                    f"reference/networks/cells/{cell.name}.py",
                    "reference/engines/reverse.py",
                    "reference/engines/forward.py",
                ),
                source=source,
                sizes=f"{length}T = {2 if many else 3} (2 layers of 2 units), T = 3 under a leaky readout, loss summed "
                "over steps, 1 sample; T = 2, 2 layers of 1 unit, 2 samples: mean loss, and last step alone",
            )
        )
    return tuple(out)


def _proof(cell: Any, names: tuple[str, ...], every_length: bool) -> Callable[[], Result]:
    return lambda: prove_rows(cell, names, every_length=every_length)


def compare_gradients(claim: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Result:
    """Return whether two dicts of symbolic gradients agree entry by entry."""
    import sympy

    from gradcert.derivations.algebra.ring import Ring

    start = time.perf_counter()
    flat = [sympy.sympify(e) for g in (*left.values(), *right.values()) for e in np.asarray(g, dtype=object).flat]
    ring = Ring(flat)
    failed, count = [], 0
    for name in left:
        for index, e in np.ndenumerate(np.asarray(left[name], dtype=object)):
            count += 1
            if not ring.vanishes(ring(e) - ring(np.asarray(right[name], dtype=object)[index])):
                failed.append(f"{name}{list(index)}")
    return Result(claim, count, tuple(failed), time.perf_counter() - start)


def at_rest(p: Problem) -> Problem:
    """Return the problem with the state at rest before the first step."""
    return replace(p, initial={name: 0 * values for name, values in p.initial.items()})


def one_layer(cell: Any, *, inputs: int = 2, units: int = 2) -> Network:
    """Return a network of one layer."""
    return Network(layers=(Layer(cell, inputs=inputs, units=units),))


def relative(a: Mapping[str, Any], b: Mapping[str, Any], name: str) -> str:
    """Return |a - b| / |b| of one parameter, for a table."""
    difference, size = np.linalg.norm(a[name] - b[name]), np.linalg.norm(b[name])
    return number(float(difference / size)) if size else f"{number(float(difference))} (absolute)"


def number(value: float, digits: int = 2) -> str:
    """Return a number for a table, as the pages write it.

    Examples
    --------
    >>> number(0), number(-0.216), number(1), number(4.2e-16), number(4.58e7, 3)
    ('0', '−0.22', '1.0', '4.2·10⁻¹⁶', '4.58·10⁷')
    """
    if not value:
        return "0"
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    if -4 <= int(power) < 5:
        return minus(f"{value:.{max(digits - 1 - int(power), 0)}f}")
    return f"{minus(mantissa)}·10{minus(str(int(power))).translate(RAISED)}"


def minus(text: str) -> str:
    """Return a number with the sign that the pages write."""
    return text.replace("-", "−")


def acronym(rule: str) -> str:
    """Return the name of a rule as the pages write it.

    Examples
    --------
    >>> acronym("ostl"), acronym("e-prop"), acronym("snap-3"), acronym("ostl-random")
    ('OSTL', 'e-prop', 'SnAp-3', 'OSTL, random feedback')
    """
    random = rule.removesuffix("-random")
    written = random if random == "e-prop" else random.upper().replace("SNAP", "SnAp")
    return f"{written}, random feedback" if random != rule else written


def tensor(name: str, depth: int) -> str:
    """Return the name of a parameter of a network of one or two layers as the pages write it.

    Examples
    --------
    >>> tensor("layers.0.W", 2), tensor("layers.0.b", 1)
    ('lower W', 'b')
    """
    _, layer, own = name.split(".")
    return own if depth == 1 else f"{('lower', 'upper')[int(layer)]} {own}"
