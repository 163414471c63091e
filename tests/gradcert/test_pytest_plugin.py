"""The pytest plugin, run on small projects of its own."""

import datetime
import json
import os
import site
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace

import pytest

from gradcert import certify, pytest_plugin
from gradcert.certify.campaign import repaired
from gradcert.certify.subjects import Limits
from gradcert.expected_failures import Expected, read, stale
from gradcert.pytest_plugin.check import Check, _told
from gradcert.pytest_plugin.collected import Collected
from gradcert.pytest_plugin.counts import Row, counted
from gradcert.pytest_plugin.found import Refuted
from gradcert.pytest_plugin.github import lines_of
from gradcert.pytest_plugin.hooks import _repair, _sibling
from gradcert.pytest_plugin.imports import added
from gradcert.pytest_plugin.mended import mended
from gradcert.pytest_plugin.session import Checks, Session
from gradcert.reference import rule_named
from gradcert.reference.engines import reverse

pytest_plugins = ["pytester"]

SUBJECT = """
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def row(name):
    def gradients(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=RULES[name])
    return gradients

ostl, bptt = row("ostl"), row("bptt")
"""
TESTS = """
import gradcert
from subject import bptt

test_ostl = gradcert.subject_tests("subject:ostl", rule="ostl", cells="snu", depths=1)

@gradcert.cases(rule="{claimed}", cells="snu", depths=2)
def test_mine(problem):
    return bptt(problem)
"""
FIRST = "test_rules.py::test_mine[snu/2/cross_entropy-last/bounded/0]"
ENTRY = """
[[expected]]
id = "{id}"
reason = "known"
link = "https://example.org/1"
expires = 2999-01-01
"""


