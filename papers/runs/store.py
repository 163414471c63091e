"""JSON lines: one run a line, with what it was run with. A run that stopped goes on; other code starts anew.

A line holds the job, its result, seconds of CPU, the digest of the code (`reference/`, `papers/training`,
`papers/data`, the claim's own file, and `hardware_models/` where it uses that), the digests of the data sets, and the
versions of Python and NumPy.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import gradcert.hardware_models
import gradcert.papers.data
import gradcert.papers.training
import gradcert.reference
from gradcert.papers.claim import Claim, Job, Results
from gradcert.reference.errors import GradcertError
from gradcert.reference.outside import parse, read, text

FORM = "runs as gradcert claims writes them"


ROOMS = (gradcert.reference, gradcert.papers.training, gradcert.papers.data)
CHIPS = gradcert.hardware_models  # of a claim whose file imports it


def code_digest(claim: Claim) -> str:
    """Return the SHA-256 of the code that the results of a claim depend on.

    Examples
    --------
    >>> from gradcert.papers.claims import claim_named
    >>> code_digest(claim_named("C1")) != code_digest(claim_named("C7"))
    True
    """
    own = Path(str(sys.modules[claim.run.__module__].__file__))
    chips = (CHIPS,) if f"from {CHIPS.__name__}" in own.read_text(encoding="utf-8") else ()
    rooms = (*ROOMS, *chips)
    files = {f"{room.__name__}/{p.relative_to(root(room))}": p for room in rooms for p in root(room).rglob("*.py")}
    files |= {f"papers/{p.name}": p for p in (own, own.parent / "images.py")}
    found = hashlib.sha256()
    for name, path in sorted(files.items(), key=lambda item: item[1].as_posix()):
        found.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def root(room: ModuleType) -> Path:
    """Return the folder of a package."""
    return Path(str(room.__file__)).parent


def key(job: Job) -> str:
    """Return the text by which a job is known.

    Examples
    --------
    >>> key({"seed": 0, "rule": "ostl"})
    '{"rule":"ostl","seed":0}'
    """
    return json.dumps(job, sort_keys=True, separators=(",", ":"))


def kept(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file, without one that was being written when the run stopped.

    Raises
    ------
    GradcertError : if a whole line is none of ours.
    """
    if not path.exists():
        return []
    whole = text(read(path, FORM), str(path)).split("\n")[:-1]
    lines = [parse(line, f"line {number} of {path}") for number, line in enumerate(whole, 1)]
    for number, line in enumerate(lines, 1):
        if not isinstance(line, dict) or not {"job", "result", "code"} <= set(line):
            raise GradcertError(f"line {number} of {path} is no run", allowed=FORM, do="name another folder: --results")
    return lines


class Store:
    """The runs of one claim.

    Parameters
    ----------
    path : a file; what it holds of this code counts, the rest stays where it is.
    code : digest of the code; None takes that of the last line, which is how results are read that others ran.

    Examples
    --------
    >>> Store(Path("no-such-file")).results.done
    ()
    """

    def __init__(self, path: Path, code: str | None = None) -> None:
        self.path = path
        lines = kept(path)
        self.code = code if code is not None or not lines else str(lines[-1]["code"])
        self.lines = {key(line["job"]): line for line in lines if line["code"] == self.code}

    def __contains__(self, job: Job) -> bool:
        """Whether a job is done."""
        return key(job) in self.lines

    @property
    def results(self) -> Results:
        """What is done."""
        return Results(tuple((line["job"], line["result"]) for line in self.lines.values()))

    def line(self, job: Job) -> dict[str, Any] | None:
        """Return the line of a job, if it is done."""
        return self.lines.get(key(job))

    def add(self, job: Job, result: Mapping[str, Any], *, seconds: float, data: Mapping[str, str]) -> None:
        """Write a run down, at once."""
        line = {
            "job": dict(job),
            "result": dict(result),
            "seconds": round(seconds, 3),
            "code": self.code,
            "data": dict(data),
            "python": platform.python_version(),
            "numpy": np.__version__,
        }
        written = json.dumps(line, allow_nan=False, separators=(",", ":"))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        broken = self.path.exists() and not self.path.read_bytes().endswith(b"\n") and self.path.stat().st_size > 0
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("\n" if broken else "") + written + "\n")
        self.lines[key(job)] = json.loads(written)
