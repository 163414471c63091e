"""Identity: whatever a subject is made of, editing it is another subject; versions are written down."""

import json
import os
import py_compile
import shutil
import sys

import numpy as np
import pytest

from gradcert.certify.campaign import certify, verify
from gradcert.certify.certificates import seal, subject_digest, summary
from gradcert.certify.subjects import Subject, Worker, program_files, sources
from gradcert.reference.networks import Layer, Network, Problem, Rnn

NETWORK = Network(layers=(Layer(Rnn(), inputs=2, units=2),))
PROBLEM = Problem(NETWORK, NETWORK.parameters(), np.ones((2, 1, 2)), np.zeros((2, 1, 2)))
SUBJECT = """
import ctypes
import gradcert.models.equations
from pathlib import Path
import numpy as np
from rule import inner
import beside

RULE = (Path(__file__).parent / "data" / "rule.txt").read_text()

def gradients(problem):
    import late
    np.load(Path(__file__).parent / "late.npy")
    with open(Path(__file__).parent / "log.txt", "a") as file:
        file.write(problem.id)
    return {}
"""
FILES = {
    "subject.py": SUBJECT,
    "beside.py": "import sys\n",
    "rule/__init__.py": "",
    "rule/inner.py": "A = 1\n",
    "late.py": "B = 1\n",
    "data/rule.txt": "bptt\n",
    "unused.txt": "nothing reads this\n",
}