@pytest.fixture
def project(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    pytester.makepyfile(subject=SUBJECT)

    def write(claimed="bptt", expected=()):
        pytester.makepyfile(test_rules=TESTS.format(claimed=claimed))
        pytester.makefile(".toml", expected="".join(ENTRY.format(id=name) for name in expected))

        def run(*arguments):
            command = ["-p", "no:cacheprovider", "-p", "no:randomly", "--gradcert-profile=quick", *arguments]
            return pytester.runpytest_subprocess(*command, "--gradcert-expected=expected.toml")

        return run

    return write


def test_a_test_for_every_check(project):
    done = project()()
    done.assert_outcomes(passed=16)
    done.stdout.fnmatch_lines(
        [
            "gradcert: *, profile quick",
            "*= gradcert =*",
            "subject:ostl: 8 passed; worst error * of the budget",
            "*test_mine: 8 passed; worst error *",
        ]
    )


@pytest.mark.long
def test_names_are_sorted_and_selected(project):
    run = project()
    done = run("--collect-only", "-q")
    names = [line for line in done.outlines if line.startswith("test_rules.py::test_ostl")]
    whole = [f"test_rules.py::test_ostl[{name}]" for name in ("controls", "repeat", "reach", "prefixes")]
    assert names == [*sorted(names[:-4]), *whole]
    assert "test_rules.py::test_ostl[snu/1/squared_error-every/dyadic/0]" in names
    run("-k", "mine and dyadic").assert_outcomes(passed=2, deselected=14)
    run("-m", "gradcert", FIRST).assert_outcomes(passed=1)


def test_a_wrong_rule_fails_with_its_cause(project):
    done = project("ostl")("-k", "mine", "-n", "2")
    done.assert_outcomes(failed=4, passed=4)  # the controls hold, and the subject repeats itself
    done.stdout.fnmatch_lines(
        [
            "*gradient: the gradient of * is wrong*",
            "cause: it equals bptt*",
            "replay: pytest *test_rules.py::test_mine*",
        ]
    )
    done.stdout.fnmatch_lines(["*test_mine: 4 passed, 4 failed; worst error *"])
    done.stdout.no_fnmatch_line("*pytest_plugin.py*Error*")


WRONG = """
import numpy as np

def gradients(problem):
    p, x, y = problem.parameters, problem.inputs, problem.targets
    z = np.tanh(x @ p["layers.0.W"].T + p["layers.0.b"])
    da = (z - y) * (1 + z * z)
    return {"layers.0.W": np.einsum("tbo,tbi->oi", da, x), "layers.0.b": da.sum(axis=(0, 1))}
"""
CLAIMED = """
import gradcert

options = {"activation": "tanh", "recurrent": False, "bias": True}
claim = gradcert.Claim(rule="bptt", cells="rnn", depths=1, losses="squared_error", when="every", options=options)
test_mine = gradcert.subject_tests("mine:gradients", claim=claim)
"""


@pytest.mark.long
def test_a_repair_is_shown_where_a_test_fails(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    pytester.makepyfile(mine=WRONG, test_mine=CLAIMED)
    command = ("-p", "no:cacheprovider", "--gradcert-profile=quick", "-k", "bounded")
    done = pytester.runpytest_subprocess(*command, "--gradcert-repair=10")
    line = "repair: `mine.py:6`  `da = (z - y) * (1 + z * z)`  ->  `da = (z - y) * (1 - z * z)`  makes it bptt"
    assert line in done.outlines and done.ret == 1
    assert "repair: " not in "".join(pytester.runpytest_subprocess(*command).outlines)  # GRADCERT_REPAIR=0


@pytest.mark.long
def test_expected_failures(project):
    cases = (
        "cross_entropy-last/bounded",
        "cross_entropy-last/dyadic",
        "squared_error-every/bounded",
        "squared_error-every/dyadic",
    )
    names = [f"test_rules.py::test_mine[snu/2/{case}/0]" for case in cases]
    done = project("ostl", names)("-rx")
    done.assert_outcomes(passed=12, xfailed=4)
    done.stdout.fnmatch_lines(["gradcert: *, 4 expected failures", "*known (https://example.org/1, until 2999-01-01)*"])
    assert done.ret == 0


@pytest.mark.long
def test_an_expected_failure_that_passes_fails(project):
    done = project("bptt", [FIRST])()
    done.assert_outcomes(passed=15, failed=1)
    done.stdout.fnmatch_lines(["*XPASS(strict)*"])


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    "name",
    ["test_rules.py::test_mine[gone]", "test_rules.py::test_gone[controls]", "test_gone.py::test_mine[controls]"],
)
def test_a_stale_entry_is_an_error(project, name):
    done = project("bptt", [name])()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*expected failures that fit no check: {name.replace('[', '[[]')}"])


@pytest.mark.long
def test_a_stale_entry_is_an_error_for_workers_too(project):
    name = "test_rules.py::test_mine[gone]"
    done = project("bptt", [name, FIRST])("-n", "2", "-k", "nothing")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: expected failures that fit no check: {name}" in done.stdout.str() + done.stderr.str()


@pytest.mark.long
def test_a_part_of_the_tests_makes_nothing_stale(project):
    run = project("ostl", [FIRST])
    run("test_rules.py::test_ostl[controls]").assert_outcomes(passed=1)
    run("-k", "ostl and controls").assert_outcomes(passed=1, deselected=15)


def test_entries_by_pattern_and_by_subject():
    known = [(f"a.py::test_x[{name}]", "m:f", name) for name in ("snu/1/0", "snu/2/0", "controls")]
    by_id, by_subject = Expected("a.py::test_*[snu/2/*]"), Expected(subject="m:f", check="snu/1/*")
    assert [[entry.fits(*check) for check in known] for entry in (by_id, by_subject, Expected(subject="m:f"))] == [
        [False, True, False],
        [True, False, False],
        [True, True, True],
    ]
    assert (by_id.exact, by_subject.exact, Expected("a.py::test_x[controls]").exact) == (False, False, True)
    root, me = Path(__file__).parent, Path(__file__).name
    some = Collected(frozenset({"c.py"}), frozenset({"a.py::test_x"}))
    for entry, collected, gone in (
        (Expected("a.py::test_x[lif/*]"), some, True),
        (Expected("b.py::test_x[lif/*]"), some, True),  # there is no such file
        (Expected(f"{me}::test_x[lif/*]"), some, False),  # not looked at
        (Expected(subject="m:f", check="lif/*"), some, False),  # another file may have them
        (Expected(subject="m:f", check="lif/*"), Collected(everything=True), True),
        (Expected(subject="m:g"), some, False),
        (Expected(subject="m:g"), Collected(everything=True), True),
        (by_id, Collected(everything=True), False),
    ):
        assert (stale([entry], known, root, collected.covers) == [entry.name]) == gone, entry


def test_an_entry_is_not_stale_where_its_subject_did_not_start():
    known, root = [("a.py::test_x[import]", "m:f", "import")], Path(__file__).parent
    mine = [
        Expected("a.py::test_x[snu/2/*]"),
        Expected("a.py::test_*[snu/2/*]"),
        Expected(subject="m:f", check="snu/*"),
    ]
    other = [Expected("a.py::test_y[snu/2/*]"), Expected(subject="m:g", check="snu/*")]
    covers = Collected(everything=True).covers
    assert stale([*mine, *other], known, root, covers) == [entry.name for entry in other]


TYPO = """
[[expected]]
subject = "subject:bptt_typo"
reason = "known"
link = "https://example.org/1"
expires = 2999-01-01
"""


@pytest.mark.long(keep=1)
def test_an_entry_of_a_subject_that_no_test_has_is_an_error_where_all_tests_were_collected(project, pytester):
    run = project()
    pytester.makefile(".toml", expected=TYPO)
    pytester.makepyfile(test_plain="def test_plain():\n    pass\n")  # no subject can be here
    for arguments in ([], ["test_rules.py"], ["-k", "plain"]):
        done = run(*arguments)
        assert done.ret == pytest.ExitCode.USAGE_ERROR, arguments
        done.stderr.fnmatch_lines(["*expected failures that fit no check: subject:bptt_typo"])
    assert run("test_rules.py::test_ostl[controls]").ret == 0
    pytester.makepyfile(test_more="import gradcert\n")  # here one can
    assert run("test_rules.py", "-k", "controls").ret == 0
    (pytester.path / "elsewhere").mkdir()
    (pytester.path / "test_more.py").rename(pytester.path / "elsewhere" / "test_more.py")
    pytester.makeini("[pytest]\ntestpaths = test_*.py\n")
    assert run("test_rules.py", "-k", "controls").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_known_failure_that_is_gone_fails(project, monkeypatch, tmp_path, workers):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    done = project("bptt", [FIRST.replace("/0]", "/*]"), "test_rules.py::test_mine[*]"])("-k", "mine", *workers)
    said = "expected failures: test_rules.py::test_mine[*]: all 7 of its checks passed"
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert f"ERROR: {said}; remove the entry, or list only what still fails; " in done.stdout.str()
    (line,) = [line for line in done.outlines if line.startswith("::error ") and "test_mine[*]" in line]
    assert line.startswith(
        "::error file=expected.toml,line=7,title=expected failure%3A test_rules.py%3A%3Atest_mine[*]"
    )
    assert (
        "- ❌ expected failures: test\\_rules.py::test\\_mine\\[\\*\\]: all 7 " in (tmp_path / "summary.md").read_text()
    )


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("some", "status"),
    [
        (("-k", "controls"), 0),
        (("-m", "not gradcert"), 5),
        (("test_rules.py::test_mine[controls]",), 0),
        (("-k", "ostl"), 0),
        (("--deselect", FIRST), 0),
        (("--lf", "-p", "cacheprovider"), 0),
        (("test_rules.py",), 1),
    ],
)
def test_a_part_of_the_tests_says_nothing_of_what_is_gone(project, some, status):
    done = project("bptt", ["test_rules.py::test_mine[*]"])(*some)
    assert done.ret == status and ("ERROR" in done.stdout.str()) == (status == 1)


