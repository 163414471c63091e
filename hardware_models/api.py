"""Plain functions for the command line: list profiles, describe a rule on one, prove, sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from gradcert.hardware_models.catalogue import find_profile, program
from gradcert.hardware_models.chips import PROFILES, Profile
from gradcert.hardware_models.description.program import LEAVES, OPERATIONS, Node

if TYPE_CHECKING:
    from gradcert.hardware_models.cost.own_task import Own
    from gradcert.hardware_models.cost.width_sweep import Point
    from gradcert.hardware_models.solver import ProofRecord


@dataclass(frozen=True)
class Row:
    """One intermediate of a description: name, array axes, what it computes, format, rounding, overflow.

    Random source.
    """

    name: str
    axes: tuple[str, ...]
    computes: str
    format: str
    rounding: str
    overflow: str
    source: str


@dataclass(frozen=True)
class Description:
    """A rule on a profile as a table: where the facts come from, intermediates in order, next states, open points."""

    profile: str
    title: str
    facts: str
    rule: str
    rows: tuple[Row, ...]
    next: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def profiles() -> tuple[Profile, ...]:
    """Return every profile.

    Examples
    --------
    >>> [p.name for p in profiles()][:2]
    ['q-format', 'reckon']
    """
    return tuple(PROFILES.values())


def describe(profile: str | Profile, rule: str) -> Description:
    """Return the description of a rule on a profile, intermediate by intermediate, in order of operation.

    Examples
    --------
    >>> describe("reckon", "e-prop").rows[0].format
    'u1q0'
    >>> next(row.computes for row in describe("q-format", "ottt").rows if row.name == "threshold")
    'constant 1024 (1)'
    """
    found = find_profile(profile)
    step = program(found, rule)
    rows = tuple(_row(node) for node in step.nodes)
    return Description(
        found.name, found.title, found.source, rule, rows, tuple(step.next.items()), (*found.notes, *step.notes)
    )


def _row(node: Node) -> Row:
    numeric = node.numeric
    computes = node.kind if node.kind in LEAVES else f"{node.kind}({', '.join(node.args)})"
    if node.kind == "shift":
        computes = f"{node.args[0]} * 2**{node.shift}"
    if node.kind == "sum":
        computes = f"sum of {node.args[0]} over {node.axis}, in order"
    fixed = hasattr(numeric.format, "width")
    if node.kind == "constant":
        computes = f"constant {_values(node)}"
    rounds = node.kind in OPERATIONS and numeric.rounding.value != "floor"
    source = "" if numeric.source is None else f"{numeric.source.generator}, {numeric.source.bits} bits"
    if numeric.source is not None and numeric.source.hold_zero:
        source += ", a floored zero stays"
    return Row(
        node.name,
        node.axes,
        computes,
        str(numeric.format),
        "nearest, ties to even" if not fixed else numeric.rounding.value if rounds or node.kind in OPERATIONS else "",
        numeric.overflow.value if fixed and node.kind in OPERATIONS else "",
        source,
    )


def _values(node: Node) -> str:
    """Return what a constant is: the stored integers, and what they stand for; the real values of a float format."""
    if not node.stored:
        return ", ".join(f"{float(value):g}" for value in node.real)
    unit = Fraction(1, 2**node.format.radix)
    return f"{', '.join(map(str, node.stored))} ({', '.join(f'{float(n * unit):.10g}' for n in node.stored)})"


def check(profile: str | None = None) -> Iterator[ProofRecord]:
    """Prove every claim about one profile, or about all, each with its broken twin; yields records as they are made.

    Examples
    --------
    >>> all(record.holds for record in check("bfloat16"))
    True
    """
    from gradcert.hardware_models.proofs.check import check as prove_all

    yield from prove_all(profile)


def sweep(
    *,
    weight_bits: Iterable[int] = range(4, 17),
    rule: str = "ottt",
    plot: Path | None = None,
    seed: int = 0,
    own: Own | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Point]:
    """Measure gradient and trained toy task for every weight width and rounding.

    `plot` names a figure file to write; `seed` is that of the random task, in whose place `own` is measured;
    `progress` is told how many of how many points are there, and which comes next.
    """
    from gradcert.hardware_models.cost.width_sweep import plot_sweep
    from gradcert.hardware_models.cost.width_sweep import sweep as measure

    points = measure(weight_bits, rule=rule, seed=seed, own=own, progress=progress)
    if plot is not None:
        plot_sweep(points, plot)
    return points
