"""docs/commands.md says of every command what the command itself says; every command has JSON."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradcert import cli

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
ROWS = {
    name: row
    for row in re.findall(r"^\| (`.*) \|$", PAGE, re.MULTILINE)
    for name in re.findall(r"`(\w+)`", row.split("|")[0])
}


def command(name):
    return cli.gradcert.get_command(None, name)


def test_every_command_is_on_the_page():
    assert set(ROWS) == set(cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_row_says_what_the_command_says(name):
    zero, one, three, forms = (part.strip() for part in ROWS[name].split("|")[1:])
    (option,) = [p for p in command(name).params if "--json" in p.opts]
    assert ("--json FILE" in forms) == (not option.is_flag)
    said = (command(name).epilog or "").partition("Exit status:")[2]
    if said:  # a listing says nothing of it
        statuses = set(re.findall(r"(?<![\w.-])([0-4])(?![\w.-])", said.partition("\b")[0]))
        assert "0" in statuses and zero
        assert (("1" in statuses), ("3" in statuses)) == (bool(one), bool(three)), said


def test_what_is_written_is_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (
        ("init", "--json"),
        ("derive", "--json", "-"),
        ("hardware", "--json", "-"),
        ("vectors", "--rule", "bptt", "--cells", "rnn", "--depths", "1", "--profile", "quick", "-o", "v", "--json"),
        ("theorems", "--json", "-"),
    ):
        done = CliRunner().invoke(cli.gradcert, words, prog_name="gradcert")
        assert done.exit_code == 0, (words, done.output)
        assert json.loads(done.stdout), words


def test_what_a_command_says_names_pages_and_no_file_of_the_repository():
    """Who has installed gradcert has no folder docs/: a page is called by how its title begins."""
    root = Path(__file__).resolve().parents[2]
    titles = [path.read_text(encoding="utf-8").partition("\n")[0] for path in root.glob("docs/*.md")]
    files = [
        path for folder in ("commands", "beginning", "pytest_plugin") for path in root.glob(f"gradcert/{folder}/*.py")
    ]
    said = {name: " ".join(CliRunner().invoke(cli.gradcert, [name, "--help"]).output.split()) for name in cli.COMMANDS}
    said |= {"": " ".join(CliRunner().invoke(cli.gradcert, ["--help"]).output.split())}
    said |= {str(path): " ".join(path.read_text(encoding="utf-8").replace("\\", "").split()) for path in files}
    assert not [name for name, text in said.items() if re.search(r"\bdocs/\w+(\.md|/)?", text)]
    named = {
        (name, page) for name, text in said.items() for page in re.findall(r"documentation's page \"([^\"]+)\"", text)
    }
    assert {"", "claims", "surrogates", "theorems", "certify"} <= {name for name, _ in named}
    assert not [page for _, page in named if not any(title.startswith(f"# {page}") for title in titles)]


@pytest.mark.long
def test_what_completion_is_documented_works():
    """The lines of the page, in the shell that is there."""
    lines = re.findall(r"^(eval .*bash_source gradcert\)\")", PAGE, re.MULTILINE)
    assert len(lines) == 1
    folder = Path(sys.executable).parent
    script = (
        f"{lines[0]}\nCOMP_WORDS=(gradcert cert); COMP_CWORD=1; _gradcert_completion gradcert; echo ${{COMPREPLY[@]}}"
    )
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["certify"]
