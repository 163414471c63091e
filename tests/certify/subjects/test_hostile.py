"""Subjects that misbehave: each gets a verdict with a reason, and the campaign goes on."""

import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.subjects.subject import Limits
from gradcert.reference.errors import GradcertError

RIGHT = """
import os, sys, time
import numpy as np
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def right(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES["bptt"])

CALLS = []

@gradcert.claim(rule="bptt", cells="rnn", depths=(1, 2), losses="squared_error", when="every")
def gradients(problem):
    CALLS.append(problem.id)
    g = right(problem)
"""


def judged(tmp_path, body, **options):
    lines = "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))
    path = tmp_path / "subject.py"
    path.write_text(RIGHT + lines)
    return certify(f"{path}:gradients", profile="quick", **options)


def test_the_right_one_is_certified(tmp_path):
    certificate = judged(tmp_path, "return g")
    assert certificate.verdict == "certified"
    assert certificate.counts == {"passed": 2, "failed": 0, "blocked": 0}
    assert 0 < certificate.worst < 1


HOSTILE = {  # what the subject does: the check that refutes it, and the beginning of the reason
    "raise RuntimeError('out of luck')": ("call", "it raised RuntimeError: out of luck"),
    "raise ValueError('half a \\ud800')": ("call", "it raised ValueError: half a \\ud800"),
    "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()": ("call", "it raised E: (no message"),
    "sys.exit(0)": ("call", "it raised SystemExit: 0"),
    "raise KeyboardInterrupt": ("call", "it raised KeyboardInterrupt"),
    "os._exit(7)": ("call", "the process ended: exit status 7"),
    "os.kill(os.getpid(), 11)": ("call", "the process ended: signal SIGSEGV"),
    "while True: print('x' * 100000)": ("call", "more than 16 MiB printed in one call"),
    "g['layers.0.W'][0, 0] = np.nan; return g": ("structure", "{}W holds 1 entries of 12 that are NaN"),
    "g['layers.0.b'][:] = np.inf; return g": (
        "structure",
        "{}b holds 4 entries of 4 that are infinite",
    ),
    "g['layers.0.W'] = g['layers.0.W'].T; return g": (
        "structure",
        "{}W has shape (3, 4), its transpose",
    ),
    "g['layers.0.W'] = g['layers.0.W'][:1]; return g": (
        "structure",
        "{}W has shape (1, 3), not (4, 3)",
    ),
    "del g['layers.0.b']; return g": ("structure", "the gradient does not fit the parameters: missing layers.0.b"),
    "g['layers.9.W'] = 0; return g": ("structure", "the gradient does not fit the parameters: unknown layers.9.W"),
    "return {k: np.float32(v) for k, v in g.items()}": (
        "structure",
        "{}W has dtype float32; the claim",
    ),
    "return {k: v.astype(int) for k, v in g.items()}": (
        "structure",
        "{}W has dtype int64, not float64",
    ),
    "return {k: v.astype(object) for k, v in g.items()}": (
        "structure",
        "{}W is an array of dtype obje",
    ),
    "return {k: [[1], [2, 3]] for k in g}": ("structure", "{}W is a list that does not convert"),
    "return {('layers.0.w' if k == 'layers.0.W' else k): v for k, v in g.items()}": (
        "structure",
        "the gradient does not fit the parameters: missing layers.0.W; unknown layers.0.w (is it layers.0.W?)",
    ),
    "return {('W' if k == 'layers.0.W' else k): v for k, v in g.items()}": (
        "structure",
        "the gradient does not fit the parameters: missing layers.0.W; unknown W (is it layers.0.W?)",
    ),
    "return g, 1.0": (
        "structure",
        "a float was returned in place of a mapping of gradients; allowed: a mapping, (loss, mapping) or (loss, map",
    ),
    "return None": ("structure", "a NoneType was returned in place of a mapping of gradients"),
    "return list(g.values())": ("structure", "a list was returned in place of a mapping of gradients"),
    "return float('nan'), g": ("structure", "the loss holds 1 entries of 1 that are NaN"),
    "return 0.0, g, problem.inputs": ("structure", "outputs has shape"),
    "return 1.0, g": ("loss", "the loss is 1, not"),
    "problem.parameters['layers.0.W'] -= 0.1; return g": ("inputs", "the subject changed its inputs: layers.0.W"),
    "problem.inputs[0] = 0; return g": ("inputs", "the subject changed its inputs: inputs"),
    "problem.parameters['layers.0.W'] = 0; return g": ("inputs", "the subject changed its inputs: layers.0.W"),
}


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("body", HOSTILE)
def test_misbehaviour_is_refuted_with_its_reason(tmp_path, body):
    certificate, (check, reason) = judged(tmp_path, body), HOSTILE[body]
    assert certificate.verdict == "refuted"
    assert certificate.exit_code == 1
    finding = certificate.findings[0]
    assert finding.check == check
    assert finding.reason.startswith(reason.replace("{}", "gradient layers.0."))
    assert finding.replay.startswith("gradcert certify --seed 0 --profile quick ")
    assert not any("certify/subjects/worker.py" in str(line) for line in finding.where.get("output", ()))


