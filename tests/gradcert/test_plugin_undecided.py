"""A check that decides nothing is the judge's own matter: neither a failure of the subject nor an expected one."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from gradcert.certify.certificates import CheckResult, Finding
from gradcert.pytest_plugin import check, github, table
from gradcert.pytest_plugin.counts import Row, counted

pytest_plugins = ["pytester"]

SUBJECT = """
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

@gradcert.cases(rule="bptt", cells="rnn", depths=1, losses="squared_error")
def test_mine(problem):
    return reverse.gradients(
        problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"]
    )
"""
# of one case the judge has no draw
CONFTEST = """
import gradcert.certify.runs as runs

prepare = runs.prepare
none = "rnn/1/squared_error-every/bounded/0"
runs.prepare = lambda task: runs.Prepared(None) if task.spec.id == none else prepare(task)
"""
LISTED = """
[[expected]]
id = "{id}"
reason = "the judge draws no case"
link = "https://example.org/4"
expires = 2099-06-30
"""
CASE = "rnn/1/squared_error-every/bounded/0"


@pytest.mark.parametrize("listed", ["", f"test_a.py::test_mine[{CASE}]", "test_a.py::test_mine[*]"])
def test_a_case_that_cannot_be_drawn_is_inconclusive(pytester, monkeypatch, listed):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))
    pytester.makepyfile(test_a=SUBJECT)
    pytester.makeconftest(CONFTEST)
    words = ["--gradcert-profile=quick", "--gradcert-badge=badge.svg", "-v"]
    if listed:
        pytester.makefile(".toml", expected=LISTED.format(id=listed))
        words.append("--gradcert-expected=expected.toml")
    done = pytester.runpytest_subprocess(*words)
    outcomes = done.parseoutcomes()
    assert outcomes["skipped"] == 1 and not {"failed", "xfailed", "errors"} & set(outcomes), done.stdout.str()
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    text = done.stdout.str()
    assert f"1 inconclusive: no acceptable draw for {CASE}: nothing was checked" in text
    assert "ERROR: some checks decided nothing" in text
    assert "::error" not in text.replace(
        "::error file=expected.toml", ""
    )  # that an entry may be gone is another matter
    assert re.search(r"::warning file=test_a\.py,line=\d+,title=inconclusive", text)
    assert "0 of 1 certified" in (pytester.path / "badge.svg").read_text()
    assert "1 inconclusive" in (pytester.path / "badge.svg").read_text()
    assert "❔ inconclusive" in (pytester.path / "summary.md").read_text()


def test_a_run_with_every_draw_is_green(pytester):
    pytester.makepyfile(test_a=SUBJECT)
    done = pytester.runpytest_subprocess("--gradcert-profile=quick")
    assert done.ret == 0 and "inconclusive" not in done.stdout.str()


def told(monkeypatch, **parts):
    """What a check tells of a run, with nothing explained."""
    run = SimpleNamespace(**{"checks": [], "results": [SimpleNamespace(verdict="passed")], **parts})
    monkeypatch.setattr("gradcert.certify.campaign.explained", lambda *_, **__: list(parts.get("findings", [])))
    monkeypatch.setattr(check, "_replay", lambda _: "")
    return check._told(SimpleNamespace(repaired=lambda _: ""), run)


def test_what_a_campaign_calls_inconclusive_is_no_failure(monkeypatch):
    idle = CheckResult("online/memory/rnn/1", "blocked", "nothing could be read")
    assert told(monkeypatch, checks=[idle]).undecided
    limit = Finding("call", "a", "it ended at the memory that it may use", cause="died", where={"limit": "memory"})
    found = told(monkeypatch, findings=[limit])
    assert found.undecided and not found.causes
    wrong = Finding("gradient", "a", "the gradient of layers.0.W is wrong", cause="it equals ostl")
    assert not told(monkeypatch, findings=[wrong, limit]).undecided
    assert not told(monkeypatch, findings=[wrong], checks=[idle]).undecided
    lost = told(monkeypatch, checks=[idle], results=[SimpleNamespace(verdict="blocked")])
    assert lost.said and not lost.undecided and not lost.causes  # the subject gave no answer
    assert told(monkeypatch).said == ()


def test_a_failure_is_worse_than_what_nobody_knows():
    record = {"subject": "a:f", "worst": None, "kind": "case", "causes": [], "planned": 2, "undecided": True}
    skipped = SimpleNamespace(
        location=("a.py", 0, ""),
        nodeid="a.py::t[x]",
        outcome="skipped",
        skipped=True,
        longrepr=("a.py", 1, "Skipped: no draw"),
    )
    (row,) = counted([(skipped, record)])
    assert row.verdict == "inconclusive" and row.text == "1 inconclusive" and row.undecided == {"no draw": 1}
    assert table.cells(row)[4] == ["1 inconclusive: no draw"] and not row.failures
    (line,) = github.lines_of([row], Path())
    assert line.startswith("::warning file=a.py,line=1,title=inconclusive%3A a%3Af::no draw")
    assert Row("a:f", ("a.py", 1), {"failed": 1, "inconclusive": 1}, asks={"t": 2}).verdict == "failed"


def test_a_session_below_the_workspace_names_files_from_there(monkeypatch, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "core.py").write_text("\n\ndef wrong(problem): ...\n")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    failed = {"counts": {"failed": 1}, "asks": {"t": 2}}
    rows = [Row("core:wrong", ("t.py", 1), **failed), Row("x:f", ("t.py", 1), **failed)]
    rows.append(Row("y:f", ("t.py", 1), **failed, first='  File "core.py", line 2'))
    told = github.lines_of(rows, tmp_path / "lib")
    places = ["lib/core.py,line=3", "lib/t.py,line=1", "lib/core.py,line=2"]
    assert [line.split(",title")[0] for line in told] == [f"::error file={place}" for place in places]
