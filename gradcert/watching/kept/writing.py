"""The first wrong step, kept: the network as it was read, a batch, weights, what came back and what was claimed.

It is a counterexample: `gradcert replay` computes the reference anew and says the same, where neither the model nor
PyTorch is (`gradcert.watching.kept.again`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.models.reading.network.passes import AS_CODED, Run
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule, rule_named
from gradcert.watching.causes.named import OTHER_LOSS
from gradcert.watching.causes.places import to_records
from gradcert.watching.kept.again import judged
from gradcert.watching.kept.networks import to_record
from gradcert.watching.kept.pulls import pulls_of
from gradcert.watching.kept.stored import SCHEMA, stored_from
from gradcert.watching.measured.evidence import Evidence
from gradcert.watching.measured.judgement import Judgement


@dataclass(frozen=True)
class Failure:
    """A wrong step.

    Attributes
    ----------
    judgement, rule : what was found, and what was claimed.
    evidence : of the step. `previous` : the passes of the sequences before, the last one first, where they are known.
    dtype, rounding : as for `gradcert.watching.measured.verdict.measured`.
    model : what is said of the module: its name, file, and how it is called. `random` : whether it draws numbers.
    by : who made the gradients: ``module``, its own backward; ``loop``; ``unknown`` where it cannot be asked.
    asked : how often the module was run for a smaller problem.
    """

    judgement: Judgement
    rule: Rule | str
    evidence: Evidence
    previous: Sequence[Run]
    dtype: str
    rounding: Mapping[str, float]
    model: Mapping[str, Any]
    random: bool = False
    by: str = "loop"
    asked: int = 0
    was: Mapping[str, int] = field(default_factory=dict)


def keep(failure: Failure, folder: Path) -> str:
    """Write a step and return the file's name."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (ignore := folder / ".gitignore").exists():
        ignore.write_text("*\n", encoding="utf-8")
    file = folder / f"watch-step-{failure.judgement.step}.json"
    file.write_text(json.dumps(to_dict(failure)), encoding="utf-8")
    return str(file)


def to_dict(failure: Failure) -> dict[str, Any]:
    """Return the JSON form of a step; ``why_not`` says why one cannot be computed again."""
    run, evidence = failure.evidence.runs[0], failure.evidence
    framework = run.written.reading.framework  # type: ignore[attr-defined]
    label = failure.rule if isinstance(failure.rule, str) else failure.rule.name
    out: dict[str, Any] = {
        "schema": SCHEMA,
        "judgement": replace(failure.judgement, file="").to_dict(),
        "claim": {
            "rule": label,
            "dtype": failure.dtype,
            "rounding": dict(failure.rounding),
            "feedback": None if evidence.feedback is None else _lists(evidence.feedback),
        },
        "model": {**failure.model, "random": failure.random, "by": failure.by},
        "was": dict(failure.was),
        "asked": failure.asked,
        "detached": [list(steps) for steps in evidence.detached],
        "shares": [{str(step): share for step, share in of_one.items()} for of_one in evidence.shares],
        "places": to_records(evidence.places),
        "cuts": dict(evidence.cuts),
        "equations": [dict(e) for e in run.written.equations],  # type: ignore[attr-defined]
        "parameters": _lists({k: framework.array(p) for k, p in run.parameters.items()}),
        "given": _gradients(evidence.given),
        "emptied": list(evidence.emptied),
        "before": None if evidence.before is None else _gradients(evidence.before),
        "claimed": _lists(evidence.gradients(failure.rule)),
        "sequences": [_sequence(*k) for k in zip(evidence.runs, evidence.deltas, evidence.states, strict=True)],
        "previous": _previous(failure),
        "arrived": [d.tolist() for d in evidence.arrived] if OTHER_LOSS in failure.judgement.cause else [],
    }
    try:
        if evidence.beside:
            raise GradcertError("a derivative at other results than the loss's, which is not in the file")
        if label != AS_CODED and rule_named(label) != failure.rule and not isinstance(failure.rule, str):
            raise GradcertError(f"the rule {label}, which is not the row of that name")
        out["networks"] = {"full": to_record(run.written.full), "as_cut": to_record(run.written.as_cut)}
        out["weights"] = _lists(run.weights)
        out["pulls"] = [p.to_dict() for p in pulls_of(run.written, run.parameters)]
        if evidence.cuts:
            out["coded_pulls"] = [p.to_dict() for p in pulls_of(run.written, run.parameters, coded=True)]
        if judged(stored_from(out)).verdict == "right":
            raise GradcertError("computed again from what was kept, it is right")
    except GradcertError as error:
        out["why_not"] = str(error)
    return out


def _previous(failure: Failure) -> list[dict[str, Any]]:
    """Return the sequences before, where the cause is about them."""
    if "before: not reset" not in failure.judgement.cause:
        return []
    none = np.zeros_like(failure.evidence.deltas[0])
    return [
        {"weights": _lists(r.weights), "sequence": _sequence(r, none[: len(r.inputs)], None)} for r in failure.previous
    ]


def _sequence(run: Run, delta: Array, states: Any) -> dict[str, Any]:
    columns, slots = run.columns, run.written.reading.step.slots  # type: ignore[attr-defined]
    named = None if states is None else {s.name: v.numpy() for s, v in zip(slots, states, strict=True)}
    return {
        "inputs": run.inputs.tolist(),
        "initial": _lists(run.initial),
        "masks": _lists(run.masks),
        "spikes": None if columns is None else [[c.astype(int).tolist() for c in layer] for layer in columns],
        "delta": delta.tolist(),
        "states": None if named is None else _lists(named),
    }


def _lists(arrays: Mapping[str, Array]) -> dict[str, Any]:
    return {name: np.asarray(value).tolist() for name, value in arrays.items()}


def _gradients(given: Mapping[str, Array | None]) -> dict[str, Any]:
    """Return nested lists, null where there is no number."""

    def finite(values: Array) -> Any:
        out = values.astype(object)
        out[~np.isfinite(values)] = None
        return out.tolist()

    return {name: None if g is None else finite(g) for name, g in given.items()}
