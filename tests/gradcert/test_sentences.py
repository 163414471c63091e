"""What a command says of something that does not fit: once, with what was typed, before any work is done for it."""

import pytest
from click.testing import CliRunner

import gradcert
from gradcert import GradcertError, cli
from gradcert.certify.claims import claim_of
from gradcert.certify.claims.losses import read_loss
from gradcert.certify.claims.parts import made
from gradcert.outputs import refusal

SUBJECT = """
import gradcert

CLAIM = {"rule": "bptt", "cells": "rnn", "depths": 1, "losses": "squared_error", "when": "every"}

@gradcert.claim(**CLAIM, options={"activation": "tanh"})
def right(problem):
    return {name: 0 * value for name, value in problem.parameters.items()}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SUBJECT)
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "lacks.py").write_text("import no_such_library\n")

    def ran(*words, **options):
        done = CliRunner().invoke(cli.gradcert, [*words], prog_name="gradcert", **options)
        return done.exit_code, " ".join(done.output.split())

    return ran


@pytest.mark.parametrize("claim", [(), ("--rule", "bptt", "--cells", "rnn")], ids=["none", "given"])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mine.py:rihgt", "AttributeError: mine.py has no attribute 'rihgt'; did you mean 'right'?"),
        ("empty.py:f", "AttributeError: module 'empty' has no attribute 'f'"),
        ("broken.py:f", "SyntaxError: invalid syntax (broken.py, line 1)"),
        ("lacks.py:f", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("no_such_module:f", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("mine.py:right(3)", "the arguments (3) behind a subject that makes no torch.nn.Module"),
        ("mine.py:right.__name__", "TypeError: a str is not callable"),
    ],
)
def test_a_name_or_a_file_that_does_not_fit_is_2_and_said_once(run, name, says, claim):
    status, said = run("certify", name, *claim, "--profile", "quick")
    assert status == 2, said
    assert said.count(says) == 1 and said.count(says.partition(":")[0]) == 1, said
    assert "INCONCLUSIVE" not in said and "site-packages" not in said


def test_an_option_that_the_replaced_claim_brought_says_so(run):
    status, said = run("certify", "mine.py:right", "--cells", "gru")
    assert status == 2
    assert "options: activation='tanh', which the claim that is replaced in part says of rnn" in said
    assert (
        "recurrent='maybe'; allowed: true, false"
        in run("certify", "mine.py:right", "--layers", "lif:recurrent=maybe")[1]
    )

    @gradcert.claim(rule="bptt", cells="rnn", options={"activation": "tanh"})
    def subject(problem):
        return {}

    with pytest.raises(GradcertError, match="options: 'activtion'"):  # that was given now
        made(claim_of(subject), {"options": {"activtion": "tanh"}})


def test_an_open_brace_is_said():
    with pytest.raises(GradcertError, match=r"where a brace is open.*to fix it: close it"):
        read_loss("{o - y of last")
    with pytest.raises(GradcertError, match="closed and never opened"):
        read_loss("o - y} of last")


def test_a_folder_of_results_that_is_missing_is_said(run):
    status, said = run("claims", "--results", "nothere")
    assert status == 2 and "--results nothere: there is no such folder" in said and "inconclusive" not in said


@pytest.mark.parametrize("where", ["/proc/no.x", "nowhere/no.x", "."])
@pytest.mark.parametrize(
    "option", ["--certificate", "--json", "--junit", "--html", "--markdown", "--badge", "--github"]
)
def test_what_cannot_be_written_is_refused_before_the_run(run, monkeypatch, option, where):
    monkeypatch.setattr("gradcert.certify.campaign.certify", lambda *_, **__: pytest.fail("it ran"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", where)
    words = (option,) if option == "--github" else (option, where)
    status, said = run("certify", "mine.py:right", *words)
    assert status == 2 and ("cannot be written: " in said or "is a directory" in said), said


@pytest.mark.parametrize(
    "words",
    [
        ("check", "vectors", "answers.jsonl", "--html"),
        ("atlas", "mine.py:right", "--html"),
        ("selftest", "--json"),
        ("derive", "--json"),
        ("theorems", "--json"),
        ("read", "mine.py:right", "--html"),
        ("claims", "--quick", "--html"),
        ("vectors", "--rule", "bptt", "--cells", "rnn", "--output"),
    ],
    ids=lambda words: words[0],
)
def test_nor_by_other_commands(run, words):
    status, said = run(*words, "/proc/no.x")
    assert status == 2 and "/proc/no.x cannot be written: " in said, said


def test_what_can_be_written_is_left_as_it_was(tmp_path):
    file = tmp_path / "kept.json"
    assert refusal(file) == "" and not file.exists()
    file.write_text("kept")
    assert refusal(file) == "" and file.read_text() == "kept"
    assert refusal(tmp_path) == "it is a folder"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "not_yet")
    assert refusal(link) == "" and not (tmp_path / "not_yet").exists()


def test_one_subject_is_no_subjects(run, tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "mine.py").write_text(SUBJECT)
    status, said = run("init", str(tmp_path / "project"))
    assert status == 0 and "found 1 Python file, 1 subject" in said
