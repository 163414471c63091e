"""The one door: what is out of bounds is refused with the one error type, what is shown is printable."""

from dataclasses import dataclass

import numpy as np
import pytest

from gradcert.reference import GradcertError
from gradcert.reference.outside import DEPTH, DIGITS, MOST, NAME, SAFE, WRITTEN, array, parse, read, record, text, toml
from gradcert.reference.printable import legible, printable


@dataclass(frozen=True)
class Shown:
    """A record with texts in it."""

    text: str
    values: dict


ESCAPES = "\x1b]0;t\x07\x1b[2J\x00\u2028\u202e\x9b\ud800\r\x7f"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("[" * 40 + "]" * 40, "40 lists inside each other"),
        ('["]]]]",' * 40 + "1" + "]" * 40, "40 lists inside each other"),  # brackets in texts do not count
        ("[" * 100_000, "100000 lists"),
        ("9" * 5000, f"the number {'9' * 40} is too large"),
        ("1e999", "too large"),
        ("NaN", "is no number"),
        ("-Infinity", "is no number"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ('{"' + "k" * 2000 + '": 1}', "a key of 2000 characters"),
        ('"\\ud800"', "surrogates not allowed"),
        ('{"\\udfff": 1}', "surrogates not allowed"),
        ("\ud800", "surrogates not allowed"),
        (b'"\xff"', "invalid start byte"),
        ("{", "Expecting"),
        ("", "Expecting value"),
    ],
)
def test_json_that_is_refused(given, reason):
    with pytest.raises(GradcertError, match=reason):
        parse(given, "it")


def test_json_that_is_read():
    assert parse('{"a": ["[[[[", 1, 0.1, null, true, "\\ud83d\\ude00"]}', "it")["a"][1:3] == [1, 0.1]
    assert parse("[" * 32 + "]" * 32, "it")
    assert type(parse(str(2**53), "it")) is float  # canonical JSON writes a large float without a point
    assert parse(str(2**70), "it", whole=True) == 2**70
    assert np.isnan(parse("NaN", "it", nan=True))
    with pytest.raises(GradcertError, match="bytes"):
        parse('"aaaa"', "it", most=3)
    for sign in ("", "-"):
        with pytest.raises(GradcertError, match="101 digits"):
            parse(sign + "1" * 101, "it", whole=True)


def test_what_is_at_a_bound_is_read_and_what_is_one_beyond_is_not(tmp_path):
    key, deep, digits = "k" * 1000, "[" * 33 + "]" * 33, "1" * 100
    assert parse(f'{{"{key}": 1}}', "it") == {key: 1}
    with pytest.raises(GradcertError, match=f"a key of 1001 characters, '{'k' * 40}'\\.\\.\\."):
        parse(f'{{"{key}k": 1}}', "it")
    with pytest.raises(GradcertError, match=f"the key '{'k' * 200}' is there twice"):
        parse(f'{{"{key}": 1, "{key}": 2}}', "it")
    assert parse('"aa"', "it", most=4) == "aa"
    with pytest.raises(GradcertError, match="it has 5 bytes, 4 are allowed"):
        parse('"aaa"', "it", most=4)
    assert parse("[1, 2, 3, [4]]", "it", depth=2)[3] == [4]
    assert parse("1", "it", depth=0) == 1
    with pytest.raises(GradcertError, match="1 lists inside each other, 0 are allowed"):
        parse("[]", "it", depth=0)
    assert parse('"[["', "it", depth=0) == "[["
    # more brackets than levels: a depth is counted, not guessed
    assert parse("[[1], [2], [3]]", "it", depth=2) == [[1], [2], [3]]
    for levels in (deep, '[{"a":' * 16 + "[1]" + "}]" * 16):
        with pytest.raises(GradcertError, match="33 lists inside each other, 32 are allowed"):
            parse(levels, "it")
    assert parse(digits, "it", whole=True) == int(digits) == -parse(f"-{digits}", "it", whole=True)
    for number, kind in ((2**53 - 1, int), (2**53, float), (1 - 2**53, int), (-(2**53), float), (10**16, float)):
        assert type(parse(str(number), "it")) is kind and parse(str(number), "it") == number
        assert type(parse(str(number), "it", whole=True)) is int
    for half in ('["\\ud800"]', '[[1, {"a": "\\udc00"}]]'):
        with pytest.raises(GradcertError, match="surrogates not allowed"):
            parse(half, "it")
    (tmp_path / "file").write_bytes(b"123")
    assert read(tmp_path / "file", "a file", most=3) == b"123"
    (tmp_path / "file.toml").write_text("[a]\nb = [1]")
    assert toml(tmp_path / "file.toml", "a file", most=11, depth=3) == {"a": {"b": [1]}}
    with pytest.raises(GradcertError, match="3 tables inside each other, 2 are allowed"):
        toml(tmp_path / "file.toml", "a file", depth=2)


