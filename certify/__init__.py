"""Certification: subjects, claims, cases, verdicts, diagnosis, certificates and reports.

A subject is anything that computes gradients. What it claims to compute is checked on generated cases against
`gradcert.reference`, within an error budget that is derived for each case, and a claim that fails is diagnosed.
One step of that per file. May import `gradcert.properties`, `gradcert.hardware_models` and `gradcert.reference`.

The room itself can be called: ``gradcert.certify(subject, ...)`` is `gradcert.certify.certify`. Names are resolved when
they are first used, because a subject's process imports this file for the sake of the decorator alone.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_HOME = {
    "Case": "problems",
    "Certificate": "certificates",
    "Claim": "claims",
    "Finding": "certificates",
    "Limits": "subjects",
    "Subject": "subjects",
    "certify": "campaign",
    "claim": "claims",
    "expect": "problems",
    "generate": "problems",
    "plan": "problems",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


class _Room(ModuleType):
    """The room as a function, so that ``gradcert.certify`` is both; pickled, as a function is, by name."""

    def __reduce__(self) -> Any:
        return importlib.import_module, (self.__name__,)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.__getattr__("certify")(*args, **options)


sys.modules[__name__].__class__ = _Room
