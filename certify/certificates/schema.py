"""The JSON Schemas of what gradcert writes, as published in the package."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from gradcert.reference.errors import GradcertError


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """Return the JSON Schema of a certificate, as published in the package.

    Examples
    --------
    >>> schema()["title"]
    'gradcert certificate'
    """
    return published("certificate")


def check(record: dict[str, Any]) -> None:
    """Raise jsonschema's ``ValidationError`` for a certificate of ours that does not fit: a defect of gradcert.

    The schema itself is not checked against its own, which takes longer than all else: a test does that.
    """
    _validator("certificate", "").validate(record)


def validated(record: Any, name: str, what: str, *, part: str = "") -> dict[str, Any]:
    """Return a record that fits a schema of the package, or a named part of one.

    Raises
    ------
    GradcertError : if it does not.
    """
    import jsonschema

    error = jsonschema.exceptions.best_match(_validator(name, part).iter_errors(record))
    if error is not None:
        at = "/".join(map(str, error.absolute_path)) or "the record"
        raise GradcertError(f"{what} does not fit: at {at}, {_said(error)}", allowed=_allowed(error, name))
    found: dict[str, Any] = record
    return found


def _said(error: Any) -> str:
    """Return what stands there, where what may stand there is a list; else what the validator says."""
    few = error.validator in ("enum", "const", "type")
    return f"it is {json.dumps(error.instance)[:100]}" if few else str(error.message[:200])


def _allowed(error: Any, name: str) -> str:
    """Return what may stand in a place of a record."""
    if error.validator in ("enum", "type"):
        values = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        return ", ".join(map(str, values))
    return (
        str(error.validator_value) if error.validator == "const" else f"what the schema {published(name)['$id']} says"
    )


@cache
def _validator(name: str, part: str) -> Any:
    import jsonschema  # late: a run that writes no file has no use for it

    whole = published(name)
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": whole["$defs"]} if part else whole)


@cache
def published(name: str) -> dict[str, Any]:
    """Return a schema of the package: ``certificate``, ``claim`` or ``vector``.

    Examples
    --------
    >>> published("vector")["$id"]
    'gradcert-vectors-1'
    """
    text = files("gradcert.certify.certificates").joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
