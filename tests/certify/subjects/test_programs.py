"""Programs in any language over lines of JSON, and other interpreters."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.claims import read_claim
from gradcert.certify.subjects.answers import from_program
from gradcert.certify.subjects.subject import Limits
from gradcert.reference import GradcertError

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
PROGRAM = """
import json, sys
from gradcert.reference.networks import problem_from_json
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

N = []
HELLO
for line in sys.stdin:
    p = problem_from_json(line)
    g = reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES["bptt"])
    g = {k: v.tolist() for k, v in g.items()}
    CHANGE
    print(json.dumps({"gradients": g}), flush=True)
"""


def judged(tmp_path, change="pass", hello="", **options):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.replace("CHANGE", change).replace("HELLO", hello))
    return certify([sys.executable, str(path)], rule="bptt", cells="rnn", profile="quick", **options)


def test_a_right_program_is_certified(tmp_path):
    certificate = judged(tmp_path)
    assert certificate.verdict == "certified", certificate.reason
    assert certificate.subject.endswith("program.py")


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("g['layers.0.b'][0] += 1e-9", "gradient: it equals bptt but for "),
        (
            "g['layers.0.W'] = 'none'",
            "gradient layers.0.W is no array of numbers: it is a text, 'none'; allowed: numbers",
        ),
        (
            "g['layers.0.W'] = [[1.0], [1.0, 2.0]]",
            "its rows 0 and 1 have 1 and 2 entries; allowed: numbers of shape (4, 3)",
        ),
        ("g['layers.0.b'][0] = None", "gradient layers.0.b is no array of numbers: it has null at [0]"),
        ("g['layers.0.b'][0] = True", "gradient layers.0.b is no array of numbers: it has true at [0]"),
        ("g['layers.0.W'][1][2] = '3'", "it has a text, '3' at [1, 2]"),
        ("g['layers.0.b'][0] = float('nan')", "gradient layers.0.b holds 1 entries of 4 that are NaN"),
        ("del g['layers.0.H']", "missing layers.0.H"),
        ("g = 'x' * 60", "the answer holds no gradients, but a text, 'xxx"),
        (
            "print(json.dumps({'grads': g}), flush=True); continue",
            "the answer holds no gradients, but grads; allowed: ",
        ),
        ("N.append(0); len(N) > 1 and print('hello')", "the answer is not the protocol's JSON: it begins with 'hello'"),
        (
            "N.append(0); len(N) > 1 and print('[1, 2]')",
            "the answer is not the protocol's JSON: it begins with '[1, 2]'",
        ),
        ("print(json.dumps({'gradients': g}), flush=True)", "one line too many: a problem is answered with one"),
        ("print(json.dumps({'error': 'no such cell'}), flush=True); continue", "it says: no such cell"),
        ("print('{}', flush=True); continue", "the answer holds no gradients"),
        ("N.append(0); len(N) > 1 and sys.exit(5)", "the process ended: exit status 5"),
    ],
)
def test_a_wrong_program_is_refuted(tmp_path, change, reason):
    certificate = judged(tmp_path, change)
    assert certificate.verdict == "refuted"
    assert reason in certificate.reason
    assert certificate.findings[0].replay.startswith(
        "gradcert certify --seed 0 --profile quick --rule bptt --cells rnn -- "
    )


@pytest.mark.parametrize(
    ("hello", "change", "said"),
    [
        ("sys.exit(0)", "pass", "the process ended: exit status 0"),
        ("", "sys.exit(5)", "the process ended: exit status 5"),
        ("print('Hello, ready', flush=True)", "pass", "'Hello, ready'"),
        ("print(json.dumps({'hello': 1}), flush=True)", "pass", "hello"),
        ("", "print('loss 0.3')", "it begins with 'loss 0.3'"),
    ],
)
def test_a_program_that_never_answers_has_not_started(tmp_path, hello, change, said):
    with pytest.raises(GradcertError, match=r"the program does not start: .*waits for a line of JSON") as error:
        judged(tmp_path, change, hello)
    assert said in str(error.value)


def test_a_programs_memory_is_limited(tmp_path):
    """What the judge allows refutes nobody: what never answers is a usage error, what answered is undecided."""
    limits = Limits(memory=1024)
    with pytest.raises(GradcertError, match=r"with the memory that it is allowed: .* 1024 MiB are allowed; .*--memory"):
        judged(tmp_path, "bytearray(10**10)", limits=limits)
    certificate = judged(tmp_path, "N.append(0); len(N) > 1 and bytearray(10**10)", limits=limits)
    assert certificate.verdict == "inconclusive"
    assert "1024 MiB are allowed: a limit of this run" in certificate.reason
    assert "MemoryError" in "\n".join(certificate.findings[0].where["output"])
    wrong = "g['layers.0.b'][0] += 1; N.append(0); len(N) > 1 and bytearray(10**10)"
    assert judged(tmp_path, wrong, limits=limits).verdict == "refuted"  # what it did answer was wrong


def test_a_program_that_does_not_flush_is_told_so():
    words = [sys.executable, "-c", "out = open(1, 'w'); [out.write('{}') for line in open(0)]"]
    found = certify(words, rule="bptt", cells="rnn", depths=1, profile="quick", limits=Limits(call=0.3))
    assert found.findings[0].reason.endswith(
        "s; a program has to flush its output after every line (fflush(stdout) in C)"
    )


def test_no_such_program_is_a_usage_error():
    for command in (["/no/such/program"], [], [3]):
        with pytest.raises(GradcertError):
            certify(command, rule="bptt", cells="rnn", profile="quick")


def test_integers_are_numbers():
    answer = from_program({"gradients": {"layers.0.b": [1, 2]}, "loss": 3})
    assert answer.gradients["layers.0.b"].dtype == "float64"
    assert answer.loss == 3.0


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_javascript_is_certified():
    found = certify(["node", str(EXAMPLES / "rtrl.mjs")], rule="rtrl", cells="rnn", profile="quick")
    assert found.verdict == "certified", found.reason


@pytest.mark.long
@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_javascript_reads_a_graph_and_another_one_is_not_taken_for_it():
    claim = read_claim(EXAMPLES / "claims" / "feedback.toml")
    command = ["node", str(EXAMPLES / "claims" / "feedback.mjs")]
    found = certify(command, claim=claim, profile="quick")
    assert found.verdict == "certified", found.reason
    connections = [{**c, "lag": 2} if "lag" in c else c for c in claim.network["connections"]]
    found = certify(command, claim=claim, network={**claim.network, "connections": connections}, profile="quick")
    assert "it says: another graph: high -> low 2" in found.reason


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is installed")
def test_c_is_certified(tmp_path):
    program = tmp_path / "ottt"
    source = EXAMPLES / "ottt.c"
    subprocess.run(["cc", "-O2", "-ffp-contract=off", "-o", program, source, "-lm"], check=True)
    found = certify([str(program)], rule="ottt", cells="lif", profile="quick")
    assert found.verdict == "certified", found.reason


SUBJECT = """
import sys
import gradcert
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

assert "no site" in sys.argv or sys.flags.no_site

@gradcert.claim(rule="bptt", cells="rnn", depths=1)
def gradients(p):
    return reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES["bptt"])
"""


def test_an_interpreter_without_gradcert_finds_the_rooms(tmp_path):
    # -S: no .pth files, so that only NumPy is there
    packages, python = sysconfig.get_paths()["purelib"], tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    (tmp_path / "subject.py").write_text(SUBJECT)
    found = certify(f"{tmp_path}/subject.py:gradients", python=str(python), profile="quick")
    assert found.verdict == "certified", found.reason


def test_no_such_interpreter_is_a_usage_error(tmp_path):
    (tmp_path / "subject.py").write_text(SUBJECT)
    with pytest.raises(GradcertError, match="does not start"):
        certify(f"{tmp_path}/subject.py:gradients", python="/no/such/python")
