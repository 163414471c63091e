"""The JSON Schemas of what gradcert writes, as published in the package."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """Return the JSON Schema of a certificate, as published in the package.

    Examples
    --------
    >>> schema()["title"]
    'gradcert certificate'
    """
    return published("certificate")


def published(name: str) -> dict[str, Any]:
    """Return a schema of the package: ``certificate`` or ``vector``.

    Examples
    --------
    >>> published("vector")["$id"]
    'gradcert-vectors-1'
    """
    text = files("gradcert.certify.certificates").joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
