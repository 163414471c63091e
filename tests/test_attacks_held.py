"""The list of attacks that `make attack` tries again names tests that exist, and counts what became of them."""

import re
from collections import Counter

import pytest

from scripts.attack import held

ROOT = held.LISTED.parents[2]


def test_every_listed_test_exists():
    for name in held.wanted():
        path, _, function = name.partition("::")
        text = (ROOT / path).read_text()
        assert not function or re.search(rf"(?m)^def {function}\(", text), name


def test_failures_are_no_successes(tmp_path):
    report = tmp_path / "report.xml"
    cases = [("t_1[a]", ""), ("t_1[b]", "<failure/>"), ("t_2", "<skipped/>"), ("t_3", "<error/>")]
    body = "".join(f'<testcase classname="tests.r.test_x" name="{n}">{inside}</testcase>' for n, inside in cases)
    report.write_text(f"<testsuites><testsuite>{body}</testsuite></testsuites>")
    found = held.outcomes(report)
    assert found["tests/r/test_x.py::t_1"] == Counter(held=1, failure=1)
    assert held.row("all", ["r/test_x.py"], found) == "| all | 4 | 1 | 1 |"
    with pytest.raises(SystemExit, match=r"names r/test_y\.py, which did not run"):
        held.row("none", ["r/test_y.py"], found)
