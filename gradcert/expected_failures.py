"""Expected failures: a reviewed file that says which checks fail, why, who tracks it, and until when.

TOML, one table per check::

    [[expected]]
    id = "tests/test_rules.py::test_ostl[snu/2/squared_error-every/dyadic/0]"
    reason = "the reset is detached; fixed upstream after 2.1"
    link = "https://example.org/issues/12"
    expires = 2027-06-30

Every key is required. An entry that has expired, is there twice, or fits no check any more is an error, and a check
that passes although it is listed is a failure: the file can only be right.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

KEYS = {"id": str, "reason": str, "link": str, "expires": datetime.date}


@dataclass(frozen=True)
class Expected:
    """One entry."""

    id: str
    reason: str
    link: str
    expires: datetime.date

    @property
    def sentence(self) -> str:
        """What is shown beside the expected failure."""
        return f"{self.reason} ({self.link}, until {self.expires})"


def read(path: Path, *, today: datetime.date | None = None) -> tuple[Expected, ...]:
    """Return the entries of a file.

    Raises
    ------
    pytest.UsageError : if the file is not as described, or an entry has expired.
    """
    from gradcert.reference.errors import GradcertError  # heavy for those runs of pytest that have no such file
    from gradcert.reference.outside import toml
    from gradcert.reference.printable import legible

    try:
        record = legible(toml(path, "a file of expected failures"))
    except GradcertError as error:
        raise pytest.UsageError(f"expected failures: {error}") from None
    entries = record.get("expected", [])
    if set(record) - {"expected"} or not isinstance(entries, list):
        raise pytest.UsageError(f"expected failures: {path} holds more than [[expected]] tables")
    found = [_entry(entry, path) for entry in entries]
    day = today or datetime.date.today()
    for number, entry in enumerate(found):
        if entry.id in {other.id for other in found[:number]}:
            raise pytest.UsageError(f"expected failures: {entry.id} is listed twice in {path}")
        if entry.expires < day:
            raise pytest.UsageError(f"expected failures: {entry.id} expired on {entry.expires}; see {entry.link}")
    return tuple(found)


def _entry(entry: Any, path: Path) -> Expected:
    if not isinstance(entry, dict) or set(entry) != set(KEYS):
        given = str(entry)[:200]
        raise pytest.UsageError(f"expected failures: an entry of {path} needs exactly {', '.join(KEYS)}: {given}")
    for name, kind in KEYS.items():
        if not isinstance(entry[name], kind) or isinstance(entry[name], datetime.datetime) or entry[name] == "":
            raise pytest.UsageError(
                f"expected failures: {name} = {entry[name]!r} in {path}; allowed: a {kind.__name__}"
            )
    return Expected(**entry)


def stale(entries: Iterable[Expected], generated: set[str], whole: set[str], root: Path) -> list[str]:
    """Return the ids of entries that fit no check.

    Parameters
    ----------
    generated : the ids of all checks of the functions that were looked at, selected or not.
    whole : files that were collected as a whole.
    root : what ids are relative to.

    Examples
    --------
    >>> entry = Expected("a.py::test_x[gone]", "why", "https://example.org", datetime.date(2030, 1, 1))
    >>> stale([entry], {"a.py::test_x[here]"}, set(), Path("."))
    ['a.py::test_x[gone]']
    """
    functions = {name.partition("[")[0] for name in generated}
    out = []
    for entry in entries:
        file, function = entry.id.partition("::")[0], entry.id.partition("[")[0]
        if entry.id not in generated and (function in functions or file in whole or not (root / file).is_file()):
            out.append(entry.id)
    return out
