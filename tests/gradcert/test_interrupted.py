"""What goes wrong around a run: an interrupt, a report that cannot be written, a cluster that is not there."""

import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gradcert.commands import common
from gradcert.commands.certify import command

SLOW = "import time\ndef gradients(problem):\n    open('started', 'w').close()\n    time.sleep(60)\n"
WRONG = "def gradients(problem):\n    return {}\n"
CLAIM = ["--rule", "bptt", "--cells", "rnn", "--profile", "quick"]


@pytest.fixture
def subject(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "subject.py"
    return lambda text: path.write_text(text) and f"{path}:gradients"


def test_an_interrupt_ends_with_130(subject, tmp_path):
    name = subject(SLOW)
    words = [sys.executable, "-m", "gradcert", "certify", *CLAIM, name]
    # a run in the background of a shell ignores interrupts, and what it starts would too
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=tmp_path, preexec_fn=heard)
    for _ in range(1000):
        if (tmp_path / "started").exists():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.strip()) == (130, "gradcert: interrupted")


def test_a_report_that_cannot_be_written_is_known_before_the_run(subject, tmp_path):
    found = CliRunner().invoke(command, [*CLAIM, "--html", "no/such/folder/x.html", subject(SLOW)])
    assert found.exit_code == 2
    assert "there is no folder no/such/folder" in found.output
    assert not (tmp_path / "started").exists()


def test_a_report_that_fails_does_not_hide_the_verdict(subject, tmp_path, monkeypatch):
    def full(name, data):
        raise click.UsageError(f"{name} cannot be written: {os.strerror(28)}")

    monkeypatch.setattr(common, "put", full)
    found = CliRunner().invoke(command, [*CLAIM, "--json", "x.json", "--html", "x.html", subject(WRONG)])
    assert found.exit_code == 1
    assert "REFUTED" in found.output
    assert "x.json cannot be written: No space left on device" in found.output
    assert "x.html cannot be written" in found.output


@pytest.mark.parametrize("address", ["nonsense", "http://x:1", "tcp://127.0.0.1:none", "tcp://127.0.0.1:PORT"])
def test_no_scheduler_is_one_sentence(subject, address):
    pytest.importorskip("distributed", reason="needs Dask: pip install 'gradcert[cluster]'")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = CliRunner().invoke(command, [*CLAIM, "--cluster", address.replace("PORT", str(port)), subject(WRONG)])
    assert found.exit_code == 2
    (line,) = [line for line in found.output.splitlines() if line.startswith("Error: ")]
    assert line.startswith("Error: no Dask scheduler answers at ")
    assert not Path("started").exists()