SHARD = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if item.name != "test_two[controls]" and "test_mine" not in item.name]
"""


def test_a_shard_says_nothing_of_what_is_gone(project, pytester):
    run = project("bptt", ["test_rules.py::test_*[controls]"])
    pytester.makeconftest(SHARD)  # it takes a whole function away, before this plugin is asked
    done = run("-k", "controls")
    assert (done.ret, done.parseoutcomes()["xpassed"]) == (0, 1)


@pytest.mark.parametrize(("profiles", "status"), [(["thorough"], 0), (["quick", "thorough"], 1)])
def test_a_failure_of_other_profiles_may_be_absent(project, pytester, profiles, status):
    run = project("bptt")
    entry = ENTRY.format(id="test_rules.py::test_ostl[*]")
    pytester.makefile(".toml", expected=f"{entry}profiles = {profiles}\n")
    done = run("-k", "ostl")
    said = "expected failures: test_rules.py::test_ostl[*]: all 8 of its checks passed"
    more = "; it is to fail in another profile: thorough" if not status else ", in the profile quick, which it names; "
    assert done.ret == status and f"{'ERROR' if status else 'NOTE'}: {said}{more}" in done.stdout.str()


@pytest.mark.long
def test_a_whole_id_of_other_profiles_may_pass(project, pytester):
    run = project("bptt")
    for profiles, passed in ((["thorough"], True), (["quick"], False)):
        pytester.makefile(".toml", expected=f"{ENTRY.format(id=FIRST)}profiles = {profiles}\n")
        done = run("-k", "mine and cross_entropy-last/bounded")
        assert done.parseoutcomes() == ({"xpassed": 1, "deselected": 15} if passed else {"failed": 1, "deselected": 15})


def test_a_pattern_none_of_whose_checks_fails_is_said():
    def report(test, outcome):
        return SimpleNamespace(nodeid=test, outcome=outcome)

    def found(reports, **entry):
        return [(one.number, one.due) for one in mended(reports, [Expected("p", **entry)])]

    said = {"entries": ["p"], "now": 3, "profile": "quick"}
    told = [(report(str(k), "passed"), said) for k in range(3)]
    assert found(told) == [(3, "quick")] and found(told, profiles=("default",)) == [(3, "")]
    assert found(told[:2]) == []  # not all have run
    assert found([*told[:2], (report("2", "skipped"), said)]) == []  # one did fail, as expected
    assert found([(report("0", "passed"), {**said, "now": 0})]) == []  # not all that it may list were collected
    assert found([(report("0", "passed"), {**said, "entries": []})]) == []


def test_a_sibling_of_a_test_is_another_check_of_it():
    test = "tests/more/test_calls.py::test_calls[calls-ostl]"
    assert _sibling(test, "calls", "snu/1/0") == "tests/more/test_calls.py::test_calls[snu/1/0-ostl]"


SUBJECTS = """
[[expected]]
subject = "test_rules:test_mine"
check = "snu/2/*"
reason = "known"
link = "https://example.org/1"
expires = 2999-01-01
"""


@pytest.mark.long
def test_expected_failures_by_subject_in_every_profile(project, pytester):
    run = project("ostl", [])
    thorough = FIRST.replace("bounded/0", "bounded/1")  # a check of the thorough profile alone is not stale
    pytester.makefile(".toml", expected=SUBJECTS + ENTRY.format(id=thorough))
    done = run("-rx")
    done.assert_outcomes(passed=12, xfailed=4)
    assert done.ret == 0


PARAMETERS = """
import pytest
import gradcert
from subject import row

