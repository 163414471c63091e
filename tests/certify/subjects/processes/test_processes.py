"""Subjects that start processes: too many are refuted, and none outlives the run, wherever it hides."""

import itertools
import os
import time
from functools import partial
from pathlib import Path

import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.claims.claim import Claim
from gradcert.certify.problems import plan
from gradcert.certify.runs import Task, prepare
from gradcert.certify.subjects.processes import family, usage
from gradcert.certify.subjects.subject import Limits, Subject
from gradcert.reference.errors import GradcertError

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
CLAIM = Claim(rule="bptt", cells="rnn", depths=1, losses="squared_error", when="every")
START = """
import os, sys, time
import numpy as np
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def right(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])

def note():
    with open(os.environ["PIDS"], "a") as file:
        file.write(f"{os.getpid()}\\n")

def sleeper(*, session=False):
    if os.fork() == 0:
        if session:
            os.setsid()
            if os.fork():
                os._exit(0)
        note()
        time.sleep(60)
        os._exit(0)

def gradients(problem):
"""


@pytest.fixture
def judged(tmp_path, monkeypatch):
    monkeypatch.setenv("PIDS", str(tmp_path / "pids"))

    def run(body, **options):
        (tmp_path / "subject.py").write_text(START + "".join(f"    {line}\n" for line in body.split("\n")))
        return certify(f"{tmp_path}/subject.py:gradients", claim=CLAIM, profile="quick", **options)

    return run


def alive(folder):
    """The processes of the subject that are still there; a moment is given to those that were just killed."""
    path = folder / "pids"
    pids = [int(line) for line in path.read_text().split()] if path.exists() else []
    assert pids, "nothing was started: the test shows nothing"
    for _ in range(100):
        left = [pid for pid in pids if running(pid)]
        if not left:
            break
        time.sleep(0.02)
    return left


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_too_many_children_are_refuted_and_gone(judged, tmp_path):
    found = judged("for _ in range(40): sleeper()\ntime.sleep(20)", limits=Limits(processes=20))
    assert found.verdict == "refuted"
    assert found.findings[0].reason == "more than 20 processes at once"
    assert alive(tmp_path) == []


def test_a_few_children_are_nobodys_business(judged, tmp_path):
    once = "if 'children' not in globals():\n    globals()['children'] = [sleeper() for _ in range(3)]\n"
    found = judged(f"{once}    time.sleep(0.3)\nreturn right(problem)", limits=Limits(processes=20))
    assert found.verdict == "certified"
    assert alive(tmp_path) == []


@pytest.mark.parametrize("after", ["return right(problem)", "time.sleep(0.1)\nos._exit(3)", "time.sleep(60)"])
def test_a_daemon_does_not_outlive_the_run(judged, tmp_path, after):
    found = judged(f"sleeper(session=True)\n{after}", limits=Limits(call=1.0))
    assert found.verdict == ("certified" if after.startswith("return") else "refuted")
    assert alive(tmp_path) == []


@pytest.mark.long
def test_a_daemon_of_a_closure_does_not_outlive_it(tmp_path):
    path = tmp_path / "pids"

    def gradients(problem):
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            with path.open("a") as file:
                file.write(f"{os.getpid()}\n")
            time.sleep(60)
            os._exit(0)
        time.sleep(0.2)
        return {}

    assert certify(gradients, claim=CLAIM, profile="quick").verdict == "refuted"
    assert alive(tmp_path) == []


def test_a_program_that_leaves_a_session_behind_is_cleaned_up(tmp_path):
    script = tmp_path / "program.sh"
    script.write_text(f"#!/bin/sh\nread line\nsetsid sh -c 'echo $$ >> {tmp_path}/pids; exec sleep 60' &\nsleep 0.3\n")
    script.chmod(0o755)
    with pytest.raises(GradcertError, match="the process ended: exit status 0"):  # the sleeper is not waited for
        certify([str(script)], claim=CLAIM, profile="quick", limits=Limits(call=1.0))
    assert alive(tmp_path) == []


def test_descendants_are_found_through_their_parents():
    child = os.fork()
    if child == 0:
        os.fork()
        time.sleep(60)
        os._exit(0)
    try:
        for _ in range(100):
            found = family.below(child)
            if found:
                break
            time.sleep(0.02)
        assert len(found) == 1
        assert child in family.below(os.getpid())
    finally:
        family.end(child)
        os.waitpid(child, 0)
        for pid in found:
            assert not running(pid) or family.below(pid) == []


def _slow(seconds, problem):
    time.sleep(seconds)
    return {}


@pytest.mark.long
def test_time_in_which_others_have_the_processor_does_not_count(monkeypatch):
    problem = prepare(Task(plan(CLAIM, "quick")[0], CLAIM, 0)).case.problem

    def failure(seconds):
        worker = Subject(partial(_slow, seconds), limits=Limits(call=0.2)).start()
        try:
            return worker.ask(problem).failure
        finally:
            worker.stop()

    assert failure(60).kind == "hung"  # it sleeps: nobody keeps it from the processor
    readings = itertools.count(0.0, 1.0)
    monkeypatch.setattr(usage, "waited", lambda _: next(readings))
    assert failure(0.6) is None
    assert failure(60).kind == "hung"  # ten times the limit, and no more
