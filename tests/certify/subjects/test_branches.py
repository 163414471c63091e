"""Conditions inside a line: whichever way they went, and never another way than they went."""

import ast

import pytest

from gradcert.certify.subjects import branches
from gradcert.certify.subjects.coverage import Coverage
from tests.certify.subjects.watched import loaded, record

BODIES = {
    "y = 1 if len(b) == 7 else 2": ["len(b) == 7"],
    "if len(b) == 7: y = 1": ["len(b) == 7"],
    "while len(b) == 7: b = ()": ["len(b) == 7"],
    "y = [k for k in b if len(b) == 7]": ["len(b) == 7"],
    "y = sum(k for k in b if len(b) == 7)": ["len(b) == 7"],
    "y = {k: 1 for k in b if not len(b) == 7}": ["len(b) == 7"],
    "y = len(b) == 7 and sum(b)": ["len(b) == 7"],
    "y = len(b) != 7 or sum(b)": ["len(b) != 7"],
    "y = (len(b) == 7 and 1) * 2": ["len(b) == 7"],
    "y = (lambda q: 1 if q == 7 else 0)(len(b))": ["q == 7"],
    "y = 1 if 6 < len(b) < 8 else 0": ["6 < len(b) < 8"],
    "y = 1 if len(b) == 7 and b[0] else 2": ["len(b) == 7", "b[0]"],
    "y = None if len(b) == 7 else 1; y = 1 if y is None else 2": ["len(b) == 7", "y is None"],
}


def inline(tmp_path, body):
    return loaded(tmp_path / "inline.py", f"def used(b):\n    y = 0\n    {body}\n    return y\n")


def open_ends(module, *values):
    file, _ = record(module, *values)
    assert file["lines"] == []
    return file["conditions"]


@pytest.mark.parametrize("body", BODIES)
def test_each_way_is_seen_as_soon_as_it_is_gone(tmp_path, body):
    """The first call of a function counts too: what switches looking on must not begin with the second one."""
    module, (first, *_) = inline(tmp_path, body), BODIES[body]
    short, seven = (1, 2, 3), (1,) * 7
    turned = "false" if "!=" in first else "true"
    assert [3, f"never {turned} (`{first}`)"] in open_ends(module, short)
    other = "true" if "!=" in first else "false"
    alone = open_ends(inline(tmp_path, body), seven)
    if not body.startswith("while"):  # which comes out both ways
        assert [3, f"never {other} (`{first}`)"] in alone
    both = open_ends(module, short, seven)
    assert [text for _, text in both if f"`{first}`" in text] == []


def test_what_lines_tell_is_left_to_them():
    tree = ast.parse("if a and b:\n    c = 1\nwhile a or b:\n    c = 2\nassert a and b\n")
    assert branches.conditions(tree) == {}


def test_a_condition_that_was_never_asked_is_none():
    tree = ast.parse("y = 1 if a else 2")
    assert branches.open_ends(branches.conditions(tree), set()) == []


def test_another_process_goes_on_from_what_one_told(tmp_path):
    """As a run does that goes on from its journal: what came out then has come out."""
    module = inline(tmp_path, "y = 1 if len(b) == 7 else 2")
    first, second = Coverage(module.used), Coverage(module.used)
    with first.watching():
        module.used((1, 2))
    told = first.asked("new")["new"]
    assert told and first.asked("new") == {"new": []}
    second.asked(told)
    assert second.record() == first.record()
    with second.watching():
        module.used((1,) * 7)
    assert second.record()["files"][0]["conditions"] == []
    assert ["end", "inline.py", 3, 13, 3, 24, True] in second.asked("new")["new"]