def test_the_bounds_themselves():
    """As the pages say: a quarter of a gibibyte, a mebibyte by hand, 2^53, 2000 characters."""
    assert (MOST, WRITTEN, DEPTH, NAME, SAFE, DIGITS) == (2**28, 2**20, 32, 1000, 9007199254740992, 100)
    assert printable("a" * 2040) == "a" * 2040 and printable("a" * 2041) == "a" * 2000 + "... (41 more characters)"


def test_files_and_records(tmp_path):
    path = tmp_path / "file"
    for wrong in (path, tmp_path):
        with pytest.raises(GradcertError, match="cannot be read"):
            read(wrong, "a file")
    path.write_bytes(b"\xff12")
    assert read(path, "a file") == b"\xff12"
    with pytest.raises(GradcertError, match="more than 2 bytes"):
        read(path, "a file", most=2)
    with pytest.raises(GradcertError, match="not UTF-8"):
        text(b"\xff", "a file")
    for wrong, given in ((None, "it is a NoneType"), ([1], "it is a list"), ({"b": 1}, "it without a, c")):
        with pytest.raises(GradcertError, match=f"{given}; allowed: an object with a, c"):
            record(wrong, "it", needs=("a", "c"))
    with pytest.raises(GradcertError, match=r"it is a list; allowed: an object$"):
        record([1], "it")
    assert record({"a": 1, "c": 2}, "it", needs=("a", "c")) == {"a": 1, "c": 2}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "recursion"),
        ("a = " + "[" * 40 + "]" * 40, "33 tables inside each other, 32 are allowed"),
        (".".join("a" * 50) + " = 1", "33 tables inside each other, 32 are allowed"),
        (".".join("a" * 129) + " = 1", "33 tables inside each other, 32 are allowed"),
        (".".join("a" * 130) + " = 1", "a key of too many parts"),
        (".".join("a" * 100_000) + " = 1", "a key of too many parts"),  # minutes, if it were read
        ("[" + ".".join("a" * 100_000) + "]", "a key of too many parts"),
        ("a = " + "9" * 10_000, "digits"),
        ("a = 1\na = 2", "overwrite"),
        ("a = 2026-02-30", "not TOML"),
        ("a = '\x00'", "not TOML"),
        ("#" * 2**20 + "##", "more than 1048576 bytes"),
    ],
)
def test_toml_that_is_refused(given, reason, tmp_path):
    (tmp_path / "file.toml").write_text(given)
    with pytest.raises(GradcertError, match=reason):
        toml(tmp_path / "file.toml", "a file")


def test_toml_that_is_read(tmp_path):
    (tmp_path / "file.toml").write_text('[a.b]\nc = ["[[[[", {d = 1.5}]\n')
    assert toml(tmp_path / "file.toml", "a file") == {"a": {"b": {"c": ["[[[[", {"d": 1.5}]}}}


@pytest.mark.parametrize("value", [["1"], "1", [[1.0], [1.0, 2.0]], {"a": 1}, [True], [None], None, [1j], [10**400]])
def test_what_is_no_array_of_numbers(value):
    with pytest.raises(GradcertError, match="no array of numbers"):
        array(value, "it")


def test_arrays():
    assert array([[1, 2.5]], "it", dtype="float32").dtype == "float32"
    assert np.isnan(array([None, 1], "it", null=True)[0])  # as which JavaScript writes NaN


def test_a_text_is_cut_where_that_makes_it_shorter():
    assert printable("a" * 44, most=4) == "a" * 44
    assert printable("a" * 45, most=4) == "aaaa... (41 more characters)"
    assert legible("a" * 4, most=4) == "aaaa" and legible(["a" * 45], most=4) == ["aaaa... (41 more characters)"]
    assert legible(("a\r", 1), most=1) == ("a\\r", 1)
    assert legible(Shown("a\r", {"b\r": 1.5})) == Shown("a\\r", {"b\\r": 1.5}) and legible(Shown) is Shown


def test_what_is_shown_cannot_be_obeyed():
    shown = printable(ESCAPES)
    assert shown.isprintable() and "\\x1b[2J" in shown and "\\u202e" in shown and "\\ud800" in shown
    assert printable("a\nb\tc", lines=True) == "a\nb    c"
    assert len(printable("a" * 10**7)) < 2100
    assert printable(printable("a" * 10**7)) == printable("a" * 10**7)
    record = legible({ESCAPES: [ESCAPES, 1.0, (ESCAPES,)]})
    assert "\x1b" not in str(list(record.items())) and type(record[printable(ESCAPES)][2]) is tuple
    error = GradcertError(f"a {ESCAPES}", allowed="b" * 10**6, do=ESCAPES)
    assert str(error).isprintable() and len(str(error)) < 10**4
