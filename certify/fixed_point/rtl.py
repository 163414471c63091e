"""A fixed-point subject that is RTL: driven by the harness, and the harness scored on mutants of that very design."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradcert.certify.certificates import CERTIFIED, REFUTED
from gradcert.certify.fixed_point.record import FixedPointCertificate
from gradcert.hardware_models.rtl.harness import Followed, Harness, follow, read_harness, with_source
from gradcert.hardware_models.rtl.mutants import ANY_DESIGN, FAULTS, Score, score
from gradcert.reference.errors import GradcertError

STEPS = 300  # a simulator under cocotb does some thousand steps per second; mutants cost a build each


def judged(path: str, asked: Mapping[str, Any], started: float) -> FixedPointCertificate:
    """Follow a design described by a harness file; the file names the description, which has to be on the profile."""
    harness = read_harness(Path(path))
    name = harness.description.name
    profile, _, what = name.partition("/")
    if asked["profile"] != profile:
        raise GradcertError(
            f"--fixed-point {asked['profile']} for a design of {name}", allowed=profile, do="name its profile"
        )
    steps = min(asked["steps"], STEPS)
    found = follow(harness, steps=steps, seed=asked["seed"])
    notes = (mutation_note(harness, steps),) if found.agrees else ()
    seconds = time.perf_counter() - started
    record = {**asked, "steps": found.steps, "rule": what, "sizes": {}}
    verdict = CERTIFIED if found.agrees else REFUTED
    return FixedPointCertificate(verdict, said(harness, found), **record, seconds=seconds, notes=notes)


def said(harness: Harness, found: Followed) -> str:
    """Return what came of following a design, in one sentence."""
    if found.first is None:
        return f"{len(harness.signals)} internal signals equal in every one of {found.steps} steps"
    first = found.first
    return (
        f"{first['name']} ({first['signal']}) differs at step {first['step']}: expected {first['expected']:#x}, "
        f"got {first['got']:#x}" if isinstance(first["got"], int) else
        f"{first['name']} ({first['signal']}) is {first['got']} at step {first['step']}"
    )  # fmt: skip


def mutation_note(harness: Harness, steps: int) -> str:
    """Return the share of mutants of the design that this very run of the harness kills."""
    if len(harness.sources) != 1:
        return "mutation score: only for designs of one source file"
    try:
        result = mutation_score(harness, steps)
    except GradcertError as error:
        return f"mutation score: {error}"
    left = "; ".join(f"{m.fault} on line {m.line}" for m in result.survivors)
    return f"mutation score: {result.killed} of {result.made} faulty designs are told apart" + (
        f"; not told apart: {left}" if left else ""
    )


def mutation_score(harness: Harness, steps: int) -> Score:
    """Run the harness on every mutant of the design; a mutant that does not build counts as told apart."""

    def survives(text: str) -> bool:
        try:
            return follow(with_source(harness, text), steps=steps).agrees
        except (GradcertError, RuntimeError, OSError, SystemExit):
            return False

    return score(harness.sources[0], survives, per_fault=1, faults=(*FAULTS, *ANY_DESIGN))
