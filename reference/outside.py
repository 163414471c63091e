"""The one door for what comes from outside: bytes, JSON, TOML, arrays of numbers, bounded and checked before their use.

Files, the messages of a subject's process, answers and certificates all come in here. What is too large, too deep, or
says one thing in two ways (a key twice, a number as a string, half a character) is refused with the one error type.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Mapping
from math import isinf
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array

MOST = 256 * 2**20  # bytes of one text
DEPTH = 32  # lists and objects inside each other; ours have 12 at most
NAME = 1000  # characters of a key
WRITTEN = 2**20  # bytes of a file that somebody has written by hand
SAFE = 2**53  # whole numbers from here on are not exact in every program's JSON, and are read as floats
DIGITS = 100  # of a whole number that has to stay one

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ESCAPED = re.compile(rb"\\u[dD][89abcdefABCDEF]")
_PARTS = re.compile(r"[=,{\n]")
_STEPS = bytes({ord("["): 1, ord("{"): 1, ord("]"): 255, ord("}"): 255}.get(k, k) for k in range(256))
_OTHERS = bytes(k for k in range(256) if k not in b"[]{}")


def read(path: Path, what: str, *, most: int = MOST) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    GradcertError : if it cannot be read, or is larger than `most` bytes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise GradcertError(f"{path} cannot be read: {reason}", allowed=what) from None
    if len(data) > most:
        raise GradcertError(f"{path} has more than {most} bytes", allowed=what)
    return data


def text(data: bytes, what: str) -> str:
    """Return the text of bytes.

    Raises
    ------
    GradcertError : if they are not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GradcertError(f"{what} is not UTF-8: {error.reason} at byte {error.start}") from None


def parse(
    given: str | bytes, what: str, *, most: int = MOST, depth: int = DEPTH, nan: bool = False, whole: bool = False
) -> Any:
    """Return what JSON says.

    Parameters
    ----------
    given : the text.
    what : names it in errors: "the certificate".
    most, depth : bounds on bytes and on nesting.
    nan : accept NaN and infinities, as in an answer that is to be judged.
    whole : keep large whole numbers whole; else those from 2**53 on are read as floats.

    Raises
    ------
    GradcertError : if it is not JSON, or something in it is out of bounds.

    Examples
    --------
    >>> parse('{"a": [1, 2.5]}', "the record")
    {'a': [1, 2.5]}
    >>> parse('{"a": 1, "a": 2}', "the record")
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: the record is not JSON as it should be: the key 'a' is there twice
    """

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in items:
            if len(key) > NAME:
                raise ValueError(f"a key of {len(key)} characters, {key[:40]!r}...")
            if key in out:
                raise ValueError(f"the key {key[:200]!r} is there twice")
            out[key] = value
        return out

    def number(digits: str) -> int | float:
        length = len(digits.removeprefix("-"))
        if length <= 16 or (whole and length <= DIGITS):
            found = int(digits)
            return found if whole or -SAFE < found < SAFE else float(found)
        if whole:
            raise ValueError(f"a whole number of {length} digits")
        return finite(digits)

    def finite(digits: str) -> float:
        found = float(digits)
        if isinf(found) and not nan:
            raise ValueError(f"the number {digits[:40]} is too large")
        return found

    def constant(name: str) -> float:
        if not nan:
            raise ValueError(f"{name} is no number")
        return float(name)

    try:
        data = given.encode("utf-8") if isinstance(given, str) else given
        if len(data) > most:
            raise ValueError(f"it has {len(data)} bytes, {most} are allowed")
        if (levels := _depth(data, depth)) > depth:
            raise ValueError(f"{levels} lists inside each other, {depth} are allowed")
        floats: Any = {} if nan else {"parse_float": finite}
        found = json.loads(data, object_pairs_hook=pairs, parse_int=number, parse_constant=constant, **floats)
        if _ESCAPED.search(data):
            _whole_characters(found)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise GradcertError(f"{what} is not JSON as it should be: {error}") from None
    return found


def _depth(data: bytes, enough: int) -> int:
    """Return how deep lists and objects are nested, or fewer than `enough` where there are no more brackets at all."""
    if data.count(b"[") + data.count(b"{") <= enough:
        return 0
    steps = _STRING.sub(b"", data).translate(_STEPS, _OTHERS)
    return int(np.frombuffer(steps, dtype=np.int8).cumsum(dtype=np.int64).max(initial=0))


def _whole_characters(value: Any) -> None:
    r"""Raise for half a character: an escape such as ``\ud800`` without its other half, which no file can hold."""
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict):
        for key, inner in value.items():
            key.encode("utf-8")
            _whole_characters(inner)
    elif isinstance(value, list):
        for inner in value:
            _whole_characters(inner)


def toml(path: Path, what: str, *, most: int = WRITTEN, depth: int = DEPTH) -> dict[str, Any]:
    """Return what a TOML file says.

    Parameters
    ----------
    what : names it in errors: "a file of expected failures".
    most, depth : bounds on bytes and on nesting.

    Raises
    ------
    GradcertError : if it cannot be read, is not TOML, or something in it is out of bounds.
    """
    given = text(read(path, what, most=most), str(path))
    try:
        # the parser's time is quadratic in the parts of one key, a.a.a.a = 1
        if any(part.count(".") > 4 * depth for part in _PARTS.split(given)):
            raise ValueError("a key of too many parts")
        found = tomllib.loads(given)
        if (levels := _levels(found, depth)) > depth:
            raise ValueError(f"{levels} tables inside each other, {depth} are allowed")
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and what Python says of a huge number
        raise GradcertError(f"{path} is not TOML as it should be: {error}", allowed=what) from None
    return found


def _levels(value: Any, most: int) -> int:
    """Return how deep a value is nested, one more than `most` where it is deeper."""
    level, inner = 0, [value]
    while inner and level <= most:
        level += 1
        inner = [v for held in inner for v in (held.values() if isinstance(held, dict) else held)]
        inner = [v for v in inner if isinstance(v, (dict, list))]
    return level


def record(value: Any, what: str, *, needs: Collection[str] = ()) -> dict[str, Any]:
    """Return a parsed value that has to be an object with certain keys.

    Raises
    ------
    GradcertError : if it is none, or lacks one.
    """
    if not isinstance(value, Mapping) or not set(needs) <= set(value):
        missing = sorted(set(needs) - set(value)) if isinstance(value, Mapping) else []
        given = f"{what} without {', '.join(missing)}" if missing else f"{what} is a {type(value).__name__}"
        raise GradcertError(given, allowed=f"an object with {', '.join(needs)}" if needs else "an object")
    return dict(value)


def array(value: Any, what: str, *, dtype: str = "float64", null: bool = False) -> Array:
    """Return an array of numbers: JSON has one kind of them, and a string is none.

    Parameters
    ----------
    null : read null as NaN, as which JavaScript and others write it.

    Raises
    ------
    GradcertError : for anything else, ragged lists included.

    Examples
    --------
    >>> array([[1, 2.5]], "the loss")
    array([[1. , 2.5]])
    >>> array(["1"], "the loss")
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: the loss is no array of numbers; allowed: nested lists of one shape
    """
    try:
        with np.errstate(all="ignore"):
            found = np.array(value)
            if found.dtype.kind in "fiu":
                return found.astype(dtype)
            if null and found.dtype == object and all(v is None or type(v) in (int, float) for v in found.flat):
                return found.astype(dtype)
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass
    raise GradcertError(f"{what} is no array of numbers", allowed="nested lists of one shape")
