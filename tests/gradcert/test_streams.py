"""The streams of a command: a reader that has enough, an encoding that lacks letters, a closed one."""

import os
import subprocess
import sys

import pytest

RUN = [sys.executable, "-m", "gradcert"]
RIGHT = """
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

def gradients(p):
    return reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES["bptt"])
"""
CERTIFY = ("certify", "right.py:gradients", "--rule", "bptt", "--cells", "rnn", "--profile", "quick")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words",
    [CERTIFY, (*CERTIFY, "--json", "-"), ("rules",), ("losses", "--json"), ("theorems", "--json", "-"), ("--help",)],
)
def test_a_reader_that_has_enough_is_141_and_no_verdict(tmp_path, words, unbuffered):
    (tmp_path / "right.py").write_text(RIGHT)
    read, write = os.pipe()
    os.close(read)
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        [*RUN, *words], cwd=tmp_path, env=env, stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_cannot_be_encoded_is_escaped(tmp_path, encoding):
    (tmp_path / "λ.py").write_text("def gradients(problem):\n    return {}\n")
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    for words, said in (
        (("hardware", "loihi"), ""),
        (("certify", "λ.py:gradients", *CERTIFY[2:]), r"\u03bb.py:gradients"),
    ):
        done = subprocess.run([*RUN, *words], cwd=tmp_path, env=env, capture_output=True, check=False)
        assert done.returncode == bool(said), done.stderr
        assert said in done.stdout.decode(encoding)


def test_streams_that_are_closed_are_nobodys_numbers(tmp_path):
    (tmp_path / "right.py").write_text(RIGHT)
    for closed in (">&-", "<&-", ">&- 2>&-"):
        done = subprocess.run(
            ["bash", "-c", f'"$@" {closed}', "-", *RUN, *CERTIFY], cwd=tmp_path, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b""), closed
