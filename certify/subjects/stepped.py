"""A stepwise learner in its own process: one message, one reply. Each step's arrays arrive with the step.

Messages: ``{"start": {...}}``, ``{"step": {"input": ..., "target": ... or null}}``, ``{"gradients": true}`` and
``{"measure": true}``. Between messages nothing of a step is kept on this side.
"""

from __future__ import annotations

import base64
import ctypes
import gc
import json
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcert.certify.subjects import learner, sources
from gradcert.certify.subjects.coverage import Coverage
from gradcert.certify.subjects.wire import describe, encoded
from gradcert.reference.numbers import FORMATS

NUMPY_DOMAIN = 389047  # under which NumPy registers the data of arrays with tracemalloc (numpy.lib.tracemalloc_domain)


class Stepped:
    """A learner and its sequence so far."""

    def __init__(self, subject: Any) -> None:
        self.subject = subject
        self.coverage: Coverage | None = None
        self.made: Any = None
        self.learner: Any = None
        self.start: learner.Start | None = None
        self.given: dict[str, bytes] = {}

    def answer(self, line: str) -> dict[str, Any]:
        """Do what a message asks and return everything there is to say about it."""
        message = json.loads(line)
        del line
        try:
            if "coverage" in message:
                return self._coverage().asked(message["coverage"])
            if tracemalloc.is_tracing() or "measure" in message:
                return self._do(message)
            with self._coverage().watching():
                return self._do(message)
        except BaseException as error:
            return {"raised": describe(error)}

    def _coverage(self) -> Coverage:
        self.made = learner.made(self.subject) if self.made is None else self.made
        self.coverage = self.coverage or Coverage(self.made)
        return self.coverage

    def _do(self, message: dict[str, Any]) -> dict[str, Any]:
        if "start" in message:
            return self._start(message["start"])
        if "step" in message:
            return self._step(message.pop("step"))
        return self._gradients() if "gradients" in message else measure()

    def _start(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        if self.made is None:
            self.made = learner.made(self.subject)
        self.start = start = learner.from_json(json.dumps(spec))
        self.given = {name: value.tobytes() for name, value in self._kept().items()}
        other = self.made.start(start)
        self.learner = other if learner.is_learner(other) else self.made
        return {"changed": self._changed()}

    def _kept(self) -> dict[str, np.ndarray]:
        """Return the arrays that stay the same for a sequence."""
        assert self.start is not None
        return {**self.start.parameters, **self.start.feedback, **self.start.initial, **self.start.readouts}

    def _changed(self) -> list[str]:
        assert self.start is not None
        now = self._kept()
        return [name for name, was in self.given.items() if name not in now or now[name].tobytes() != was]

    def _step(self, spec: dict[str, Any]) -> dict[str, Any]:
        assert self.start is not None
        x = _read(spec.pop("input"), self.start.dtype)
        y = None if spec["target"] is None else _read(spec.pop("target"), self.start.dtype)
        data = self._data(spec)
        before = (x.tobytes(), b"" if y is None else y.tobytes())
        output = self.learner.step(x, y, **data)
        changed = self._changed()
        changed += ["inputs"] if x.tobytes() != before[0] else []
        changed += ["targets"] if y is not None and y.tobytes() != before[1] else []
        return {"changed": changed} if output is None else {"changed": changed, "output": encoded(output)}

    def _data(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Return what else there is of a step, as keyword arguments."""
        assert self.start is not None
        out: dict[str, Any] = {}
        if "weights" in spec:
            out["weights"] = _read(spec.pop("weights"), self.start.dtype)
        if "begins" in spec:
            out["begins"] = _read(spec.pop("begins"), "float64") == 1
        if "masks" in spec:
            out["masks"] = {name: _read(mask, self.start.dtype) for name, mask in spec.pop("masks").items()}
        return out

    def _gradients(self) -> dict[str, Any]:
        result = self.learner.gradients()
        loss, gradients = result if isinstance(result, tuple) and len(result) == 2 else (None, result)
        if not isinstance(gradients, Mapping):
            return {"wrong": f"gradients() returned a {type(gradients).__name__} in place of a mapping"}
        out: dict[str, Any] = {"changed": self._changed(), "rewritten": []}
        out["gradients"] = {str(k): encoded(v) for k, v in gradients.items()}
        return out if loss is None else {**out, "loss": encoded(loss)}


def _read(value: Any, dtype: str) -> np.ndarray:
    """Return an array of its own from a message: bytes in base64, or nested lists."""
    dtype = FORMATS[dtype].held
    if isinstance(value, Mapping):
        return (
            np.frombuffer(base64.b64decode(value["data"]), dtype=value["dtype"]).reshape(value["shape"]).astype(dtype)
        )
    return np.array(value, dtype=dtype)


def measure(kept: dict[str, int] = {}) -> dict[str, Any]:  # noqa: B006
    """Return the bytes that this process holds: in arrays, in Python objects, in the C heap, in files it has opened.

    The first two count what was allocated since this was first called; before that, in a process that traces from its
    start on, ``imported`` counts arrays, and what the subject's own files have allocated. The heap, where it can be
    asked, sees tensors and graphs of libraries that allocate by themselves.
    """
    if not kept:
        settle()
        kept["imported"] = _imported() if tracemalloc.is_tracing() else 0
        if not tracemalloc.is_tracing():
            tracemalloc.start(1)
        gc.freeze()  # what is there by now is not looked through again
        tracemalloc.clear_traces()
    settle()
    traced, _ = tracemalloc.get_traced_memory()
    chosen = tracemalloc.DomainFilter(True, NUMPY_DOMAIN)
    arrays = sum(t.size for t in tracemalloc.take_snapshot().filter_traces([chosen]).traces)
    return {
        "measured": {"arrays": arrays, "objects": traced - arrays, "heap": heap(), "files": sources.written(), **kept}
    }


def _imported() -> int:
    """Return the bytes of all arrays, and of what files outside the libraries have allocated."""
    snapshot = tracemalloc.take_snapshot()
    arrays = snapshot.filter_traces([tracemalloc.DomainFilter(True, NUMPY_DOMAIN)]).traces
    others = snapshot.filter_traces([tracemalloc.DomainFilter(False, NUMPY_DOMAIN)]).statistics("filename")
    return sum(t.size for t in arrays) + sum(s.size for s in others if sources.own(s.traceback[0].filename))


def settle() -> None:
    """Collect garbage, and empty the interpreter's table of attribute look-ups, which keeps names that C code made."""
    gc.collect()
    clear = getattr(sys, "_clear_internal_caches", None) or getattr(sys, "_clear_type_cache", None)
    if clear is not None:
        clear()


class _Mallinfo(ctypes.Structure):
    """The C library's struct mallinfo2."""

    _fields_ = [
        (name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks".split()
    ]
    _fields_ += [(name, ctypes.c_size_t) for name in ("fordblks", "keepcost")]


def _heap() -> Callable[[], int | None]:
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):  # a C library other than glibc 2.33 or later
        return lambda: None
    ask.restype = _Mallinfo

    def used() -> int:
        found = ask()
        return int(found.uordblks + found.hblkhd)

    return used


heap = _heap()
