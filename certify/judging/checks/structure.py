"""Is this a gradient at all: keys, shapes, dtypes, finite numbers."""

from __future__ import annotations

import numpy as np

from gradcert.certify.certificates import Finding
from gradcert.certify.problems import Case
from gradcert.certify.subjects import Answer
from gradcert.reference.numbers import FORMATS, Array
from gradcert.reference.suggest import nearest

WIDTH = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}


def check(case: Case, answer: Answer) -> list[Finding]:
    """Return what is wrong with the form of an answer."""
    if answer.failure is not None:
        what, where = answer.failure, answer.failure.where
        if what.kind == "wrong":
            return [Finding("structure", case.id, what.reason, where=where)]
        return [Finding("call", case.id, what.reason, cause=what.kind, where=where)]
    wanted, given = {k: b.value for k, b in case.expected.gradients.items()}, answer.gradients
    found = []
    if missing := sorted(set(wanted) - set(given)):
        found.append(f"missing {', '.join(missing)}")
    fixed = [name for name in case.problem.untrained if name in given]
    if extra := sorted(set(given) - {*wanted, *fixed}):
        ends = {name: next((m for m in missing if m.endswith(f".{name}")), None) for name in extra}
        near = {name: end or nearest(name, missing) for name, end in ends.items()}
        words = (f"{name}{f' (is it {other}?)' if other else ''}" for name, other in near.items())
        found.append(f"unknown {', '.join(words)}")
    if fixed:
        found.append(f"{', '.join(fixed)}, which the claim says is not trained")
    if found:
        where = {"missing": missing, "unknown": [*extra, *fixed]}
        return [
            Finding("structure", case.id, f"the gradient does not fit the parameters: {'; '.join(found)}", where=where)
        ]
    arrays: list[tuple[str, Array | str, tuple[int, ...]]] = [
        (f"gradient {k}", given[k], np.shape(v)) for k, v in wanted.items()
    ]
    if answer.loss is not None:
        arrays.append(("the loss", answer.loss, ()))
    if answer.outputs is not None:
        arrays.append(("outputs", answer.outputs, case.expected.outputs.value.shape))
    reasons = [reason for name, value, shape in arrays if (reason := _wrong(name, value, shape, case.problem.dtype))]
    return [Finding("structure", case.id, reason) for reason in reasons[:3]]


def _wrong(name: str, value: Array | str, shape: tuple[int, ...], dtype: str) -> str | None:
    if isinstance(value, str):
        return f"{name} is {value}; allowed: numbers of shape {shape}, row by row"
    if value.size == 1 and shape == ():
        value = value.reshape(())
    if value.shape != shape:
        hint = ", its transpose" if value.shape == shape[::-1] else ""
        return f"{name} has shape {value.shape}{hint}, not {shape}"
    if name != "outputs" and name != "the loss":
        if value.dtype.kind != "f":
            return f"{name} has dtype {value.dtype}, not {dtype}"
        if value.dtype.itemsize < WIDTH[dtype]:
            return f"{name} has dtype {value.dtype}; the claim is {dtype}"
    bad = int((~np.isfinite(value)).sum())
    if bad:
        kind = "NaN" if np.isnan(value).any() else "infinite"
        ends = f"; {dtype} ends at {FORMATS[dtype].largest:.0f}" if dtype == "float16" else ""
        return f"{name} holds {bad} entries of {value.size} that are {kind}{ends}"
    return None