@pytest.fixture
def factor():
    return 1.0

@pytest.mark.parametrize("name", ["bptt", "ostl"])
@gradcert.cases(rule="bptt", cells="snu", depths=2)
def test_rows(problem, name, factor):
    return {k: factor * v for k, v in row(name)(problem).items()}
"""


@pytest.mark.long
def test_cases_take_parameters_and_fixtures(project, pytester, monkeypatch, tmp_path):
    run = project()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    pytester.makepyfile(test_rules=PARAMETERS)
    done = run("-k", "squared_error-every/bounded or controls")
    done.assert_outcomes(passed=3, failed=1, deselected=12)  # two sets of controls, and bptt's case
    done.stdout.fnmatch_lines(
        [
            "replay: pytest --gradcert-profile=quick "
            "'test_rules.py::test_rows[[]snu/2/squared_error-every/bounded/0-ostl]'",
            "*test_rows[[]factor=1.0, name='ostl']: 1 passed, 1 failed; *",
        ]
    )
    (line,) = [line for line in done.outlines if line.startswith("::error ")]
    assert line.startswith("::error file=test_rules.py,line=11,title=gradient%3A test_rules%3Atest_rows[factor=1.0%2C")
    assert "1 checks failed; the first:%0Agradient: " in line
    summary = (tmp_path / "summary.md").read_text()
    assert "test_rows[factor=1.0, name='ostl']` | ❌ failed | 1 of 8 | - | 1: it equals " in summary
    assert "### Gradients: 0 of 2 certified" in summary and "❔ incomplete | 2 of 8 | - | - |" in summary


LOOP = """
import gradcert

for rule, name in (("bptt", "bptt"), ("ostl", "ostl")):
    globals()[f"test_{rule}"] = gradcert.subject_tests(f"subject:{name}", rule=rule, cells="snu", depths=1)
"""


def test_a_loop_over_subjects(project, pytester):
    run = project()
    pytester.makepyfile(test_rules=LOOP)
    run("-k", "controls").assert_outcomes(passed=2, deselected=14)


def test_a_subject_that_does_not_start(project, pytester):
    run = project()
    pytester.makepyfile(broken="import no_such_library")
    pytester.makepyfile(test_rules="import gradcert\ntest_it = gradcert.subject_tests('broken:f')\n")
    done = run()
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*test_it[[]import]*", "*No module named 'no_such_library'*"])


def test_a_subject_imports_what_its_test_does(pytester, monkeypatch):
    """A library beside its folder of tests, found by pytest's `pythonpath` alone; the line to run it again says so."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (pytester.path / "mine").mkdir()
    (pytester.path / "mine" / "__init__.py").write_text("WRONG = 0.5\n")
    (pytester.path / "tests").mkdir()
    (pytester.path / "tests" / "test_rules.py").write_text(
        "import gradcert, mine\nfrom gradcert.reference import RULES\n"
        "from gradcert.reference.engines import reverse\n"
        "def wrong(problem):\n"
        "    given = (problem.network, problem.parameters, problem.inputs, problem.targets)\n"
        "    g = reverse.gradients(*given, rule=RULES['bptt'])\n"
        "    return {k: mine.WRONG * v for k, v in g.items()}\n"
        "test_it = gradcert.subject_tests(wrong, rule='bptt', cells='rnn', depths=1)\n"
    )
    pytester.makeini("[pytest]\npythonpath = .\ngradcert_profile = quick\ngradcert_repair = 0\n")
    done = pytester.runpytest_subprocess("-k", "bounded", "-p", "no:cacheprovider")
    done.stdout.no_fnmatch_line("*No module named*")
    line = next(line for line in done.outlines if line.startswith("replay: PYTHONPATH=")).removeprefix("replay: ")
    again = line.replace(" gradcert ", f" {sys.executable} -m gradcert ", 1)
    found = subprocess.run(["sh", "-c", again], cwd=pytester.path, capture_output=True, text=True, check=False)
    assert (found.returncode, "refuted" in found.stdout) == (1, True)


def given_by(rule):
    def gradients(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=rule_named(rule))

    return gradients


def subjects():
    """Functions of no module: they run in a copy of this process."""
    wrong, right, asked = given_by("sltt"), given_by("bptt"), []

    def raises(problem):
        return {}["layers.0"]

    def ends(problem):
        os._exit(3)

    def hangs(problem):
        time.sleep(60)

    class MapError(Exception):
        pass

    def does_not_fit(problem):
        raise MapError("layers.0.W has no place")

    def answers_nothing(problem):
        return 3

    def raises_early(problem):
        return wrong(problem) if len(problem.inputs) > 3 else raises(problem)

    def ends_on_one(problem):
        return ends(problem) if problem.network.loss.kind == "squared_error" else right(problem)

    def raises_later(problem):
        asked.append(problem)
        return right(problem) if len(asked) < 3 else raises(problem)

    return SimpleNamespace(**locals())