@pytest.fixture
def home(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    np.save(tmp_path / "late.npy", np.zeros(2))
    return tmp_path


def made_of(subject, *, ask=True):
    worker = subject.start()
    assert isinstance(worker, Worker), worker
    if ask:
        assert worker.ask(PROBLEM).failure is None
    found = subject.made_of(worker)
    worker.stop()
    return found


def test_a_python_subject_is_made_of_what_it_loads(home):
    subject = Subject(f"{home}/subject.py:gradients")
    found = made_of(subject)
    names = {"subject", "beside", "rule", "rule.inner", "late", "data/rule.txt", "late.npy"}
    assert set(found["files"]) == names  # neither what it writes, nor what it never reads, nor what is ours
    assert found["packages"]["numpy"] == np.__version__
    assert found["interpreter"].split() == ["CPython", ".".join(map(str, sys.version_info[:3]))]
    assert found["threads"]["OMP_NUM_THREADS"] == "1"
    assert found["unseen"] == []
    before = subject_digest(subject, found)
    assert subject_digest(subject, made_of(subject)) == before
    # one start shows all: a digest is of names and contents
    for name in ("rule/inner.py", "late.py", "data/rule.txt"):
        (home / name).write_text(FILES[name] + " ")
    np.save(home / "late.npy", np.ones(2))
    after = made_of(subject)
    changed = {name for name in names if after["files"][name] != found["files"][name]}
    assert changed == {"rule.inner", "late", "data/rule.txt", "late.npy"}
    assert subject_digest(subject, after) != before


def test_what_runs_is_what_is_in_the_file_not_bytecode_of_the_same_second(tmp_path):
    """Python knows cached bytecode by a file's size and the second of its last change."""
    (tmp_path / "subject.py").write_text("from rule import ANSWER\n\ndef gradients(problem):\n    return ANSWER\n")
    for answer in ("one", "two"):
        (tmp_path / "rule.py").write_text(f"ANSWER = {{'{answer}': 1.0}}\n")
        os.utime(tmp_path / "rule.py", (1e9, 1e9))
        (tmp_path / "__pycache__").mkdir(exist_ok=True)
        worker = Subject(f"{tmp_path}/subject.py:gradients").start()
        assert isinstance(worker, Worker), worker
        assert answer in str(worker.ask(PROBLEM))
        worker.stop()
        if answer == "one":  # as any other Python would leave it
            py_compile.compile(str(tmp_path / "rule.py"))


def test_a_package_is_made_of_its_modules_and_data(tmp_path, monkeypatch):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "table.json").write_text("[1]")
    (folder / "rule.py").write_text(
        "import json, pathlib\nT = json.loads((pathlib.Path(__file__).parent / 'table.json').read_text())\n"
        "def gradients(problem): return {}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert set(made_of(Subject("package.rule:gradients"))["files"]) == {"package", "package.rule", "table.json"}


def test_a_closure_is_made_of_the_modules_that_it_reaches():
    constant = 3

    def gradients(problem):
        return {"layers.0.b": np.zeros(constant)}

    subject = Subject(gradients)
    found = made_of(subject)
    assert any(name.endswith("test_sources") for name in found["files"])
    assert "numpy" in found["packages"]
    assert "hypothesis" not in found["packages"]  # the judge's own process has loaded more than the closure can reach
    assert len(subject_digest(subject, found)) == 64


PROGRAM = "import sys\nfor line in sys.stdin: print('{}', flush=True)\n"


def test_a_program_is_made_of_itself_its_files_and_its_folder(tmp_path):
    script, program = tmp_path / "run" / "a.mjs", tmp_path / "bin" / "program"
    for path, text in ((script, 'import "./b.mjs"'), (script.with_name("b.mjs"), "1"), (program, "#!/bin/sh\n")):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    program.chmod(0o755)
    commands = {
        "script": [sys.executable, str(script)],
        "absolute": [str(program)],
        "both": [str(program), str(script)],
    }

    def digests():
        return {k: subject_digest(s := Subject(words), s.made_of(None)) for k, words in commands.items()}

    before = digests()
    assert digests() == before
    edits = {  # what is edited: which commands it changes
        script: {"script", "both"},
        script.with_name("b.mjs"): {"script", "both"},
        program: {"absolute", "both"},
        script.with_name("new.json"): {"script", "both"},
    }
    for path, changed in edits.items():
        old = digests()
        path.write_text((path.read_text() if path.exists() else "") + "\n")
        new = digests()
        assert {k for k in commands if new[k] != old[k]} == changed, path


def test_an_interpreter_by_absolute_path_counts(tmp_path):
    interpreter = tmp_path / "interpreter"
    shutil.copy("/bin/sh", interpreter)
    (tmp_path / "elsewhere").mkdir()
    script = tmp_path / "elsewhere" / "script.sh"
    script.write_text("read line\n")
    before = program_files.report([str(interpreter), str(script)], {})["files"]
    with interpreter.open("ab") as file:
        file.write(b"\0")
    after = program_files.report([str(interpreter), str(script)], {})["files"]
    assert {name for name in after if before[name] != after[name]} == {"interpreter"}


def test_of_a_compiled_programs_folder_libraries_count_and_nothing_else(tmp_path):
    program = tmp_path / "program"
    shutil.copy("/bin/sh", program)
    before = program_files.report([str(program)], {})
    (tmp_path / "salary_2026.txt").write_text("somebody's own")
    assert program_files.report([str(program)], {}) == before
    assert "what the program reads from its folder" in before["unseen"][0]
    (tmp_path / "librule.so.1").write_text("code")
    assert set(program_files.report([str(program)], {})["files"]) == {"program", "librule.so.1"}
    named = program_files.report([str(program), str(tmp_path)], {})["files"]  # a folder that its command names
    assert "salary_2026.txt" in named


def test_what_gradcert_writes_is_no_part_of_a_program(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    words = [sys.executable, str(script)]
    before = program_files.report(words, {})
    (tmp_path / "certificate.json").write_text('{"cases":[],"schema":"gradcert-certificate-1"}')
    (tmp_path / "journal").write_text('{"journal": "gradcert-journal-1"}\n')
    (tmp_path / ".gradcert").mkdir()
    (tmp_path / ".gradcert" / "smallest").write_text("1")
    assert program_files.report(words, {}) == before


def test_what_is_too_much_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(program_files, "MOST", 1)
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text(PROGRAM)
    unseen = program_files.report([sys.executable, str(tmp_path / "a.py")], {})["unseen"]
    assert unseen[0] == f"2 files of the folder {tmp_path.name}, which holds too many"
    monkeypatch.setattr(sources, "LARGE", 3)
    assert sources.digest(str(tmp_path / "a.py"))[1] is False


def test_a_stranger_does_not_choose_the_form():
    good = sources.report("os:getcwd")
    assert sources.valid(good)
    for bad in ({}, {**good, "files": []}, {**good, "packages": {"a": 1}}, {**good, "unseen": [3]}, {**good, "x": 1}):
        assert not sources.valid(bad)


RIGHT = """
from pathlib import Path
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def gradients(problem):
    rule = (Path(__file__).parent / "rule.txt").read_text()
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES[rule])
"""


@pytest.mark.long
def test_a_certificate_says_what_it_is_of_and_verify_sees_another(tmp_path):
    (tmp_path / "subject.py").write_text(RIGHT)
    (tmp_path / "rule.txt").write_text("bptt")
    name, options = f"{tmp_path}/subject.py:gradients", {"rule": "bptt", "cells": "rnn", "profile": "quick"}
    first = certify(name, **options)
    record = first.to_dict()
    assert set(record["sources"]["files"]) == {"subject", "rule.txt"}
    assert record["sources"]["packages"]["numpy"] == np.__version__
    data = seal.write(first)
    assert verify(data, run=True).outcome == "verified"
    (tmp_path / "rule.txt").write_text("sltt")
    found = verify(data, run=True)
    assert (found.outcome, found.verdict) == ("undecided", ("certified", "refuted"))
    assert "digests.subject" in found.reasons[0]
    assert "other files of the subject: rule.txt" in summary(record, certify(name, **options).to_dict())
    assert json.loads(data)["digests"]["subject"] == subject_digest(Subject(name), record["sources"])
