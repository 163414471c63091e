"""``gradcert theorems`` and ``gradcert rules NAME``, and the links between theorems, rows and derivations."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from click.testing import CliRunner

from gradcert.cli import gradcert
from gradcert.derivations.chapters import CHAPTERS
from gradcert.derivations.generalised import GENERALISED
from gradcert.reference import RULES
from gradcert.theorems.catalogue import EVERY, THEOREMS, about, of_chapter


def run(*words, env=None):
    return CliRunner().invoke(gradcert, words, env=env)


def test_the_theorems_are_listed_without_coq(monkeypatch):
    monkeypatch.setenv("PATH", "")
    done = run("theorems")
    assert done.exit_code == 0
    assert all(theorem.name in done.output for theorem in THEOREMS)


def test_without_coq_a_check_says_what_to_do_in_one_sentence(monkeypatch):
    monkeypatch.setenv("PATH", "")
    done = run("theorems", "--check")
    assert done.exit_code == 2
    (sentence,) = [line for line in done.output.splitlines() if line.startswith("Error:")]
    assert "coqc" in sentence
    assert "make theorems" in " ".join(done.output.split())


def test_json_says_what_each_theorem_assumes():
    record = json.loads(run("theorems", "--json", "-").output)
    by_name = {theorem["name"]: theorem for theorem in record["theorems"]}
    assert by_name["Stack.ostl_exact"]["assumes"] == []
    assert by_name["Budget.flocq_in_order"]["assumes"] != []


@pytest.mark.parametrize("name", RULES)
def test_a_row_is_shown_with_its_edges_and_theorems(name):
    done = run("rules", name)
    assert done.exit_code == 0, done.output
    assert RULES[name].title in done.output
    assert RULES[name].feedback in done.output
    assert all(theorem.name in done.output for theorem in about(RULES[name]))


def test_rows_get_the_theorems_that_are_about_them():
    names = {name: {theorem.name for theorem in about(rule)} for name, rule in RULES.items()}
    assert "Ages.window_is_path_sum" in names["tbptt"] - names["ostl"]
    assert "Tape.random_feedback" in names["ostl-random"] - names["ostl"]
    assert "Tape.projected_feedback" in names["osttp"] & names["rflo"] & names["decolle"] - names["ostl"]
    assert "Ottt.ottt_is_gradient" in names["ottt"] - names["ostl"]
    assert all({theorem.name for theorem in THEOREMS if EVERY in theorem.about} <= found for found in names.values())


def test_numbers_of_steps_are_taken_and_unknown_rows_refused():
    assert "3 steps of reach" in run("rules", "snap-3").output
    refused = run("rules", "ostk")
    assert refused.exit_code == 2
    assert "ostl" in refused.output


def test_words_of_the_catalogue_exist():
    words = {"window", "chunk", "reach", "random", "direct", "target", "local", EVERY, *RULES}
    assert {word for theorem in THEOREMS for word in theorem.about} <= words
    assert {chapter for theorem in THEOREMS for chapter in theorem.chapters} <= set(CHAPTERS)


def test_derivations_name_the_theorems_that_generalise_them():
    assert GENERALISED == {name: names for name in CHAPTERS if (names := of_chapter(name))}


SLOW = """#!/bin/sh
[ "$1" = --version ] && exec echo 8
touch "$RUNS/$$"
exec sleep 30
"""
MAIN = """
from pathlib import Path
from gradcert.theorems.toolchain import compile_sources
compile_sources(folder=Path("."))
"""


def test_an_interrupt_waits_for_no_file_of_coq(tmp_path):
    for name in ("coqc", "ocamlfind"):
        (tmp_path / name).write_text(SLOW)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "runs").mkdir()
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "RUNS": str(tmp_path / "runs")}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    )
    for _ in range(600):
        if any((tmp_path / "runs").iterdir()):
            break
        time.sleep(0.05)
    running = len(list((tmp_path / "runs").iterdir()))
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors and time.monotonic() - begun < 20
    assert len(list((tmp_path / "runs").iterdir())) == running  # and the others are not begun