ASKED = subjects()


@pytest.fixture
def session():
    begun = []

    def load(subject, *, claim=None, profile="quick", **options):
        claim = claim or {"rule": "bptt", "cells": "rnn", "depths": 1}
        begun.append(Session(Checks(subject, claim, None, 0, None), profile, **options))
        begun[-1].load()
        return begun[-1]

    yield load
    for each in begun:
        each.stop()


def outcome(session, name, cause=None):
    """Return whether a check fails as expected or otherwise, what is said, and its record."""
    entry = None if cause is None else Expected("a.py::test[*]", "known", "https://example.org/1", cause=cause)
    records = []
    with pytest.raises(pytest.fail.Exception) as failed:
        Check(session, name, records.append, entry=entry).run()
    return isinstance(failed.value, Refuted), failed.value.msg, records[0]


CASE = "rnn/1/squared_error-every/bounded/0"


def test_only_a_wrong_answer_is_an_expected_failure(session):
    for subject, cause, expected, words in (
        (ASKED.wrong, "", True, "without RECURRENT"),
        (ASKED.wrong, "without RECURRENT", True, "without RECURRENT"),
        (
            ASKED.wrong,
            "equals ostl",
            False,
            "as the words 'equals ostl' do not stand in its cause; expected is: known (",
        ),
        (
            ASKED.raises,
            "",
            False,
            "as there is no answer that could be wrong; expected is: known (https://example.org/1",
        ),
        (ASKED.raises, "KeyError", False, "it raised KeyError: 'layers.0'"),
        (ASKED.ends, "", False, "the process ended: exit status 3"),
        (ASKED.hangs, "", False, "call: no answer within 0.3 s"),
        (ASKED.does_not_fit, "", False, "usage: layers.0.W has no place"),
        (ASKED.answers_nothing, "", True, "structure: "),
    ):
        one = session(subject)
        one.subject.limits = Limits(call=0.3) if subject is ASKED.hangs else one.subject.limits
        as_expected, said, record = outcome(one, CASE, cause)
        assert as_expected == expected, (subject, cause, said)
        assert words in said, (subject, cause, said)
        assert bool(record["causes"]) == (subject in (ASKED.wrong, ASKED.answers_nothing))


CHUNKS = {"rule": "tbptt-chunks(3)", "cells": "rnn", "depths": 1, "losses": "squared_error", "when": "every"}


@pytest.mark.parametrize(
    "kind",
    [
        "circumstance",  # of 5 steps, in which chunks of 5 are BPTT
        "long",  # which no enclosure follows
    ],
)
def test_a_cause_is_that_of_the_whole_subject(session, kind):
    subject, cause = given_by("tbptt-chunks(5)"), "equals tbptt-chunks (own: RECURRENT)"
    one = session(subject, claim=CHUNKS, profile="default")
    mine = (name for name in one.specs if f"/{kind}/" in name)
    case = next(name for name in mine if kind == "long" or len(one.ready(name).case.problem.inputs) == 5)
    alone = _told(one, one.ask(case)).causes[0]
    assert cause not in alone
    as_expected, said, record = outcome(one, case, cause)
    whole = certify(subject, **CHUNKS, profile="default")
    assert (as_expected, record["causes"]) == (True, [whole.findings[0].cause]), said
    assert cause in said and alone not in said


def test_what_is_asked_beside_the_cases_tells_the_same_cause(session):
    """More cases of a subject whose ordinary ones have a cause, asked by a test of its own, alone or after them."""

    def subject(problem):
        return {k: g / problem.inputs.shape[1] ** 2 for k, g in given_by("sltt")(problem).items()}

    claim = {"rule": "sltt", "cells": "rnn", "depths": 1, "losses": "squared_error", "when": "every"}
    one, alone = session(subject, claim=claim, profile="default"), session(subject, claim=claim, profile="default")
    case = next(name for name in one.specs if "bounded" in name)
    causes = [outcome(one, case)[2]["causes"], outcome(one, "more")[2]["causes"], outcome(alone, "more")[2]["causes"]]
    said = "it equals sltt divided by the square of B, as of a mean over the batch that is taken twice"
    assert causes == [[said]] * 3


def test_what_is_asked_beside_the_cases_is_told_the_cause_of_all(session, monkeypatch):
    monkeypatch.setattr(Session, "named", lambda self: {"gradient": "the cause of the whole"})
    assert outcome(session(ASKED.wrong, profile="default"), "more")[2]["causes"] == ["the cause of the whole"]


def test_each_case_tells_its_own_cause_where_no_one_cause_explains_all(session):
    def two_mistakes(problem):
        return given_by("sltt" if problem.network.layers[0].cell.name == "rnn" else "ostl")(problem)

    one = session(two_mistakes, claim={**CHUNKS, "rule": "bptt", "cells": ("rnn", "snu"), "depths": 2})
    for cell, cause in (("rnn", "which is e-prop"), ("snu", "equals ostl")):
        as_expected, said, _ = outcome(one, f"{cell}/2/squared_error-every/bounded/0", cause)
        assert as_expected, said


