"""The composite action: well formed, no input inside a script, and its script judges, annotates and keeps the worst."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_action_is_one():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (it comes with Dask)")
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    named = set()
    for step in action["runs"]["steps"]:
        assert ("uses" in step) != ("run" in step)
        if "run" in step:
            assert step["shell"] == "bash" and "${{" not in step["run"]  # an input in a script would be run as code
        named |= set(re.findall(r"inputs\.([\w-]+)", str(step)))
    assert named == set(action["inputs"])
    assert all(text["description"] for text in action["inputs"].values())


FAKE = """#!/bin/sh
printf '<%s>' "$@" >> "$LOG"
for word in "$@"; do case "$word" in exit*) exit "${word#exit}";; esac; done
"""


@pytest.mark.parametrize(
    ("subjects", "status"),
    [
        ("a:exit0", 0),
        ("# exit4\n\n  # exit4\nexit3", 3),
        ("exit1\na:f 'open", 2),
        ("a.exit0\nexit3\n", 3),
        ("exit1\nexit3", 1),
        ("exit1\nexit2", 2),
        ("exit4\nexit1", 4),
        ("", 2),
    ],
)
def test_the_worst_status_counts(step, tmp_path, subjects, status):
    done = step(subjects)
    assert done.returncode == status, done.stderr
    assert (tmp_path / "said").read_text() == f"status={status}\n"


@pytest.fixture
def step(tmp_path):
    tool = tmp_path / "gradcert"
    tool.write_text(FAKE)
    tool.chmod(0o755)

    def run(subjects):
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(tmp_path / "log"), "SUBJECTS": subjects}
        env |= {"PROFILE": "quick", "OUTPUT": str(tmp_path / "out"), "GITHUB_OUTPUT": str(tmp_path / "said")}
        env |= {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
        command = ["bash", ROOT / "scripts" / "action.sh"]
        return subprocess.run(command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True)

    return run


def test_words_are_quoted_as_in_a_shell_and_nothing_is_evaluated(step, tmp_path):
    line = (
        r"""m:f --loss 'squared_error of sum' --options 'surrogate={"name": "atan"}' $(touch a) `touch b` "$HOME" *"""
    )
    assert step(line).returncode == 0
    words = [
        "m:f",
        "--loss",
        "squared_error of sum",
        "--options",
        'surrogate={"name": "atan"}',
        "$(touch",
        "a)",
        "`touch",
    ]
    asked = (tmp_path / "log").read_text()
    assert asked.endswith("".join(f"<{word}>" for word in [*words, "b`", "$HOME", "*"]))
    assert {path.name for path in tmp_path.iterdir()} == {"gradcert", "log", "out", "said"}


@pytest.mark.parametrize(
    ("subjects", "said"),
    [("", "no subject is named"), ("# none", "no subject"), ("m:f 'open 5%", "is left open: m:f 'open 5")],
)
def test_what_cannot_be_asked_is_annotated_and_in_the_summary(step, tmp_path, subjects, said):
    done = step(subjects)
    assert done.returncode == 2 and done.stdout.startswith("::error title=gradcert::") and said in done.stdout
    assert said in (tmp_path / "summary.md").read_text()


@pytest.mark.long
def test_the_step_as_a_runner_runs_it(tmp_path):
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PROFILE": "quick"}
    env |= {"SUBJECTS": "examples/numpy_ostl.py:gradients\n\nexamples/wrong_ostl.py:gradients --cells snu --no-repair"}
    env |= {"OUTPUT": str(tmp_path / "out"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    done = subprocess.run(["bash", "scripts/action.sh"], cwd=ROOT, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "::error file=examples/wrong_ostl.py,line=15," in done.stdout
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name.rpartition(".")[2] for name in files] == ["html", "json", "svg", "xml"] * 2
    summary = (tmp_path / "summary.md").read_text()
    assert summary.count("### ✅ certified") == summary.count("### ❌ refuted") == 1
