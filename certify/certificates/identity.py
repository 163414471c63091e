"""What a certificate is about, as digests: subject, reference, cases, environment, and the identity made of them.

The identity is the SHA-256 of the canonical JSON (RFC 8785) of everything that was asked, and of nothing that came out
or took time. Two runs with one identity have to end alike; what they are allowed to differ in is `TIMING`.
"""

from __future__ import annotations

import hashlib
import inspect
import platform
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

TIMING = ("seconds", "timing", "seal")  # fields in which two runs may differ; the seal covers the times
DEFINING = ("schema", "suite", "claim", "profile", "seed", "subject", "digests", "environment", "sources")


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
    asked = {name: record[name] for name in DEFINING if name in record}
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


def subject_digest(subject: Any, sources: Mapping[str, Any]) -> str:
    """Return the digest of a `Subject`: of the content of every file that it is made of.

    Parameters
    ----------
    subject : a closure has no file to be found again: its source text, or its bytecode, counts too; so do a program's
        words.
    sources : what it is made of (`gradcert.certify.subjects.sources`); where nothing could be asked, its file counts.
    """
    words = list(subject.program)
    source = sha256(_source(subject.callable)) if subject.callable is not None else ""
    path = Path(str(subject.name).rpartition(":")[0])
    files = dict(sources.get("files") or {})
    if not files and not words and path.suffix == ".py" and path.is_file():
        files = {path.name: sha256(path.read_bytes())}
    replaced = {
        name: sha256(text.encode()) for name, text in sorted(dict(getattr(subject, "replaced", None) or {}).items())
    }
    made_of = [words, source, files, *([replaced] if replaced else [])]
    return sha256(canonical(made_of)) if words or source or files else ""


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