def test_what_is_asked_otherwise_and_not_answered_is_no_expected_failure(session):
    for subject, name, words in (
        (ASKED.raises_early, "prefixes", "call: given the first"),
        (ASKED.raises_later, "repeat", "repeat: asked again at once, it raised KeyError"),
    ):
        as_expected, said, record = outcome(session(subject), name, "")
        assert (as_expected, words in said, record["causes"]) == (False, True, []), said


@pytest.mark.parametrize("subject", [ASKED.raises, ASKED.ends, "no_such_library:gradients"])
def test_nothing_passes_where_nothing_was_answered(session, subject):
    """Each check by itself, as with `-k`, and all of them together."""
    one, starts = session(subject), []
    start = one.subject.start
    one.subject.start = lambda: starts.append(0) or start()
    assert [name for name in one.ids if name not in one.specs] == ["controls", "repeat", "reach", "prefixes"]
    for name in [name for name in one.ids if name not in one.specs] + [CASE]:
        _, said, record = outcome(one, name, "")
        if subject == "no_such_library:gradients":
            assert "import: importing the subject raised ModuleNotFoundError: No module named" in said
        else:
            assert ("no case was answered; the first: call: " in said) == (name != CASE)
        assert record["kind"] == ("call" if callable(subject) else "import"), name
    assert subject == ASKED.ends or len(starts) == 1


def test_repeat_asks_again_although_another_case_ended_the_process(session):
    one, records = session(ASKED.ends_on_one), []
    for name in (CASE.replace("squared_error-every", "cross_entropy-last"), "repeat"):
        Check(one, name, records.append).run()
    assert CASE in one.judged and not one.judged[CASE].answers
    assert one.worker is not None and one.calls > 0


def test_a_repair_is_looked_for_where_an_answer_is_wrong_and_nowhere_else(session, monkeypatch):
    looked = []

    def look(run, *arguments, **options):
        looked.append([check for _, _, check in run.failed])
        return {"looked": False, "why": "not here"}

    monkeypatch.setattr(repaired, "look", look)
    assert "repair: " not in outcome(session(ASKED.raises, repair=20.0), CASE)[1]
    assert "repair: " not in outcome(session(ASKED.raises, repair=20.0), "controls")[1]
    assert looked == []
    assert "repair: no repair was looked for: not here" in outcome(session(ASKED.wrong, repair=20.0), CASE)[1]
    assert len(looked) == 1 and set(looked[0]) == {"gradient"}


def test_a_repair_is_shown_with_what_it_was_not_tried_with(session, monkeypatch):
    edit = {"file": "rules.py", "line": 3, "before": "1 + z", "after": "1 - z"}
    done = {"again": 8, "cases": 20, "seed": 1, "profile": "quick"}
    found = {"looked": True, "files": ["mine.py"], "edits": [edit], "certified": done}
    monkeypatch.setattr(repaired, "look", lambda *arguments, **options: found)
    said = outcome(session(ASKED.wrong, repair=20.0), CASE)[1].splitlines()
    at = next(n for n, line in enumerate(said) if line.startswith("repair: `rules.py:3`"))
    assert said[at + 1].startswith("certified with it: 8 cases of this run, 20 fresh cases (seed 1, profile quick)")
    assert said[at + 2] == "what else uses rules.py was not tried with it"


def test_a_test_stands_where_it_was_asked_for():
    """What pytest shows, and what is annotated where the subject has no line of its own."""
    made = [pytest_plugin.subject_tests(f"m:{name}", rule="bptt", cells="rnn") for name in "ab"]

    @pytest_plugin.cases(rule="bptt", cells="rnn")
    def test_here(problem):
        return {}

    source = Path(__file__).read_text(encoding="utf-8").splitlines()
    for test, words in ((made[0], "    made = ["), (made[1], "    made = ["), (test_here, "    @pytest_plugin.cases(")):
        assert test.__code__.co_filename == __file__
        assert source[test.__code__.co_firstlineno - 1].startswith(words)


RAISED = """import: importing the subject raised NameError: name 'nothing' is not defined
File "{root}/tests/test_a.py", line 3, in <module>
    import rules
File "{root}/rules.py", line 2, in <module>
    nothing
File "{root}/.venv/lib/python3/site-packages/library.py", line 90, in look
"""


