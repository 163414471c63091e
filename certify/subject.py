"""Subjects: code that claims to compute gradients, in a process of its own."""

from __future__ import annotations

import base64
import binascii
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.certify import worker
from gradcert.certify.problem import Problem
from gradcert.certify.process import Failure, Process
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array

ROOMS = ("certify", "reference", "properties", "hardware_models", "derivations")
# one thread: a subject's sums then have one order, and two workers do not fight over two cores
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
FORM = "package.module:attribute or path/to/file.py:attribute"


@dataclass(frozen=True)
class Limits:
    """What a subject may use.

    Attributes
    ----------
    call : seconds for one problem.
    start : seconds for its imports.
    memory : MiB of data, or None.
    """

    call: float = 30.0
    start: float = 120.0
    memory: int | None = 8192


@dataclass(frozen=True, eq=False)
class Answer:
    """What came back for one problem.

    Attributes
    ----------
    gradients : arrays, or for what is no array a sentence.
    loss, outputs : the same, or None where the subject does not give them.
    changed : names of input arrays that the subject wrote to.
    rewritten : arrays of earlier answers that have changed since.
    failure : why there is no answer; ``raised``, ``died``, ``hung``, ``flooded``, ``garbled``.
    """

    gradients: Mapping[str, Array | str] = field(default_factory=dict)
    loss: Array | str | None = None
    outputs: Array | str | None = None
    changed: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    failure: Failure | None = None


class Subject:
    """A subject by name, or a Python callable; every `Worker` of it is a fresh process.

    Parameters
    ----------
    what : ``package.module:attribute``, ``path/to/file.py:attribute``, or a callable.
    python : the interpreter for a named subject.
    limits : time and memory.
    """

    def __init__(self, what: str | Callable[..., Any], *, python: str | None = None, limits: Limits = Limits()) -> None:
        self.python, self.limits = python or sys.executable, limits
        self.callable: Callable[..., Any] | None = None
        if isinstance(what, str):
            self.name = _checked(what)
        elif callable(what):
            found = _importable(what)
            self.callable = None if found else what
            self.name = found or f"{what.__module__}:{getattr(what, '__qualname__', type(what).__name__)}"
        else:
            raise GradcertError(f"a subject of type {type(what).__name__}", allowed=f"a callable, or {FORM}")

    def start(self) -> Worker | Failure:
        """Start a process and import the subject."""
        if self.callable is not None:
            return Worker.of(Process.fork(self._body), self.limits)
        rooms = {
            name: str(Path(spec.origin).parent)
            for name in ("gradcert", *(f"gradcert.{r}" for r in ROOMS))
            if (spec := importlib.util.find_spec(name)) and spec.origin
        }
        command = [self.python, worker.__file__, self.name, json.dumps(rooms), json.dumps(self.limits.memory)]
        try:
            process = Process.spawn(command, environment={**os.environ, **THREADS})
        except OSError as error:
            raise GradcertError(
                f"the interpreter {self.python} does not start ({error})", do="check --python"
            ) from None
        return Worker.of(process, self.limits)

    def _body(self, requests: int, replies: int) -> None:
        worker.limit_memory(self.limits.memory)
        worker.serve(lambda: self.callable, os.fdopen(requests, "r"), os.fdopen(replies, "w"))


class Worker:
    """A running subject."""

    def __init__(self, process: Process, limits: Limits, claim: Mapping[str, Any] | None) -> None:
        self.process, self.limits, self.claim = process, limits, claim

    @classmethod
    def of(cls, process: Process, limits: Limits) -> Worker | Failure:
        """Wait for the subject to be imported."""
        reply = process.exchange(None, timeout=limits.start)
        if isinstance(reply, Failure):
            return Failure("import", f"the subject does not start: {reply.reason}", reply.output)
        said = _read(reply)
        if said is None:
            return process.failure("import", "the subject does not start: it wrote into the protocol")
        if "failed" in said:
            process.kill()
            return Failure("import", f"importing the subject raised {_raised(said['failed'])}", _trace(said["failed"]))
        return cls(process, limits, said.get("claim"))

    def ask(self, problem: Problem) -> Answer:
        """Have one problem solved."""
        reply = self.process.exchange(problem.to_json(), timeout=self.limits.call)
        if isinstance(reply, Failure):
            return Answer(failure=reply)
        said = _read(reply)
        if said is None:
            return Answer(failure=self.process.failure("garbled", "the answer is not the protocol's JSON"))
        if "raised" in said:
            return Answer(failure=Failure("raised", f"it raised {_raised(said['raised'])}", _trace(said["raised"])))
        if "wrong" in said:
            return Answer(failure=Failure("wrong", str(said["wrong"])))
        try:
            return Answer(
                gradients={str(k): _decode(v) for k, v in said["gradients"].items()},
                loss=_decode(said["loss"]) if "loss" in said else None,
                outputs=_decode(said["outputs"]) if "outputs" in said else None,
                changed=tuple(said["changed"]),
                rewritten=tuple(said["rewritten"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
            return Answer(failure=self.process.failure("garbled", f"the answer is not the protocol's JSON ({error})"))

    def stop(self) -> None:
        """End the process."""
        self.process.kill()


def _checked(name: str) -> str:
    where, colon, attribute = name.rpartition(":")
    if not colon or not where or not attribute:
        raise GradcertError(f"the subject {name!r}", allowed=FORM)
    if where.endswith(".py"):
        if not Path(where).is_file():
            raise GradcertError(f"the subject {name!r}: there is no file {where}", allowed=FORM)
        return f"{where}:{attribute}"
    return name


def _importable(function: Callable[..., Any]) -> str | None:
    """Return the name under which a fresh process finds a function, or None for closures, lambdas and notebooks."""
    name, module = getattr(function, "__qualname__", ""), sys.modules.get(getattr(function, "__module__", "") or "")
    if not name or "<" in name or module is None:
        return None
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not function:
        return None
    try:
        path = inspect.getsourcefile(function)
    except TypeError:
        return None
    if module.__name__ != "__main__" and importlib.util.find_spec(module.__name__.partition(".")[0]) is not None:
        return f"{module.__name__}:{name}"
    return f"{path}:{name}" if path and path.endswith(".py") and Path(path).is_file() else None


def _read(line: str) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _decode(spec: Mapping[str, Any]) -> Array | str:
    if "wrong" in spec:
        return str(spec["wrong"])
    dtype = np.dtype(spec["dtype"]).newbyteorder("<")
    array = np.frombuffer(base64.b64decode(spec["data"], validate=True), dtype=dtype).reshape(spec["shape"])
    return array.astype(dtype.newbyteorder("="))


def _raised(spec: Mapping[str, Any]) -> str:
    return f"{spec['kind']}: {spec['message']}" if spec.get("message") else str(spec["kind"])


def _trace(spec: Mapping[str, Any]) -> str:
    return "\n".join(spec.get("traceback", ()))
