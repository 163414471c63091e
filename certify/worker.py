"""The process that a subject lives in: one JSON line per problem comes in, one JSON line with arrays goes out.

Run as a file, by any interpreter that has NumPy: where gradcert is not installed, its rooms are found through the
``rooms`` mapping on the command line. Nothing that the subject prints can reach the protocol: standard output is moved
away before the subject is imported. Arrays travel as base64 of their bytes; nothing is ever unpickled.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

TRACEBACK_LINES = 12


def install_rooms(rooms: Mapping[str, str]) -> None:
    """Make ``gradcert`` and its rooms importable, if they are not."""
    if importlib.util.find_spec("gradcert") is not None:
        return

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> Any:
            if name not in rooms:
                return None
            start = Path(rooms[name]) / "__init__.py"
            return importlib.util.spec_from_file_location(name, start, submodule_search_locations=[rooms[name]])

    sys.meta_path.insert(0, Finder)


def limit_memory(mebibytes: int | None) -> None:
    """Limit the data that this process may hold."""
    if mebibytes is None:
        return
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        limit = mebibytes * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def load(name: str) -> Any:
    """Return the object called ``package.module:attribute`` or ``path/file.py:attribute``."""
    where, _, attribute = name.rpartition(":")
    if where.endswith(".py"):
        path = Path(where).resolve()
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise FileNotFoundError(f"there is no file {where}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, os.getcwd())
        module = importlib.import_module(where)
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception as text: its kind, its message, and the end of its traceback, without frames of ours."""
    ours = (__file__, str(Path(__file__).with_name("stepped.py")), "<frozen ")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(ours)]
    parts = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
    lines = "".join(parts).splitlines()
    return {"kind": type(error).__name__, "message": str(error)[:2000], "traceback": lines[-TRACEBACK_LINES:]}


class Served:
    """A subject and what it returned so far."""

    def __init__(self, subject: Callable[[Any], Any]) -> None:
        self.subject = subject
        self.returned: list[tuple[str, str, Any, bytes]] = []  # problem, key, the array as returned, its bytes then

    def answer(self, line: str) -> dict[str, Any]:
        """Call the subject on one problem and return everything there is to say about it."""
        import numpy as np

        from gradcert.certify.problem import from_record

        spec = json.loads(line)
        if seeds := spec.get("draws"):
            return {"draws": [self.solve(np, replace(from_record(spec), seed=seed)) for seed in seeds]}
        return self.solve(np, from_record(spec))

    def solve(self, np: Any, problem: Any) -> dict[str, Any]:
        """Call the subject on a problem."""
        arrays: dict[str, Any] = {
            **problem.parameters,
            "inputs": problem.inputs,
            "targets": problem.targets,
            **problem.feedback,
        }
        before: dict[str, bytes] = {name: array.tobytes() for name, array in arrays.items()}
        try:
            result = self.subject(problem)
        except BaseException as error:
            return {"raised": describe(error)}
        now = {**problem.parameters, **problem.feedback, "inputs": problem.inputs, "targets": problem.targets}
        changed = [k for k, v in arrays.items() if k not in now or now[k] is not v or v.tobytes() != before[k]]
        out: dict[str, Any] = {"changed": changed}
        loss, gradients, outputs = None, result, None
        if isinstance(result, tuple) and len(result) in (2, 3):
            loss, gradients, outputs = (*result, None)[:3]
        if not isinstance(gradients, Mapping):
            return {**out, "wrong": f"a {type(gradients).__name__} was returned in place of a mapping of gradients"}
        out["rewritten"] = self._rewritten(np)
        out["gradients"] = {str(k): self._encode(np, problem.id, str(k), v) for k, v in gradients.items()}
        if loss is not None:
            out["loss"] = self._encode(np, problem.id, "loss", loss)
        if outputs is not None:
            out["outputs"] = self._encode(np, problem.id, "outputs", outputs)
        return out

    def _rewritten(self, np: Any) -> list[str]:
        """Return which arrays of earlier answers have changed since."""
        found = [f"{key} of {problem}" for problem, key, array, was in self.returned if array.tobytes() != was]
        self.returned = self.returned[-64:]
        return found

    def _encode(self, np: Any, problem: str, key: str, value: Any) -> dict[str, Any]:
        out = encoded(np, value)
        if isinstance(value, np.ndarray) and "wrong" not in out:
            self.returned.append((problem, key, value, value.tobytes()))
        return out


def encoded(np: Any, value: Any) -> dict[str, Any]:
    """Return an array as its dtype, shape and bytes, or why it is none."""
    try:
        if hasattr(value, "detach"):  # a tensor that still hangs on its graph
            value = value.detach().cpu()
        array = np.asarray(value)
    except Exception as error:
        return {"wrong": f"a {type(value).__name__} that does not convert to an array ({error})"[:300]}
    if array.dtype.kind not in "fiub":
        return {"wrong": f"an array of dtype {array.dtype}"}
    if array.dtype.str.startswith(">"):  # on the wire the least byte comes first
        array = array.astype(array.dtype.newbyteorder("<"))
    shape = [int(n) for n in array.shape]
    return {"dtype": array.dtype.name, "shape": shape, "data": base64.b64encode(array.tobytes()).decode()}


def serve(get: Callable[[], Any], requests: IO[str], replies: IO[str]) -> None:
    """Load a subject, say hello with its claim, and answer problems until the requests end."""

    def reply(message: Mapping[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        subject = get()
    except BaseException as error:
        reply({"failed": describe(error)})
        return
    claim: Any = getattr(subject, "__gradcert_claim__", None)
    stepwise = all(callable(getattr(subject, name, None)) for name in ("start", "step", "gradients"))
    if not callable(subject) and not stepwise:
        reply({"failed": {"kind": "TypeError", "message": f"a {type(subject).__name__} is not callable"}})
        return
    ready = {"ready": True, "claim": claim.to_dict() if hasattr(claim, "to_dict") else None, "stepwise": stepwise}
    if stepwise:
        from gradcert.certify.stepped import Stepped  # it knows gradcert, which this file may run without

        served: Any = Stepped(subject)
    else:
        served = Served(subject)
    reply(ready)
    for line in requests:
        reply(served.answer(line))


def main() -> None:
    """Serve the subject named on the command line: NAME ROOMS MEMORY."""
    name, rooms, memory = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    # the folder of this file would shadow modules of the standard library
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
    limit_memory(memory)
    install_rooms(rooms)
    serve(lambda: load(name), requests, replies)


if __name__ == "__main__":
    main()
