"""Expected failures: a reviewed file that says which checks fail, why, who tracks it, and until when.

TOML, one table per check, per pattern of checks, or per subject::

    [[expected]]
    id = "tests/test_rules.py::test_ostl[snu/2/squared_error-every/dyadic/0]"
    reason = "the reset is detached; fixed upstream after 2.1"
    link = "https://example.org/issues/12"
    expires = 2027-06-30

    [[expected]]
    id = "tests/test_rules.py::test_ostl[snu/2/*]"   # * is any text
    ...

    [[expected]]
    subject = "mypackage.learning:gradients"
    check = "snu/2/*"                                # all of its checks without it
    cause = "equals ostl"                            # words that stand in the cause that is found; any without it
    profiles = ["default", "thorough"]               # in which one of its checks has to fail; all without it
    ...

Reason, link and day are required. What is expected is a wrong answer: a subject that is not imported, raises, ends or
does not answer in time fails, listed or not, and so does one that is wrong for another cause than its entry names: the
cause of the subject as a whole, whichever cases were selected, where one cause explains all of its answers. An
entry that has expired, is there twice, or fits no check of any profile is an error, as soon as all tests that it may
list were collected. A check that is listed by its id and passes is a failure; of a pattern's checks some may pass.
Where all of them were collected and have run, one has to have failed: else the failure is gone, and the run fails.
A mistake that shows in some profiles only has an entry that names those: in the others, nothing has to fail.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gradcert.expected_causes import stands, words_of

TEXTS = ("id", "subject", "check", "cause", "reason", "link")
KEYS = {**dict.fromkeys(TEXTS, str), "expires": datetime.date, "profiles": list}
FORMS = ({"id"}, {"subject"}, {"subject", "check"})  # what is listed
ALWAYS = {"reason", "link", "expires"}
OPTIONAL = {"cause", "profiles"}
PROFILES = ("quick", "default", "thorough")
TABLE = re.compile(r"^[ \t]*\[\[[ \t]*expected[ \t]*\]\]", re.MULTILINE)  # where an entry begins
UNSTARTED = "import"  # the one check of a subject that did not start, and so told no claim


@dataclass(frozen=True)
class Expected:
    """One entry.

    Attributes
    ----------
    id : of a test, where ``*`` is any text; or "".
    subject, check : a subject and which of its checks, where ``*`` is any text; or "".
    cause : words that stand in the cause of every finding of the check, one after the other; any cause where it is "".
    profiles : in which one of its checks has to fail; all where it is empty.
    place : the file in which it stands, and the line.
    """

    id: str = ""
    reason: str = ""
    link: str = ""
    expires: datetime.date = datetime.date.max
    subject: str = ""
    check: str = "*"
    cause: str = ""
    profiles: tuple[str, ...] = ()
    place: tuple[str, int] = field(default=("", 1), compare=False)

    @property
    def name(self) -> str:
        """What the entry is called in messages."""
        return self.id or (self.subject if self.check == "*" else f"{self.subject} {self.check}")

    @property
    def exact(self) -> bool:
        """Whether it lists one check."""
        return bool(self.id) and "*" not in self.id

    def fits(self, test: str, subject: str, check: str) -> bool:
        """Return whether the entry lists a check.

        Examples
        --------
        >>> Expected("a.py::test_x[snu/2/*]").fits("a.py::test_x[snu/2/dyadic/0]", "m:f", "snu/2/dyadic/0")
        True
        >>> Expected(subject="m:f", check="snu/1/*").fits("a.py::test_x[snu/2/0]", "m:f", "snu/2/0")
        False
        """
        if self.id:
            return _like(self.id, test)
        return _like(self.subject, subject) and _like(self.check, check)

    def may_fit(self, test: str, subject: str) -> bool:
        """Return whether the entry may list another check of the subject of a test."""
        return _like(self.id.partition("[")[0], test.partition("[")[0]) if self.id else _like(self.subject, subject)

    def due(self, profile: str) -> bool:
        """Return whether one of the entry's checks has to fail in a profile."""
        return not self.profiles or profile in self.profiles

    def means(self, causes: Iterable[str]) -> bool:
        """Return whether the words of the entry's cause stand in every cause that was found.

        Examples
        --------
        >>> entry = Expected("a.py::test_x[*]", cause="equals bptt")
        >>> entry.means(["layers.0.W: equals bptt; the rest is as claimed"]), entry.means(["it equals bptt-random"])
        (True, False)
        """
        return all(stands(self.cause, cause) for cause in causes)

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
    text = path.read_text(encoding="utf-8")
    lines = [text.count("\n", 0, head.start()) + 1 for head in TABLE.finditer(text)]
    lines = lines if len(lines) == len(entries) else [1] * len(entries)
    found = [_entry(entry, path, line) for entry, line in zip(entries, lines, strict=True)]
    day = today or datetime.date.today()
    for number, entry in enumerate(found):
        if entry.name in {other.name for other in found[:number]}:
            raise pytest.UsageError(f"expected failures: {entry.name} is listed twice in {path}")
        if entry.expires < day:
            raise pytest.UsageError(f"expected failures: {entry.name} expired on {entry.expires}; see {entry.link}")
    return tuple(found)


