"""Long work says where it is, on standard error, where that is no terminal; short work says nothing."""

import json
import re
import time

import click
import pytest
from click.testing import CliRunner

from gradcert import cli, waiting
from gradcert.commands.common import progress

SLOW = """
import time
import gradcert

@gradcert.claim(rule="bptt", cells="rnn", depths=1)
def gradients(problem):
    time.sleep(0.2)
    return {}
"""


@pytest.fixture
def slow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slow.py").write_text(SLOW)
    return ["certify", "slow.py:gradients", "--profile", "quick", "--no-repair"]


def test_a_long_run_says_how_far_it_is(slow, monkeypatch):
    monkeypatch.setattr(waiting, "EVERY", 0.05)
    done = CliRunner().invoke(cli.gradcert, [*slow, "--json", "-"], prog_name="gradcert")
    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    assert any(re.fullmatch(r"gradcert: \d+ of \d+ problems, \d+ s(: .*)?", line) for line in lines), lines
    assert json.loads(done.stdout)["verdict"] == "refuted"  # nothing of it on standard output


def test_a_short_run_says_nothing(slow):
    assert CliRunner().invoke(cli.gradcert, slow, prog_name="gradcert").stderr == ""


def test_what_tells_nothing_says_that_it_is_at_work(monkeypatch, capsys):
    monkeypatch.setattr(waiting, "EVERY", 0.02)
    with waiting.saying():
        time.sleep(0.2)
    assert re.match(r"gradcert: at work, 0 s\n", capsys.readouterr().err)
    time.sleep(0.1)
    assert capsys.readouterr().err == ""  # it ends with the work


def test_what_takes_long_is_said_with_how_long_it_has_taken(monkeypatch):
    monkeypatch.setattr(waiting, "_STATE", waiting._State())
    waiting.told(14, 15, "a/long/0", "problems")
    waiting._STATE.since -= 60
    waiting.told(14, 15, "a/long/0", "problems")  # the same, said once more
    assert waiting._STATE.line().endswith(": a/long/0, for 60 s")
    waiting.told(15, 15, "the cause", "problems")
    assert waiting._STATE.line() == "gradcert: 15 of 15 problems, 0 s: the cause"


def test_what_has_said_something_is_left_alone(monkeypatch, capsys):
    monkeypatch.setattr(waiting, "EVERY", 0.2)
    with waiting.saying():
        for _ in range(20):
            time.sleep(0.02)
            waiting.said()
    assert capsys.readouterr().err == ""


def test_on_a_terminal_the_bar_says_it(monkeypatch, capsys):
    from rich.console import Console

    with progress(Console(force_terminal=True, force_interactive=True, quiet=True)) as bar:
        bar(1, 2, "x")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr(waiting, "EVERY", 0.01)
    with waiting.saying():
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_a_file_that_begins_with_a_dash_is_told_how(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.gradcert, ["certify", "-dash.py:gradients"], prog_name="gradcert")
    assert done.exit_code == click.UsageError.exit_code
    assert "A file whose name begins with - is named ./-dash.py:gradients" in done.stderr
