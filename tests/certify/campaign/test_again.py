"""The command that is printed shows the finding again: the same claim, interpreter, limits, profile and words."""

import io
import shlex
import sys

import pytest
from click.testing import CliRunner

from gradcert import cli
from gradcert.certify.campaign import again, certify
from gradcert.certify.claims import Claim, made
from gradcert.certify.subjects import Limits, Subject
from gradcert.commands.certify import command
from gradcert.commands.claims import parts
from gradcert.reference.networks.cells.elsewhere import FOUND

FILE = """
from gradcert.certify.claims import claim
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

@claim(rule="bptt", cells="rnn", depths=1, losses="squared_error", when="every")
def wrong(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return {k: 2 * g for k, g in reverse.gradients(*given, rule=RULES["bptt"]).items()}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "subject.py").write_text(FILE)
    return tmp_path


def test_the_command_replays(folder):
    """With another interpreter, options over the subject's own, limits and a profile, all of them needed."""
    other = folder / "python"  # a link to it would leave its environment behind
    other.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    options = {"activation": "sigmoid", "recurrent": True}
    given = {"options": options, "profile": "quick", "python": str(other), "limits": Limits(call=20.0)}
    found = certify("subject.py:wrong", **given, seed=3).findings[0]
    words = shlex.split(found.replay)
    assert words[:2] == ["gradcert", "certify"] and words[-1] == "subject.py:wrong"
    pairs = dict(zip(words[2:-1:2], words[3:-1:2], strict=True))
    assert pairs["--python"] == str(other) and pairs["--profile"] == "quick" and pairs["--timeout"] == "20"
    done = CliRunner().invoke(cli.gradcert, words[1:], prog_name="gradcert")
    assert done.exit_code == 1
    assert found.cause in done.output and found.replay in "".join(done.output.split("\n"))


def line(claim, *, subject="subject.py:wrong", told=None):
    return again(Subject(subject), claim, subject=subject, told=told)


def test_what_the_subject_claims_itself_is_not_said(folder):
    claim = Claim("bptt", "rnn", 1, without={"targets": ["soft"]})
    told = Claim("bptt", "rnn", 1).to_dict()
    assert line(claim, told=told) == "gradcert certify --seed 0 --without targets=soft subject.py:wrong"
    assert line(Claim(**{**told, "depths": (1, 2)}), told=told).split()[4:8] == ["--depths", "1", "--depths", "2"]
    whole = line(Claim("ostl", "snu", 1, acceptance="bounded", within={"error": 0.2}))
    assert "--rule ostl" in whole and "--cells snu" in whole and "--within error=0.2" in whole


def test_the_words_of_a_program_come_last(tmp_path):
    program = (sys.executable, str(tmp_path / "a program.py"))
    found = line(Claim("bptt", "rnn", 1), subject=program)
    assert found.endswith(f"-- {shlex.join(program)}")


TERM = {"kind": "rate", "target": 0.25, "strength": 2}
MORE = Claim("bptt", "lif", inputs="spikes", targets="classes", weights=True, T=3)
WHOLE = [
    Claim("bptt", "rnn", losses="squared_error"),
    Claim("bptt", "lif", losses="cross_entropy", when="sum", time="mean", batch="mean", outputs="mean", node="v"),
    Claim(
        "bptt", "lif", 1, when="first", level=0.5, targets="classes", inputs="spikes", activity=[TERM, {"kind": "l1"}]
    ),
    Claim("bptt", "lif", initial="trained", initial_nodes=("v", "z"), weights=True, begins=True, masks=("output", "v")),
    Claim("bptt", "lif", 1, readout="rnn", readout_options={"bias": False}, sizes=(2, 3, 1), T=5, B=2, online=False),
]


@pytest.mark.parametrize("claim", WHOLE, ids=str)
@pytest.mark.parametrize("own", [None, Claim("bptt", "lif"), MORE], ids=("nothing told", "another", "more"))
def test_what_is_printed_is_read_back_as_the_same_claim(folder, claim, own):
    told = None if own is None else own.to_dict()
    words, _, gone = line(claim, told=told).partition("  # without ")
    read = command.make_context("certify", shlex.split(words)[2:], resilient_parsing=False).params
    found = made(own, parts(read))
    kept = {
        name: value
        for name, value in claim.to_dict().items()
        if name not in gone.removesuffix(" in the claim").split(", ")
    }
    assert {k: v for k, v in found.to_dict().items() if k in kept} == kept
    assert gone == ("" if own is not MORE else gone)


def test_the_line_of_a_claim_says_all_of_it():
    said = str(WHOLE[2]) + str(WHOLE[3]) + str(WHOLE[4])
    for word in (
        "classes",
        "spikes",
        "rate",
        "level 0.5",
        "trained",
        "v and z",
        "loss weights",
        "beginnings",
        "output",
    ):
        assert word in said, word
    assert "readout rnn bias False" in said and "sizes 2-3-1" in said and "T 5" in said and "B 2" in said


def test_what_the_subject_claims_and_is_not_judged_is_said(folder):
    """Options are added to the subject's own, limits stand in their place; neither can take anything away."""
    limits = {"cosine": 0.5, "signs": 0.75, "ratio": [0.5, 2]}
    told = Claim("bptt", "rnn", 1, acceptance="aligned", within=limits, options={"bias": False}).to_dict()
    tighter = line(Claim(**{**told, "within": {**limits, "cosine": 0.9}}), told=told)
    assert "--within cosine=0.9 --within signs=0.75 --within 'ratio=[0.5, 2]' " in tighter and "#" not in tighter
    left = line(Claim(**{**told, "options": {}, "without": {}}), told={**told, "without": {"targets": ["soft"]}})
    assert left.endswith("subject.py:wrong  # with without, options.bias taken out of the claim")


def test_reports_say_the_same_sentence(folder):
    from rich.console import Console

    from gradcert.certify.report import html, junit, terminal

    found = certify("subject.py:wrong", profile="quick")
    sentence = found.findings[0].cause
    assert sentence.startswith("it equals bptt times 2")
    console = Console(width=400, highlight=False, file=io.StringIO())
    terminal.write(found, console)
    for text in (console.file.getvalue(), junit.write(found).decode(), html.write(found), found.reason):
        assert sentence in text


CELLS = """
from gradcert.models.equations import define

Leaky = define("leaky", {"z": "leak*z_prev + W @ x"}, edges={"z -> z": "state"}, constants={"leak": 0.75})
"""


def test_files_of_cells_that_were_allowed_to_run_are_allowed_again(folder):
    pytest.importorskip("sympy", reason="needs sympy: pip install 'gradcert[derivations]'")
    (folder / "cells_of_mine.py").write_text(CELLS)
    text = FILE.replace('cells="rnn"', 'cells="cells_of_mine.py:Leaky"')
    (folder / "mine.py").write_text(text)
    found = certify("mine.py:wrong", run_cells=True, profile="quick")
    line = shlex.split(found.findings[0].replay)
    assert line[:2] == ["gradcert", "certify"] and "--run" in line
    done = CliRunner().invoke(command, line[2:])
    assert (done.exit_code, "REFUTED" in done.output) == (1, True), done.output
    FOUND.clear()  # as in a fresh process
    without = CliRunner().invoke(command, [word for word in line[2:] if word != "--run"])
    assert (without.exit_code, "--run" in without.output) == (2, True), without.output