def _entry(entry: Any, path: Path, line: int) -> Expected:
    if not isinstance(entry, dict) or set(entry) - ALWAYS - OPTIONAL not in FORMS or not set(entry) >= ALWAYS:
        unknown = (
            "".join(f"; {name} is unknown" for name in sorted({*entry} - {*KEYS})) if isinstance(entry, dict) else ""
        )
        more = "may have a cause, and profiles"
        needs = f"id, or subject with or without check; and {', '.join(sorted(ALWAYS))}; and {more}{unknown}"
        raise pytest.UsageError(f"expected failures: an entry of {path} needs exactly {needs}: {str(entry)[:200]}")
    for name, value in entry.items():
        if name == "profiles":
            right, allowed = _is_profiles(value), f"a list of {', '.join(PROFILES)}"
        else:
            right, allowed = isinstance(value, KEYS[name]) and bool(words_of(str(value))), f"a {KEYS[name].__name__}"
        if not right or isinstance(value, datetime.datetime):
            raise pytest.UsageError(f"expected failures: {name} = {value!r} in {path}; allowed: {allowed}")
    if everything := _everything(entry):
        raise pytest.UsageError(
            f"expected failures: {everything} in {path} lists the checks of every subject, "
            "whatever is wrong with them; allowed: a pattern that names a test or a subject, or a cause beside it"
        )
    return Expected(**{**entry, "profiles": tuple(entry.get("profiles", ()))}, place=(str(path), line))


def _everything(entry: dict[str, Any]) -> str:
    """Return the pattern of an entry that names no test, no subject and no cause, or "".

    Examples
    --------
    >>> _everything({"id": "tests/*"}), _everything({"id": "*[snu/*]"}), _everything({"id": "*", "cause": "equals"})
    ("id = 'tests/*'", "id = '*[snu/*]'", '')
    >>> _everything({"id": "*::test_ostl[*]"}), _everything({"subject": "mine:*"})
    ('', '')
    """
    if "cause" in entry:
        return ""
    if "subject" in entry:
        return "" if entry["subject"].strip("*:") else f"subject = {entry['subject']!r}"
    _, test, name = entry["id"].partition("[")[0].rpartition("::")
    names = bool(name.strip("*")) if test else "*" not in entry["id"]
    return "" if names else f"id = {entry['id']!r}"


def _is_profiles(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(name in PROFILES for name in value)


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def first(entries: Iterable[Expected], check: tuple[str, str, str]) -> Expected | None:
    """Return the entry that a check is listed by: the first that fits it, or None."""
    return next((entry for entry in entries if entry.fits(*check)), None)


def stale(
    entries: Iterable[Expected], known: Iterable[tuple[str, str, str]], root: Path, covers: Callable[[Expected], bool]
) -> list[str]:
    """Return the names of entries that fit no check; which checks there are is not known where a subject did not start.

    Parameters
    ----------
    known : (test, subject, check) of all checks, of every profile, of the functions that were looked at.
    root : what ids are relative to.
    covers : whether all of the tests that an entry may list were looked at.

    Examples
    --------
    >>> entry, here = Expected("a.py::test_x[gone]"), ("a.py::test_x[here]", "m:f", "here")
    >>> stale([entry, Expected("a.py::test_x[h*]")], [here], Path("."), lambda entry: True)
    ['a.py::test_x[gone]']
    >>> stale([Expected(subject="m:g")], [here], Path("."), lambda entry: False)  # another file may have it
    []
    """
    checks = list(known)
    out = []
    for entry in entries:
        if any(entry.fits(*check) or (check[2] == UNSTARTED and entry.may_fit(*check[:2])) for check in checks):
            continue
        file = entry.id.partition("::")[0]
        nowhere = bool(entry.id) and "*" not in file and not (root / file).is_file()
        if nowhere or covers(entry):
            out.append(entry.name)
    return out
