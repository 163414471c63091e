"""What a subject was made of, in words: its files, the packages that it loaded, its interpreter, what was not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST = 6  # files that are named


def lines(sources: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Return what every report says of it; nothing where the subject's process could not be asked.

    Parameters
    ----------
    sources, environment : as in `gradcert.certify.certificates.Certificate`.

    Examples
    --------
    >>> made = {"interpreter": "CPython 3.12.1", "packages": {"torch": "2.13.0"}, "unseen": []}
    >>> made["files"] = {"rule": "12a81de62a8b7bd04436"}
    >>> for line in lines(made, {"python": "CPython 3.11.7", "numpy": "2.4.6"}):
    ...     print(line)
    subject made of: rule (SHA-256 12a81de6); torch 2.13.0; CPython 3.12.1
    judged with: numpy 2.4.6, python CPython 3.11.7
    """
    out = []
    if sources:
        files = sources.get("files") or {}
        named = [f"{name} (SHA-256 {digest[:8]})" for name, digest in list(files.items())[:MOST]]
        more = [f"{len(files) - MOST} more files"] if len(files) > MOST else []
        packages = ", ".join(f"{name} {version}" for name, version in (sources.get("packages") or {}).items())
        parts = (", ".join(named + more) or "no file of its own", packages, str(sources.get("interpreter", "")))
        out.append(f"subject made of: {'; '.join(part for part in parts if part)}")
        out += [f"not covered: {', '.join(sources['unseen'])}"] if sources.get("unseen") else []
    judged = ", ".join(f"{name} {version}" for name, version in sorted(environment.items()))
    return [*out, f"judged with: {judged}"]
