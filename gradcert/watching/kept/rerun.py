"""A step that was kept, on a model that is there: it is given the weights and the batch of then, and runs again."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch

from gradcert.models.reading.pytorch.reader import read_module
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.reference.outside import array, record
from gradcert.watching.kept.again import judged
from gradcert.watching.kept.stored import Stored
from gradcert.watching.measured.judgement import Judgement
from gradcert.watching.seen.asked import CLOSE, backward

PASSED = re.compile(r"state\d*")  # what a state is called that is passed to a module


def rerun(stored: Stored, module: Any) -> tuple[Judgement, tuple[str, ...]]:
    """Return the judgement of what a model does now, and what has to be said beside it.

    Raises
    ------
    GradcertError : for a model with other parameters, one that cannot be read, or one that draws random numbers.
    """
    if stored.model["random"]:
        raise GradcertError("a model that draws random numbers", do="replay the file alone: it holds what was drawn")
    parameters = _parameters(stored, module)
    module = module.to(getattr(torch, stored.dtype))
    total: dict[str, Array] = {}
    notes: list[str] = []
    for run, delta, spec in zip(stored.evidence.runs, stored.evidence.deltas, _sequences(stored), strict=True):
        found, off = _one(stored, module, parameters, run.inputs, delta, spec, run.as_cut.outputs)
        notes += [f"the model's outputs are not those of then: they are {off:.2g} of the largest away"] if off else []
        for name, value in found.items():
            mine = np.zeros(stored.parameters[name].shape) if value is None else value
            total[name] = total.get(name, 0) + mine
    if stored.model["by"] != "module":
        notes.append("the gradients of the file were not the model's own backward: they are judged as they were")
        return judged(stored), tuple(dict.fromkeys(notes))
    return judged(stored, dict(total)), tuple(dict.fromkeys(notes))


def _sequences(stored: Stored) -> list[Any]:
    return [record(s, "a sequence") for s in stored.record["sequences"]]


def _parameters(stored: Stored, module: Any) -> dict[str, Any]:
    """Return the parameters of then, for a module that has them."""
    own = {name: tuple(p.shape) for name, p in module.named_parameters()}
    then = {name: value.shape for name, value in stored.parameters.items()}
    if own != then:
        wrong = sorted(k for k in {*own, *then} if own.get(k) != then.get(k))
        raise GradcertError(
            f"a model whose {', '.join(wrong[:5])} {'is' if len(wrong) == 1 else 'are'} not those of the step",
            allowed=", ".join(f"{k} {'x'.join(map(str, v))}" for k, v in list(then.items())[:20]),
            do="build it as it was: FILE.py:Model(3, 4)",
        )
    dtype = getattr(torch, stored.dtype)
    return {name: torch.from_numpy(value.copy()).to(dtype) for name, value in stored.parameters.items()}


def _one(
    stored: Stored, module: Any, parameters: dict[str, Any], inputs: Array, delta: Array, spec: Any, then: Array
) -> tuple[dict[str, Array | None], float]:
    """Return the gradients of one sequence, and how far the outputs are off, 0 where they are those of then."""
    dtype, time, output = getattr(torch, stored.dtype), stored.model["time"], stored.model["output"]
    shape = stored.model["shape"]
    if not isinstance(shape, list) or int(np.prod(shape, dtype=int)) != inputs.shape[2]:
        raise GradcertError(f"inputs of a step of shape {shape}", allowed=f"{inputs.shape[2]} numbers")
    xs = torch.from_numpy(inputs.copy()).to(dtype).reshape(*inputs.shape[:2], *shape)
    states = {k: torch.from_numpy(array(v, k)).to(dtype) for k, v in record(spec["states"] or {}, "states").items()}
    example = xs[0] if time in (None, "inside") else xs if time == 0 else xs.transpose(0, 1)
    passed = [v for k, v in states.items() if PASSED.fullmatch(k)]
    try:
        reading = read_module(module, example, None, time)
    except GradcertError:
        if not passed:
            raise
        reading = read_module(module, example, passed[0] if len(passed) == 1 else tuple(passed), time)
    slots = reading.step.slots
    began = [states.get(s.name, s.initial.to(dtype)) for s in slots]
    if not 0 <= output < len(reading.step.outputs):
        raise GradcertError(f"output {output} of a model with {len(reading.step.outputs)}")
    found, outputs = backward(module, reading, parameters, xs, began, delta, output)
    if outputs is None:
        return found, 0.0
    size = float(np.abs(then).max(initial=0.0))
    off = float(np.abs(outputs.double().numpy() - then).max(initial=0.0))
    return found, off / size if size and off > CLOSE * size else 0.0
