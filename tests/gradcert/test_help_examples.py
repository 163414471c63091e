"""The examples of every --help: each line is one that can be typed, and the cheap ones are run."""

import importlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gradcert import cli

ROOT = Path(__file__).parents[2]
TITLES = ("Example:", "Examples:")


def examples():
    """(command, its example lines, in order) of every command that has some."""
    texts = {"": cli.EPILOG}
    for name in cli.COMMANDS:
        module = importlib.import_module(f"gradcert.commands.{cli.FILES.get(name, name)}")
        texts[name] = module.command.epilog or ""
    out = {}
    for name, text in texts.items():
        lines = re.sub(r"\s*\\\n\s*", " ", text.replace("\b\n", "\n")).splitlines()  # a broken line is one
        start = next((i for i, line in enumerate(lines) if line.strip() in TITLES), None)
        if start is not None:
            rest = lines[start + 1 :]
            end = next((i for i, line in enumerate(rest) if not line.startswith("  ")), len(rest))
            out[name] = [re.split(r"\s{2,}", line.strip())[0] for line in rest[:end]]  # what follows explains
    return out


LINES = [(name, line) for name, lines in examples().items() for line in lines]
QUICK = " --profile quick"
# sequences that are run, with the exit status of each line; the profile is the quick one, to be cheap
RUN = {
    "rules": [("gradcert rules", 0), ("gradcert rules ostl", 0)],
    "theorems": [("gradcert theorems", 0), ("gradcert theorems --json -", 0)],
    "derive": [("gradcert derive", 0)],
    "hardware": [("gradcert hardware", 0)],
    "check": [
        ("gradcert vectors --rule rtrl --cells rnn -o vectors" + QUICK, 0),
        ("node examples/rtrl.mjs < vectors/problems.jsonl > answers.jsonl", 0),
        ("gradcert check vectors answers.jsonl --html report.html", 0),
    ],
    "vectors": [("gradcert vectors --rule ostl --cells snu --depths 2 --dtype float32 -o v32" + QUICK, 0)],
    "verify": [
        ("gradcert certify examples/numpy_ostl.py:gradients --certificate ostl.json" + QUICK, 0),
        ("gradcert verify ostl.json --no-run", 0),
    ],
    "certify": [("gradcert certify --rule rtrl --cells rnn" + QUICK + " -- node examples/rtrl.mjs", 0)],
}


def test_there_are_examples():
    assert {name for name, _ in LINES} >= {"", "certify", "verify", "diff", "replay", "vectors", "check", "atlas"}
    written = {line for _, line in LINES}
    ran = [line.replace(QUICK, "") for lines in RUN.values() for line, _ in lines]
    assert [line for line in ran if line not in written] == []


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", [line for _, line in LINES if line.startswith("gradcert ")])
def test_every_line_can_be_typed(line, here):
    """Names of commands and options, numbers and types of arguments; nothing is run."""
    old = here / "envs" / "old" / "bin" / "python"
    old.parent.mkdir(parents=True)
    old.touch()
    words = shlex.split(line.replace("~", str(here)))[1:]
    command = cli.gradcert.get_command(click.Context(cli.gradcert), words[0])
    assert command is not None
    command.make_context(words[0], words[1:])


@pytest.mark.parametrize("name", RUN)
def test_the_cheap_ones_run(name, here):
    for line, status in RUN[name]:
        if line.startswith("gradcert "):
            done = CliRunner().invoke(cli.gradcert, shlex.split(line)[1:], prog_name="gradcert")
            assert done.exit_code == status, (line, done.output)
        elif shutil.which("node") is None:
            pytest.skip("Node.js is not installed")
        else:
            assert subprocess.run(line, shell=True, check=False).returncode == status, line
