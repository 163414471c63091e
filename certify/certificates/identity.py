"""What a certificate is about, as digests: subject, reference, cases, environment, and the identity made of them.

The identity is the SHA-256 of the canonical JSON (RFC 8785) of everything that was asked, and of nothing that came out
or took time. Two runs with one identity have to end alike; what they are allowed to differ in is `TIMING`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

TIMING = ("seconds", "seal")  # fields in which two runs may differ; the seal covers the seconds
DEFINING = ("schema", "suite", "claim", "profile", "seed", "subject", "digests", "environment")
WHERE = (
    "import importlib.util, json, sys; s = importlib.util.find_spec(sys.argv[1]);"
    "print(json.dumps(s and [s.origin, list(s.submodule_search_locations or [])]))"
)


def canonical(record: Any) -> bytes:
    """Return canonical JSON (RFC 8785): one byte sequence for one value.

    Examples
    --------
    >>> canonical({"b": 1.0, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    import rfc8785

    return rfc8785.dumps(record)


def sha256(data: bytes) -> str:
    """Return the hexadecimal SHA-256 of bytes.

    Examples
    --------
    >>> sha256(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def identity(record: Mapping[str, Any]) -> str:
    """Return the identity of a certificate's JSON form: what was asked, of whom, against what, where."""
    asked = {name: record[name] for name in DEFINING}
    asked["cases"] = [[case["id"], case["digest"]] for case in record["cases"]]
    return sha256(canonical(asked))


def seal(record: Mapping[str, Any]) -> str:
    """Return the digest of a whole certificate but its seal; it finds changed bytes, it does not prove who wrote them.

    Examples
    --------
    >>> seal({"seconds": 1.0, "seal": "anything"}) == seal({"seconds": 1.0})
    True
    """
    return sha256(canonical({name: value for name, value in record.items() if name != "seal"}))


@lru_cache(maxsize=1)
def reference_digest() -> str:
    """Return the digest of the reference: the bytes of every file of `gradcert.reference`."""
    from gradcert import reference

    root = Path(str(reference.__file__)).parent
    return of_files(root.rglob("*.py"), root=root)


def of_files(paths: Iterable[Path], *, root: Path) -> str:
    """Return the digest of files: names relative to `root`, and bytes, in the order of names."""
    found = {path.relative_to(root).as_posix(): path for path in paths}
    total = hashlib.sha256()
    for name in sorted(found):
        data = found[name].read_bytes()
        total.update(f"{name}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


def subject_digest(subject: Any) -> str:
    """Return the digest of a `Subject`: its file and the neighbours it imports, its package, or its command's files.

    A closure has no file to be found again: its source text stands for it, or its bytecode.
    """
    if subject.callable is not None:
        return sha256(_source(subject.callable))
    if subject.program:
        return of_words(subject.program)
    where = str(subject.name).rpartition(":")[0]
    if where.endswith(".py"):
        path = Path(where)
        return of_files(neighbours(path), root=path.parent)
    return _package(where.partition(".")[0], subject.python)


def of_words(words: Iterable[str]) -> str:
    """Return the digest of a command: its words, and the bytes of those that name files other than interpreters."""
    parts = []
    for number, word in enumerate(words):
        path = Path(word)
        local = path.is_file() and (number > 0 or not path.is_absolute())
        parts.append([word, sha256(path.read_bytes()) if local else ""])
    return sha256(canonical(parts))


def neighbours(path: Path) -> list[Path]:
    """Return a file and the files beside it that it imports, directly or through each other."""
    found: dict[str, Path] = {}
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current.name in found:
            continue
        found[current.name] = current
        try:
            tree = ast.parse(current.read_bytes())
        except SyntaxError:
            continue
        names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
        names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
        siblings = [path.parent / f"{name.partition('.')[0]}.py" for name in names]
        waiting += [sibling for sibling in siblings if sibling.is_file()]
    return list(found.values())


def _package(name: str, python: str) -> str:
    """Return the digest of a top-level module or package as an interpreter finds it, without importing it."""
    found: Any = None
    if python == sys.executable:
        spec = importlib.util.find_spec(name)
        found = spec and [spec.origin, list(spec.submodule_search_locations or [])]
    else:
        done = subprocess.run([python, "-c", WHERE, name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            found = json.loads(done.stdout)
    if not found:
        return ""
    origin, folders = found
    if folders:
        return sha256(canonical([of_files(Path(folder).rglob("*.py"), root=Path(folder)) for folder in folders]))
    return sha256(Path(origin).read_bytes()) if origin and Path(origin).is_file() else ""


def _source(function: Any) -> bytes:
    try:
        return inspect.getsource(function).encode()
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        return code.co_code if code is not None else type(function).__qualname__.encode()


def environment() -> dict[str, str]:
    """Return the versions that numbers can depend on."""
    import numpy as np

    out = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{platform.system()} {platform.machine()}",
        "numpy": np.__version__,
    }
    try:
        out["python-flint"] = version("python-flint")
    except PackageNotFoundError:
        out["python-flint"] = "unknown"
    return out