def test_an_annotation_is_titled_by_its_check_and_stands_where_it_was_raised(tmp_path):
    for name in ("tests/test_a.py", "rules.py", ".venv/lib/python3/site-packages/library.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("import numpy\nnothing\ndef named(problem): ...\n")
    text, here = RAISED.format(root=tmp_path), ("tests/test_a.py", 9)
    for subject, kind, first, place in (
        ("rules:named", "import", text, "file=rules.py,line=2,title=import%3A rules%3Anamed::"),
        ("rules:named", "gradient", "gradient: wrong", "file=rules.py,line=3,title=gradient%3A rules%3Anamed::"),
        ("rules:made", "gradient", "gradient: wrong", "file=tests/test_a.py,line=9,title=gradient%3A rules%3Amade::"),
        ("gone:f", "import", "import: no module", "file=tests/test_a.py,line=9,title=import%3A gone%3Af::"),
    ):
        (line,) = lines_of([Row(subject, here, {"failed": 2}, None, first, kind)], tmp_path)
        assert line.startswith(f"::error {place}2 checks failed; the first:%0A"), line


def test_what_is_known_of_expected_failures_is_counted():
    def told(outcome, cause, **more):
        report = SimpleNamespace(
            location=("a.py", 0, ""), nodeid="a.py::t", outcome=outcome, skipped=outcome == "skipped", **more
        )
        record = {"subject": "m:f", "worst": 2.0, "kind": "gradient", "causes": [cause] if cause else [], "planned": 5}
        return report, record

    expected = [told("skipped", cause, wasxfail="known (link)") for cause in ("it equals ostl", "it equals ostl", "b")]
    (row,) = counted([*expected, told("passed", ""), told("skipped", "", wasxfail="reason: mine")])
    assert row.text == "1 passed, 4 xfailed; worst error 2 of the budget"
    assert row.known == ["3 xfailed: known (link); found: it equals ostl, and 1 more", "1 xfailed: mine"]


def test_what_is_installed_to_be_edited_is_found_without_being_said(tmp_path, monkeypatch):
    for name in ("site-packages", "src", "tests"):
        (tmp_path / name).mkdir()
    (tmp_path / "site-packages" / "mine.pth").write_text(f"import os\n# none\n{tmp_path / 'src'}\n")
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(tmp_path / "site-packages")])
    monkeypatch.setattr(sys, "path", [str(tmp_path / "tests"), str(tmp_path / "src"), *sys.path])
    assert str(tmp_path / "tests") in added() and str(tmp_path / "src") not in added()


LISTED = """
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def row(name):
    def gradients(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=RULES[name])
    return gradients

wrong = row("sltt")
for name in ("wrong", "gone"):
    globals()[f"test_{name}"] = gradcert.subject_tests(f"test_rules:{name}", rule="bptt", cells="rnn", depths=1)
test_started = gradcert.subject_tests("no_such_library:f")
"""


