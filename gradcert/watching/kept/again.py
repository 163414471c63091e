"""A step that was kept, judged again: the reference computed anew, on what came back then or what a model does now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.reference.numbers import Array
from gradcert.reference.printable import legible
from gradcert.watching.causes.named import cause
from gradcert.watching.kept.stored import Stored
from gradcert.watching.measured.judgement import Judgement, rows
from gradcert.watching.measured.verdict import compared, measured

BY = {
    "module": "gradients of the module's own backward",
    "loop": "gradients that the training loop made, not the module's backward",
    "unknown": "gradients of a training loop",
}


def judged(stored: Stored, given: Mapping[str, Array | None] | None = None) -> Judgement:
    """Return the judgement of a step that was kept.

    Parameters
    ----------
    given : gradients to judge, by parameter; by default those that came back then.
    """
    evidence = stored.evidence if given is None else replace(stored.evidence, given=given, before=None)
    previous = stored.previous if given is None else ()
    with np.errstate(all="ignore"):
        claimed, exact = evidence.gradients(stored.rule), evidence.gradients("bptt")
        relative = measured(evidence, stored.rule, claimed, stored.dtype, stored.rounding)
        of = compared(evidence, claimed, exact, relative)
        step = _step(stored.record)
        if all(o.right for o in of.values()):
            return Judgement(step, "right", stored.rule, of)
        said = cause(evidence, stored.rule, claimed, relative, previous, dtype=stored.dtype)
    return Judgement(step, "wrong", stored.rule, of, (), said)


def said(stored: Stored, found: Judgement) -> list[str]:
    """Return a judgement as lines: what was asked, what it is, every parameter."""
    runs = stored.evidence.runs
    sizes = [_size(*run.inputs.shape[:2]) for run in runs]
    was = stored.was
    shrunk = f", shrunk from {_size(was['steps'], was['batch'])}" if was else ""
    network = runs[0].written.full
    widths = "-".join(map(str, (network.inputs, *(layer.units for layer in network.layers))))
    asked = f"{', '.join(sizes)}{shrunk}; {widths} units; {stored.dtype}; {BY.get(stored.model['by'], BY['unknown'])}"
    return [legible(line) for line in (asked, found.sentence(), *rows(found))]


def _size(steps: int, samples: int) -> str:
    return f"{steps} step{'s' * (steps != 1)} of {samples} sample{'s' * (samples != 1)}"


def _step(record: Mapping[str, Any]) -> int:
    step = record["judgement"].get("step") if isinstance(record["judgement"], Mapping) else None
    return step if isinstance(step, int) else 0
