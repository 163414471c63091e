"""A rule by its name: a row of the table, or an algorithm with its settings. Names are read as a whole or refused."""

from __future__ import annotations

import copyreg
import re
from collections.abc import Mapping
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.reference.published.algorithm import Algorithm, Claimed, Kind
from gradcert.reference.published.composite import rows_of
from gradcert.reference.published.given import kind_of
from gradcert.reference.published.kinds import KINDS
from gradcert.reference.rules import RULES, rule_named

WITH_SETTINGS = re.compile(r"(?P<name>[a-z0-9-]+)(?:\((?P<settings>[^()]*)\))?")
OWN = re.compile(r"(?P<name>[^()]+\.py:[A-Za-z_]\w*)(?:\((?P<settings>[^()]*)\))?")
SETTING = re.compile(r"(?P<name>[a-zA-Z_]+)=(?P<value>\[[^\]]*\]|[^=,\[\]]+)")
NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

OTHER_NAMES = {"pp-prop": "es-d-rtrl"}
UNTRACED = " + untraced "
PAIR = "normalisers"  # which may be two positive numbers


def read_rule(text: Any, settings: Mapping[str, Any] | None = None, *, run: bool = False) -> Claimed:
    """Return a row of the table, or an algorithm.

    Parameters
    ----------
    text : such as ``ostl``, ``tbptt(3)``, ``otpe`` or ``fptt(form=code, parts=4)``.
    settings : of an algorithm; they may not be in both.
    run : whether a rule of somebody's own, ``mine.py:filtered``, may be looked for: its file is run
        (`gradcert.reference.published.given`).

    Raises
    ------
    GradcertError : for what is neither, settings that it has not, or that do not fit.

    Examples
    --------
    >>> read_rule("ostl").title
    'Online spatio-temporal learning'
    >>> print(read_rule("sltt then ottt + untraced bias"))
    sltt then ottt + untraced bias
    >>> print(read_rule("fptt", {"parts": 4, "form": "code"}))
    fptt(form=code, parts=4)
    """
    given = dict(settings or {})
    for other, name in OTHER_NAMES.items() if isinstance(text, str) else ():
        text = name + text.removeprefix(other) if text.partition("(")[0] == other else text
    if (rows := _rows(text)) is not None:
        if given:
            raise GradcertError(f"settings {', '.join(given)} of {text!r}", allowed="none: rows have no settings")
        return rows
    if isinstance(text, str) and (own := OWN.fullmatch(text)):
        return _algorithm(kind_of(own["name"], run=run), {**_written(own["settings"]), **given})
    found = WITH_SETTINGS.fullmatch(text) if isinstance(text, str) else None
    if found is None or found["name"] not in KINDS or found["name"] == "rows":
        rule = _row(text)
        if given:
            raise GradcertError(
                f"settings {', '.join(given)} of the row {text!r}", allowed="none: rows have no settings"
            )
        return rule
    written = _written(found["settings"])
    if twice := sorted(set(given) & set(written)):
        raise GradcertError(f"settings {', '.join(twice)} of {text!r} twice", allowed="in the name, or beside it")
    return algorithm(found["name"], {**written, **given})


def _rows(text: Any) -> Algorithm | None:
    """Return rows put together, ``sltt then ottt + untraced bias``; None for other names."""
    if not isinstance(text, str) or (" then " not in text and UNTRACED not in text):
        return None
    rows, *untraced = text.split(UNTRACED)
    if len(set(untraced)) < len(untraced):
        raise GradcertError(f"{text!r}, something twice", allowed="+ untraced bias, + untraced input")
    settings = {"rows": tuple(rows.split(" then ")), "untraced": tuple(sorted(untraced))}
    rows_of(settings)
    return Algorithm(KINDS["rows"], tuple(settings.items()))


def algorithm(name: str, settings: Mapping[str, Any] | None = None) -> Algorithm:
    """Return an algorithm with its settings.

    Raises
    ------
    GradcertError : for a setting that it has not, or of another kind than the usual value.

    Examples
    --------
    >>> algorithm("otpe", {"approximat": True})
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: the setting 'approximat' of otpe (did you mean 'approximate'?); ...
    """
    return _algorithm(KINDS[name], settings or {})


def _algorithm(kind: Kind, settings: Mapping[str, Any]) -> Algorithm:
    chosen, name = {}, kind.name
    for setting, value in settings.items():
        if setting not in kind.settings:
            allowed = ", ".join(kind.settings) or "none: it has no settings"
            raise GradcertError(f"the setting {setting!r} of {name}", allowed=allowed)
        usual = kind.settings[setting]
        pair = setting == PAIR and isinstance(value, (list, tuple)) and len(value) == 2
        if not (all(_alike(v, 0.5) and v > 0 for v in value) if pair else _alike(value, usual)):
            raise GradcertError(f"{name} with {setting}={value!r}", allowed=_kind_of(usual))
        if value != usual or type(value) is not type(usual):
            chosen[setting] = value
    return Algorithm(kind, tuple(sorted(chosen.items())))


def kind_named(name: str) -> Kind:
    """Return a kind by its name; the file of somebody's own is run, if it has not been: a claim of it was allowed."""
    return KINDS[name] if name in KINDS else kind_of(name, run=True)


def _by_name(kind: Kind) -> tuple[Any, tuple[str]]:
    return kind_named, (kind.name,)


copyreg.pickle(Kind, _by_name)  # its functions do not travel to other processes, which have them too


def _kind_of(usual: Any) -> str:
    """Return in words what a setting may be."""
    if isinstance(usual, bool):
        return "true, false"
    if isinstance(usual, (int, float)):
        return f"a {'whole ' if isinstance(usual, int) else ''}number, such as {usual!r}"
    return f"such as {usual!r}"


def _row(text: Any) -> Claimed:
    try:
        return rule_named(text)
    except GradcertError as error:
        known = str(text).partition("(")[0]
        if known in KINDS or not isinstance(text, str) or known in RULES:
            raise
        if "is unknown" not in str(error):
            raise
        raise GradcertError(f"{error}; or {', '.join(KINDS)}") from None


def _written(text: str | None) -> dict[str, Any]:
    """Return settings as they are written in brackets."""
    out: dict[str, Any] = {}
    for part in text.split(",") if text is not None else ():
        found = SETTING.fullmatch(part.strip())
        if found is None or found["name"] in out:
            raise GradcertError(f"settings {text!r}", allowed="name=value, with commas between them, each name once")
        out[found["name"]] = _value(found["value"])
    return out


def _value(text: str) -> Any:
    if text.startswith("["):
        return [_value(part) for part in text[1:-1].split()]
    if text in ("true", "false"):
        return text == "true"
    if NUMBER.fullmatch(text):
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    return text


def _alike(value: Any, usual: Any) -> bool:
    """Return whether a setting is of the kind of its usual value: a number, true or false, a word."""
    if isinstance(usual, bool):
        return isinstance(value, bool)
    if isinstance(usual, (int, float)):
        return (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and (isinstance(usual, float) or isinstance(value, int))
        )
    return isinstance(value, str)
