"""The script that makes the peers' environments, with an interpreter that only writes down what it is asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts/peers.sh"
# `python -m venv FOLDER` makes a folder with an interpreter of the same kind; everything else is a line of the log
INTERPRETER = """#!/bin/sh
if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; else echo "$0 $*" >> "$LOG"; fi
"""


@pytest.fixture
def made(tmp_path):
    python = tmp_path / "python"
    python.write_text(INTERPRETER)
    python.chmod(0o755)
    log = tmp_path / "log"

    def run(*names):
        told = {**os.environ, "PYTHON": str(python), "WHERE": str(tmp_path), "LOG": str(log)}
        done = subprocess.run(["sh", SCRIPT, *names], env=told, capture_output=True, text=True)
        found = {p.name.removeprefix(".venv-peers-") for p in tmp_path.glob(".venv-peers-*")}
        return done, found, log.read_text() if log.exists() else ""

    return run


@pytest.mark.parametrize("names", [(), ("all",)])
def test_all_are_three(made, names):
    done, found, log = made(*names)
    assert done.returncode == 0 and found == {"torch", "jax", "nest"}
    assert all(f"scripts/peers/{name}.txt" in log for name in found)


@pytest.mark.parametrize("names", [("jax",), ("nest", "torch")])
def test_one_or_some(made, names):
    done, found, _ = made(*names)
    assert done.returncode == 0 and found == set(names)


def test_another_name_is_refused(made):
    done, found, _ = made("tf")
    assert done.returncode == 2 and not found
    assert done.stderr == "peers: no environment is called tf; there are torch, jax and nest\n"
