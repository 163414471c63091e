"""The test ``[more]``: what it finds wrong on cases that an expected failure lists is expected too."""

import pytest

from gradcert.expected_failures import Expected
from gradcert.pytest_plugin.check import Check
from gradcert.pytest_plugin.found import Refuted
from gradcert.pytest_plugin.session import Checks, Session
from gradcert.reference import rule_named
from gradcert.reference.engines import reverse

pytest_plugins = ["pytester"]

CLAIM = {"rule": "bptt", "cells": ("rnn", "snu"), "depths": 2, "losses": "squared_error", "when": "every"}


def two_mistakes(problem):
    rule = rule_named("sltt" if problem.network.layers[0].cell.name == "rnn" else "ostl")
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=rule)


@pytest.fixture(scope="module")
def session():
    made = Session(Checks(two_mistakes, CLAIM, None, 0, None), "default")
    made.load()
    yield made
    made.stop()


def entry(name, cause=""):
    return Expected(f"a.py::test[{name}]", f"known {name}", "https://example.org/1", cause=cause)


@pytest.mark.long(keep=3)
@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([entry("*")], True),
        ([entry("rnn/*"), entry("snu/*")], True),
        ([entry("rnn/*")], False),  # of the other cell, no entry lists what is wrong
        ([], False),
        ([entry("rnn/*", "which is e-prop"), entry("snu/*", "equals ostl")], True),  # each cell has a cause of its own
        ([entry("rnn/*", "which is e-prop"), entry("snu/*", "equals rflo")], False),
    ],
)
def test_more_of_what_is_listed_is_expected(session, entries, expected):
    def covering(case):
        return next((one for one in entries if one.fits(f"a.py::test[{case}]", "m:f", case)), None)

    records = []
    with pytest.raises((pytest.xfail.Exception, pytest.fail.Exception)) as found:
        Check(session, "more", records.append, covering=covering).run()
    assert isinstance(found.value, pytest.xfail.Exception) == expected, found.value.msg
    assert isinstance(found.value, Refuted) != expected
    assert records[0]["entries"] == ([one.name for one in entries] if expected else [])
    assert all(one.sentence in found.value.msg for one in entries if expected)


SUBJECT = """
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

asked = []

@gradcert.cases(rule="bptt", cells="rnn", depths=(1, 2), losses="squared_error", when="every")
def test_mine(problem):
    {body}
    rule = RULES["sltt" if len(problem.network.layers) > 1 else "bptt"]
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=rule)
"""
ENTRY = """
[[expected]]
{listed}
reason = "known"
link = "https://example.org/1"
expires = 2999-01-01
"""


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("listed", "body", "outcome"),
    [
        ('id = "test_rules.py::test_mine[rnn/2/*]"', "", "xfailed"),
        ('subject = "test_rules:test_mine"\ncheck = "rnn/2/*"', "", "xfailed"),
        ('id = "test_rules.py::test_mine[rnn/1/*]"', "", "failed"),
        (
            'id = "test_rules.py::test_mine[rnn/2/*]"',
            "asked.append(len(problem.network.layers)); assert asked[-1] == 1 or asked.count(2) < 9",
            "failed",
        ),  # no answer
    ],
)
def test_more_in_a_run(pytester, listed, body, outcome):
    pytester.makepyfile(test_rules=SUBJECT.format(body=body))
    pytester.makefile(".toml", expected=ENTRY.format(listed=listed))
    done = pytester.runpytest_subprocess("-k", "more", "-p", "no:cacheprovider", "--gradcert-expected=expected.toml")
    assert outcome in done.parseoutcomes(), done.stdout.str()
    assert (done.ret == 0) == (outcome == "xfailed")
