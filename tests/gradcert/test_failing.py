"""What judged nothing says so to programs and to GitHub Actions, beside its sentence on standard error."""

import json
import sys

import pytest

from gradcert import cli


def ended(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["gradcert", *words])
    with pytest.raises(SystemExit) as status:
        cli.main()
    return status.value.code, *capsys.readouterr()


@pytest.mark.parametrize(
    "words",
    [
        ("read", "nothere.py:f", "--json"),
        ("certify", "nothere.py:f", "--json", "-"),
        ("show", "nothere.json", "--json=-"),
        ("rules", "ostll", "--json"),
        ("cells", "--json", "--no-such"),
        ("nosuch", "--json"),
        ("--json", "rules"),
    ],
)
def test_an_error_is_json_where_json_was_asked_for(monkeypatch, capsys, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    status, out, err = ended(monkeypatch, capsys, *words)
    error = json.loads(out)["error"]
    assert status == 2 and set(error) == {"given", "allowed", "do"}
    assert error["given"] in err and "Error: " in err


def test_its_parts_are_apart(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    _, out, _ = ended(monkeypatch, capsys, "certify", "nothere.py:f", "--json", "-")
    error = json.loads(out)["error"]
    assert error["given"].endswith("there is no file nothere.py") and "path/to/file.py:attribute" in error["allowed"]


def test_nothing_is_said_to_programs_unasked(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    for words in (("show", "nothere.json", "--json", "out.json"), ("show", "x", "--html", "-", "--", "--json")):
        assert ended(monkeypatch, capsys, *words)[:2] == (2, "")


def test_an_error_is_annotated_and_in_the_summary(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    status, out, _ = ended(monkeypatch, capsys, "certify", "nothere.py:f", "--github")
    assert status == 2 and out.startswith("::error title=gradcert%3A nothing was judged::the subject 'nothere.py:f': ")
    assert "`gradcert certify nothere.py:f --github`" in (tmp_path / "summary.md").read_text()
    _, out, err = ended(monkeypatch, capsys, "certify", "nothere.py:f", "--github", "--json", "-")
    assert json.loads(out) and "::error " in err

    def broken(**_):
        raise ZeroDivisionError("ours")

    broken.get_command = cli.gradcert.get_command
    monkeypatch.setattr(cli, "gradcert", broken)
    monkeypatch.setattr(cli.click, "Context", lambda _: None)
    status, out, _ = ended(monkeypatch, capsys, "certify", "a:f", "--github")
    assert status == 4 and out.startswith("::error ") and "internal error (ZeroDivisionError)" in out


def test_what_to_do_next_is_json_too(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    status, out, _ = ended(monkeypatch, capsys, "--json")
    assert status == 0 and "gradcert init" in [step["command"] for step in json.loads(out)["next"]]


@pytest.mark.parametrize("command", ["certify", "atlas"])
def test_an_argument_too_many_is_named(monkeypatch, capsys, command):
    status, _, err = ended(monkeypatch, capsys, command, "mod:f", "extra")
    assert status == 2 and "unexpected argument 'extra'" in err and "behind --" in err