@pytest.mark.long
def test_a_listed_failure_that_is_no_answer_fails(pytester, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    pytester.makepyfile(test_rules=LISTED)
    names = [f"test_rules.py::test_{name}" for name in ("wrong[*]", "gone[*]", "started[rnn/*]")]
    pytester.makefile(".toml", expected="".join(ENTRY.format(id=name) for name in names))
    pytester.makeini("[pytest]\ngradcert_profile = quick\ngradcert_expected = expected.toml\ngradcert_repair = 20\n")
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--junit-xml=found.xml")
    done.assert_outcomes(xpassed=4, xfailed=2, failed=7)
    done.stdout.fnmatch_lines(
        [
            "not the expected failure, as there is no answer that could be wrong; expected is: known (*",
            "import: importing the subject raised AttributeError: *",
            "no_such_library:f: 1 failed",
            "test_rules:gone: 6 failed",
            "test_rules:wrong: 2 xfailed, 4 xpassed; worst error *",
            "  2 xfailed: known (https://example.org/1, until 2999-01-01); found: it equals bptt without RECURRENT*",
            "::error file=test_rules.py,line=14,title=import%3A no_such_library%3Af::1 checks failed*",
            "::error file=test_rules.py,line=13,title=import%3A test_rules%3Agone::6 checks failed*",
        ]
    )
    summary = (
        "| `test_rules:gone` | ❌ failed | 0 of 6 | - | 6: not the expected failure, as there is no answer that could "
    )
    assert summary in (tmp_path / "summary.md").read_text()
    assert "repair: " not in done.stdout.str()
    found = ElementTree.parse(pytester.path / "found.xml").iterfind(".//property[@name='gradcert']")
    records = [json.loads(each.get("value")) for each in found]
    assert sorted(record["kind"] for record in records) == [""] * 4 + ["gradient"] * 2 + ["import"] * 7
    assert {record["subject"] for record in records} == {"test_rules:wrong", "test_rules:gone", "no_such_library:f"}


LEARNER = """
import gradcert

class Learner:
    seen = []

    def start(self, start):
        self.shapes = {k: v.shape for k, v in start.parameters.items()}

    def step(self, x, y):
        self.seen.append(x)

    def gradients(self):
        import numpy as np
        return {k: np.zeros(s) for k, s in self.shapes.items()}

test_it = gradcert.subject_tests(Learner(), rule="sltt", cells="rnn", depths=1, online=True)
"""


@pytest.mark.long
def test_a_learner_that_claims_to_be_online(project, pytester):
    run = project()
    pytester.makepyfile(test_rules=LEARNER)
    done = run("-k", "online")
    done.assert_outcomes(passed=2, failed=2, deselected=6)
    done.stdout.fnmatch_lines(["memory: what the learner holds in NumPy arrays grows with every step"])
    done.stdout.fnmatch_lines(["prefix: after step 1 of 6: the gradient of *"])


COUNTING = """
import gradcert
from subject import bptt

asked = []

@gradcert.cases(rule="bptt", cells="rnn", depths=1, profile="default")
def test_many(problem):
    asked.append(problem)
    if len(problem.inputs) == 3:
        raise ValueError("three steps")
    factor = 2 if len(asked) > 150 else 1
    return {name: factor * value for name, value in bptt(problem).items()}
"""


@pytest.mark.long
def test_what_the_command_asks_beside_the_cases_is_asked(project, pytester):
    run = project()
    pytester.makepyfile(test_rules=COUNTING)
    done = run("-k", "calls or prefixes")
    assert done.parseoutcomes()["failed"] == 2
    done.stdout.fnmatch_lines(["repeat: asked again after 1?? calls, *"])
    done.stdout.fnmatch_lines(["call: given the first 3 steps: *three steps*"])


@pytest.mark.long
def test_no_claim_is_said_at_once(project, pytester):
    run = project()
    pytester.makepyfile(test_rules="import gradcert\ntest_it = gradcert.subject_tests('subject:ostl')\n")
    done = run()
    assert done.ret != 0
    assert "declares no claim" in done.stdout.str() + done.stderr.str()


def test_nothing_heavy_for_other_peoples_tests(pytester):
    pytester.makepyfile("import sys\ndef test():\n    assert not {'numpy', 'flint', 'rich'} & set(sys.modules)\n")
    pytester.runpytest_subprocess("-p", "no:hypothesispytest").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[expected]]\nid = 'a'\n", "needs exactly id, or subject with or without check; and expires, link, reason"),
        (ENTRY.format(id="a") + "because = 'b'\n", "may have a cause, and profiles; because is unknown"),
        (ENTRY.format(id="a") + "cause = ''\n", "cause = '' in .*; allowed: a str"),
        (ENTRY.format(id="a") + "cause = ':'\n", "cause = ':' in .*; allowed: a str"),
        (ENTRY.format(id="a") + "cause = 3\n", "cause = 3 in .*; allowed: a str"),
        (ENTRY.format(id="*"), r"id = '\*' in .* lists the checks of every subject, .*; allowed: a pattern that names"),
        (ENTRY.format(id="tests/*"), "lists the checks of every subject"),
        (ENTRY.format(id="a.py::*[snu/*]"), "lists the checks of every subject"),
        (ENTRY.format(id="a").replace('id = "a"', 'subject = "*"'), r"subject = '\*' in .* lists the checks of every"),
        (
            ENTRY.format(id="a") + "profiles = 'quick'\n",
            "profiles = 'quick' in .*; allowed: a list of quick, default, th",
        ),
        (ENTRY.format(id="a") + "profiles = ['fast']\n", "allowed: a list of quick, default, thorough"),
        (ENTRY.format(id="a") + "profiles = []\n", "allowed: a list of quick"),
        (ENTRY.format(id="a") * 2, "listed twice"),
        (ENTRY.format(id="a").replace("id =", "check ="), "needs exactly id, or subject"),
        (ENTRY.format(id="a").replace("id =", "subject = 'b'\nid ="), "needs exactly id, or subject"),
        (ENTRY.format(id="a").replace("2999", "1999"), "expired on 1999-01-01"),
        (ENTRY.format(id="a").replace("2999-01-01", "'soon'"), "allowed: a date"),
        (ENTRY.format(id=""), "allowed: a str"),
        ("expected = 3\n", "holds more than"),
        ("other = 3\n", "holds more than"),
        ("[", "is not TOML as it should be"),
        ("a = " + "[" * 10_000, "is not TOML as it should be"),
        ("a" * 2**20 + " = 1", "bytes"),
    ],
)
def test_a_file_that_is_not_right_is_refused(tmp_path, text, words):
    path = tmp_path / "expected.toml"
    path.write_text(text)
    with pytest.raises(pytest.UsageError, match=words):
        read(path, today=datetime.date(2026, 1, 1))


def test_what_an_entry_says_is_shown_and_not_obeyed(tmp_path):
    path = tmp_path / "expected.toml"
    path.write_text(ENTRY.format(id="a").replace("known", "\\u001b[2Jknown"))
    (entry,) = read(path, today=datetime.date(2026, 1, 1))
    assert entry.sentence.startswith("\\x1b[2Jknown (")


@pytest.mark.parametrize("given", ["nan", "inf", "-1", "long"])
@pytest.mark.parametrize("by", ["option", "setting"])
def test_seconds_of_a_repair_are_a_number(given, by):
    class Config:
        def getoption(self, name):
            return float(given) if by == "option" and given != "long" else None

        def getini(self, name):
            return given

    with pytest.raises(pytest.UsageError, match=r"gradcert_repair = \S+; allowed: seconds, 0 for none"):
        _repair(Config())
