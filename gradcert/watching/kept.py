"""The first wrong step, kept: an ordinary problem of the vocabulary, with what came back and what should have."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.models.reading.gradients import AS_CODED
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule
from gradcert.watching.evidence import Evidence
from gradcert.watching.judgement import Judgement

SCHEMA = "gradcert-watch-1"


def _finite(values: Array) -> Any:
    """Return nested lists, None where there is no number."""
    out = values.astype(object)
    out[~np.isfinite(values)] = None
    return out.tolist()


def keep(judgement: Judgement, evidence: Evidence, rule: Rule | str | None, folder: Path) -> str:
    """Write a step and return the file's name: equations, parameters, inputs, derivatives, gradients both ways."""
    run, delta = evidence.runs[0], evidence.deltas[0]
    label = rule if isinstance(rule, str) or rule is None else rule.name
    claimed = evidence.gradients(label if label == AS_CODED else rule or "bptt")
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "judgement": replace(judgement, file="").to_dict(),
        "equations": [dict(e) for e in run.written.equations],
        "parameters": {k: p.detach().cpu().numpy().tolist() for k, p in run.parameters.items()},
        "inputs": run.inputs.tolist(),
        "delta": delta.tolist(),
        "given": {k: None if g is None else _finite(g) for k, g in evidence.given.items()},
        "claimed": {k: v.tolist() for k, v in claimed.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"watch-step-{judgement.step}.json"
    file.write_text(json.dumps(record), encoding="utf-8")
    return str(file)
