"""What a subject was made of, in words: its files, the packages that it loaded, its interpreter, what was not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradcert.certify.certificates import Certificate
from gradcert.certify.claims import files_of
from gradcert.reference.networks import KEPT

MOST = 6  # files that are named


def lines(certificate: Certificate) -> list[str]:
    """Return what every report says of it; nothing where the subject's process could not be asked.

    Cells that were read for the claim are named here alone: elsewhere they are called by what they are of.
    """
    names = files_of(certificate.claim)
    return _lines(certificate.sources, certificate.environment, [name for name in names if KEPT.fullmatch(name)])


def _lines(sources: Mapping[str, Any], environment: Mapping[str, str], kept: Sequence[str] = ()) -> list[str]:
    """Return the lines.

    Examples
    --------
    >>> made = {"interpreter": "CPython 3.12.1", "packages": {"torch": "2.13.0"}, "unseen": []}
    >>> made["files"] = {"rule": "12a81de62a8b7bd04436"}
    >>> for line in _lines(made, {"python": "CPython 3.11.7", "numpy": "2.4.6"}):
    ...     print(line)
    subject made of: rule (SHA-256 12a81de6); torch 2.13.0; CPython 3.12.1
    judged with: numpy 2.4.6, python CPython 3.11.7
    """
    out = []
    if sources:
        files = {name: digest for name, digest in (sources.get("files") or {}).items() if name not in kept}
        named = [f"{name} (SHA-256 {digest[:8]})" for name, digest in list(files.items())[:MOST]]
        more = [f"{len(files) - MOST} more files"] if len(files) > MOST else []
        packages = ", ".join(f"{name} {version}" for name, version in (sources.get("packages") or {}).items())
        read = ", ".join(f"cells as they were read: {name}" for name in kept)
        parts = (", ".join(named + more) or "no file of its own", read, packages, str(sources.get("interpreter", "")))
        out.append(f"subject made of: {'; '.join(part for part in parts if part)}")
        out += [f"not covered: {', '.join(sources['unseen'])}"] if sources.get("unseen") else []
    judged = ", ".join(f"{name} {version}" for name, version in sorted(environment.items()))
    return [*out, f"judged with: {judged}"]
