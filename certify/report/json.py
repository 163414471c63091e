"""The certificate as JSON, checked against the published schema before it leaves."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from gradcert.certify.certificate import Certificate


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
    text = files("gradcert.certify.report").joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def write(certificate: Certificate) -> str:
    """Return the certificate as indented JSON with sorted keys."""
    import jsonschema

    record = certificate.to_dict()
    jsonschema.validate(record, schema())
    return json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
