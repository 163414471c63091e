"""What a newcomer meets first: one screen of help, what to do next, names that were nearly right, completion."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import gradcert
from gradcert import cli
from gradcert.commands import certify, rules

ROOT = Path(__file__).parents[2]


def run(*words):
    return CliRunner().invoke(cli.gradcert, words, prog_name="gradcert", terminal_width=80)


def test_the_help_fits_a_screen_and_has_every_command():
    done = run("--help")
    lines = done.output.splitlines()
    assert len(lines) < 24 and max(map(len, lines)) < 80  # the last of 24 lines is the prompt's
    said = {word.strip(",") for word in done.output.split()}
    assert said >= set(cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_what_a_command_says_fits_80_columns(name):
    lines = run(name, "--help").output.splitlines()
    assert [line for line in lines if len(line) > 80] == []


def test_alone_it_says_what_to_do_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run()
    assert done.exit_code == 0 and "gradcert init" in done.output
    (tmp_path / "mine.py").write_text(
        "import gradcert\n@gradcert.claim(rule='bptt', cells='rnn')\ndef f(problem): ...\n"
    )
    (tmp_path / ".gradcert").mkdir()
    (tmp_path / ".gradcert" / "snu-1.json").write_text("{}")
    lines = run().output.splitlines()
    assert [line for line in lines if line.startswith("  gradcert ")][:2] == [
        "  gradcert replay --run .gradcert/snu-1.json",
        "  gradcert certify mine.py:f",
    ]
    assert max(map(len, lines)) <= 80
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_gradients.py").touch()
    assert "gradcert init" not in run().output and "pytest tests/test_gradients.py" in run().output


def test_every_command_has_a_group_that_exists():
    assert {name for group in cli.TOGETHER for name in group} <= set(cli.COMMANDS)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["certfy"], "certify"),
        (["certify", "--rull", "x", "f"], "--rule"),
        (["certify", "{file}", "--rule", "ostll", "--cells", "snu"], "ostl"),
        (["certify", "{file}", "--rule", "ostl", "--cells", "snuu"], "snu"),
        (["certify", "{file}", "--rule", "ostl", "--cells", "snu", "--options", "strct=true"], "strict"),
        (["certify", "{file}", "--rule", "ostl", "--cells", "snu", "--options", "surrogate=tringle"], "triangle"),
        (["certify", "{file}", "--rule", "ostl", "--cells", "snu", "--loss", "cross_entrpy"], "cross_entropy"),
        (["certify", "{file}", "--rule", "ostl", "--cells", "snu", "--without", "tagets=soft"], "targets"),
        (["certify", "{file}s", "--rule", "ostl", "--cells", "snu"], "gradients"),
        (["certify", "{folder}/mien.py:gradients"], "mine.py"),
        (["rules", "ostll"], "ostl"),
        (["cells", "lf"], "lif"),
        (["surrogates", "atn"], "atan"),
        (["losses", "bernouli"], "bernoulli"),
        (["derive", "osl"], "ostl"),
        (["selftest", "--class", "e-prob"], "e-prop"),
        (["selftest", "revers_sweep"], "reverse_sweep"),
    ],
)
def test_a_name_that_is_nearly_right_is_asked_back(words, meant, tmp_path):
    (tmp_path / "mine.py").write_text("def gradients(problem):\n    return {}\n")
    file = f"{tmp_path}/mine.py:gradients"
    done = run(*(word.format(file=file, folder=tmp_path) if "{" in word else word for word in words))
    assert done.exit_code == 2
    said = " ".join(done.output.split())
    assert any(mark in said.lower() for mark in ("did you mean", "(possible options"))
    assert meant in said[said.lower().index("did you mean") :][:200]


def test_python_asks_back_too():
    with pytest.raises(AttributeError) as caught:
        gradcert.clam  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("clam", gradcert)  # what its traceback makes a question of
    with pytest.raises(TypeError, match=r"did you mean 'cells'\?"):
        gradcert.subject_tests("a:b", rule="bptt", cels="rnn")


def test_the_face_lists_everything():
    assert set(dir(gradcert)) >= {*gradcert.__all__, "cases", "subject_tests", "reference", "properties", "__version__"}
    for name in dir(gradcert):
        getattr(gradcert, name)


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("gradcert cer", {"certify"}),
        ("gradcert certify --rule os", {"ostl", "ostl-random", "osttp"}),
        ("gradcert rules dec", {"decolle"}),
        ("gradcert certify mi", {"mine.py:mine"}),
        ("gradcert certify net", {"net.py:Net"}),
        ("gradcert read net", {"net.py:Net"}),
        ("gradcert hardware lo", {"loihi"}),
        ("gradcert hardware --rule ostl-", {"ostl-random"}),
        ("gradcert derive eprop", {"eprop"}),
        ("gradcert claims dep", {"depth-on-par"}),
        ("gradcert losses cross", {"cross_entropy"}),
        ("gradcert certify --loss cross", {"cross_entropy"}),
    ],
)
def test_a_shell_is_told(line, offered, tmp_path):
    (tmp_path / "mine.py").write_text("def mine(problem):\n    return {}\n")
    module = "class Net(Module):\n    def forward(self, x): return x\n"
    (tmp_path / "net.py").write_text(f"from torch.nn import Module\n{module}")
    words = line.split()
    told = {"_GRADCERT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-m", "gradcert"]
    done = subprocess.run(command, env={**os.environ, **told}, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert {item.partition(",")[2] for item in done.stdout.split()} == offered


def test_completers_are_where_names_come_in():
    options = {p.name: p for p in certify.command.params}
    context = click.Context(certify.command)
    assert "lif" in {item.value for item in options["cells"].shell_complete(context, "l")}
    assert {i.value for i in options["without"].shell_complete(context, "targets=so")} == {"targets=soft"}
    assert "ostl" in {item.value for item in rules.command.params[0].shell_complete(context, "ostl")}


LISTINGS = ("rules", "cells", "surrogates", "losses", "claims", "theorems", "hardware", "rules ostl", "cells snu")


@pytest.mark.parametrize("line", LISTINGS)
def test_what_is_no_terminal_has_the_columns_that_are_said(line, monkeypatch):
    words = line.split()
    wide = run(*words).output.splitlines()
    monkeypatch.setenv("COLUMNS", "80")
    narrow = run(*words).output.splitlines()
    assert max(map(len, narrow)) <= 80 < max(map(len, wide))


def test_what_is_documented_is_found_behind_one_import():
    """Every name ``gradcert.a.b`` of the documentation, where nothing but ``import gradcert`` was said."""
    said = set()
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        said |= set(re.findall(r"\bgradcert(?:\.[A-Za-z_]\w*)+", page.read_text(encoding="utf-8")))
    said -= {"gradcert.X", "gradcert.papers.report"}  # a name for any room; what `python -m` runs
    code = "import contextlib, gradcert, sys\nfor name in sys.argv[1:]:\n"
    code += " with contextlib.suppress(ModuleNotFoundError): eval(name)\n"  # of an extra that is not installed
    done = subprocess.run([sys.executable, "-c", code, *sorted(said)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "adapters" in dir(gradcert)
