"""The process that a Python fixed-point subject lives in: one step per line, JSON in, JSON out (see `fixed_point`).

Run as a file: NAME is ``path/to/file.py:attribute`` or ``package.module:attribute``. What the subject prints goes to
standard error, so that it cannot reach the protocol.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def neighbour() -> Any:
    """Return `worker`, found by its place: the interpreter need not have gradcert."""
    place = Path(__file__).resolve().parent.parent / "subjects" / "worker.py"
    spec = importlib.util.spec_from_file_location("gradcert_worker", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plain(value: Any) -> Any:
    """Return nested lists of Python integers; anything else is left for the judge to name."""
    return value.tolist() if hasattr(value, "tolist") else value


def found(name: str) -> Any:
    """Return the callable of that name; an exception where there is none."""
    subject = neighbour().load(name)
    if not callable(subject):
        raise TypeError(f"{name} cannot be called: it is of type {type(subject).__name__}")
    return subject


def main() -> None:
    """Serve one subject; where there is none, say why in the place of the first answer."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # the folder of this file would shadow modules of the standard library
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).resolve().parent]
    subject: Any = None
    for line in requests:
        given = json.loads(line)
        if subject is None:
            try:
                subject = found(sys.argv[1])
            except (Exception, SystemExit) as error:  # a list: what a subject returns is written as an object
                replies.write(json.dumps([f"{type(error).__name__}: {error}"]) + "\n")
                return
        try:
            said = subject(given["inputs"], given["state"])
            if isinstance(said, Mapping):
                text = json.dumps({str(k): plain(v) for k, v in said.items()})
            else:
                text = json.dumps({"wrong": "None" if said is None else f"a {type(said).__name__}"})
        except Exception as error:  # whatever a stranger's code raises is a finding
            text = json.dumps({"failed": f"{type(error).__name__}: {error}"})
        replies.write(text + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