def test_a_traceback_is_the_subjects_own(tmp_path):
    finding = judged(tmp_path, "raise RuntimeError('out of luck')").findings[0]
    text = "\n".join(finding.where["output"])
    assert "subject.py" in text
    assert "worker" not in text


def test_a_hang_is_ended(tmp_path):
    certificate = judged(tmp_path, "time.sleep(60)", limits=Limits(call=0.3))
    assert certificate.verdict == "refuted"
    assert certificate.findings[0].reason == "no answer within 0.3 s"


def test_a_busy_loop_that_ignores_signals_is_ended(tmp_path):
    body = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: pass"
    certificate = judged(tmp_path, body, limits=Limits(call=0.3))
    assert certificate.findings[0].reason == "no answer within 0.3 s"


def test_memory_is_limited(tmp_path):
    limits = Limits(memory=1024)
    with pytest.raises(GradcertError, match=r"MemoryError: .*; 1024 MiB are allowed; to fix it: allow it more"):
        judged(tmp_path, "return np.ones(10**10)", limits=limits)
    certificate = judged(tmp_path, "return np.ones(10**10) if len(CALLS) > 1 else g", limits=limits)
    assert certificate.verdict == "inconclusive"  # the judge's limit refutes nobody
    assert "MemoryError" in certificate.findings[0].reason
    certificate = judged(tmp_path, "return os._exit(1) if len(CALLS) > 1 else g", limits=limits)
    assert certificate.verdict == "refuted"  # and is no excuse for what ends for another reason


def test_the_campaign_goes_on_after_a_crash(tmp_path):
    certificate = judged(tmp_path, "if problem.network.depth == 1: os._exit(3)\nreturn g")
    assert certificate.counts == {"passed": 1, "failed": 1, "blocked": 0}
    assert certificate.verdict == "refuted"


def test_what_is_printed_reaches_nobody(tmp_path, capfd):
    certificate = judged(tmp_path, "print('noise'); os.write(1, b'more noise'); print('{}', flush=True)\nreturn g")
    assert certificate.verdict == "certified"
    assert capfd.readouterr().out == ""


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("g['layers.0.b'] = g['layers.0.b'] + len(CALLS); return g", "state kept between calls"),
        ("g['layers.0.b'] = g['layers.0.b'] + (len(CALLS) > 2); return g", "state kept between calls"),
        ("g['layers.0.b'] = g['layers.0.b'] + time.time(); return g", "not deterministic"),
    ],
)
def test_state_and_chance_are_told_apart(tmp_path, body, cause):
    certificate = judged(tmp_path, body)
    assert certificate.verdict == "refuted"
    assert cause in {f.cause for f in certificate.findings if f.check == "repeat"}


def test_an_earlier_result_that_changes_is_noticed(tmp_path):
    body = "STORE = globals().setdefault('STORE', {})\nfor k, v in g.items():\n"
    body += "    STORE.setdefault((k, v.shape), np.zeros_like(v))[...] = v\n"
    certificate = judged(tmp_path, body + "return {k: STORE[k, v.shape] for k, v in g.items()}")
    assert certificate.verdict == "refuted"
    assert "share memory" in {f.cause: f.cause for f in certificate.findings}.popitem()[0]


def test_a_package_that_is_not_found_beside_the_command_is_told_how(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in ("tests", "spikes", "src/inside"):
        (tmp_path / place).mkdir(parents=True)
    said = []
    for name in ("spikes", "inside", "spikes.rules", "nowhere"):
        (tmp_path / "tests" / "subject.py").write_text(f"import {name}\n")
        if name == "spikes.rules":
            monkeypatch.setenv("PYTHONPATH", ".")
        with pytest.raises(GradcertError) as found:
            certify("tests/subject.py:f", rule="bptt", cells="rnn", profile="quick")
        said.append(found.value.given)
    told = [reason.rpartition("found with ")[2] if "found with" in reason else "" for reason in said]
    assert told == ["PYTHONPATH=. before the command", "PYTHONPATH=src before the command", "", ""], said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "import no_such_library",
            "importing the subject raised ModuleNotFoundError: No module named 'no_such_library'",
        ),
        ("def other(problem): return {}", "has no attribute 'gradients'"),
        ("gradients = 3", "a int is not callable"),
        ("import os; os._exit(1)", "the subject does not start: the process ended: exit status 1"),
        ("def gradients(:", "importing the subject raised SyntaxError"),
    ],
)
@pytest.mark.parametrize("claim", [{"rule": "bptt", "cells": "rnn"}, {}], ids=["given", "none"])
def test_a_subject_that_does_not_start_is_a_usage_error_whatever_is_claimed(tmp_path, text, reason, claim):
    path = tmp_path / "subject.py"
    path.write_text(text + "\n")
    with pytest.raises(GradcertError, match="check the subject's name, and run it by itself") as found:
        certify(f"{path}:gradients", profile="quick", **claim)
    said = str(found.value)
    assert said.count(reason) == 1 and "replaced.py" not in said and "importlib" not in said
