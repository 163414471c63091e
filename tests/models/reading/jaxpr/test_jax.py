"""Step functions of JAX (cases.py), read by an interpreter that has JAX: this one's threads would be in forks' way."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PEERS = ROOT / ".venv-peers-jax" / "bin" / "python"
PYTHON = sys.executable if importlib.util.find_spec("jax") and importlib.util.find_spec("flax") else str(PEERS)
needs_jax = pytest.mark.skipif(not Path(PYTHON).is_file(), reason="needs JAX in .venv-peers-jax: make peers")
FAST = ("refused", "lif")
LONG = (
    "planted compute single_precision vanilla mapped custom_vjp straight_through lstm normalised flax_gru nnx_gru "
    "orders no_network rectified"
).split()


def ran(tmp_path, *words, code=0):
    """What another interpreter prints, which finds the rooms as they are here."""
    made = [sys.executable, ROOT / "scripts" / "package_tree.py", tmp_path / "tree"]
    subprocess.run(list(map(str, made)), check=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "tree"), "JAX_PLATFORMS": "cpu"}
    command = [PYTHON, "-W", "error", *map(str, words)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def failed(tmp_path, *names):
    done = ran(tmp_path, Path(__file__).with_name("cases.py"), *names)
    return {name: why for name, why in json.loads(done.stdout).items() if why}


def test_every_case_is_asked():
    source = Path(__file__).with_name("cases.py").read_text(encoding="utf-8")
    written = [line[9 : line.index("(")] for line in source.splitlines() if line.startswith("def case_")]
    assert sorted(written) == sorted([*FAST, *LONG])


@pytest.mark.long
@needs_jax
def test_a_lif_and_what_is_refused(tmp_path):
    assert failed(tmp_path, *FAST) == {}


@needs_jax
@pytest.mark.long
def test_all_others(tmp_path):
    assert failed(tmp_path, *LONG) == {}


@needs_jax
@pytest.mark.long
def test_the_command(tmp_path):
    example = f"{ROOT / 'examples' / 'read_jax.py'}:step"
    words = ("-m", "gradcert", "read", example, "--params", "make", "--example", "x=(8,12)")
    done = ran(tmp_path, *words, "--state", "zeros")
    assert "  v = a + 0.9 * v' - cut[z']" in done.stdout.splitlines()
    assert "    z' -> v  RESET cut (read_jax.py:40)" in done.stdout.splitlines()
    assert "backward: bptt-detached-reset, by these cuts" in done.stdout.splitlines()
    wrong = ran(tmp_path, *words[:-2], "--state", "zeros", code=2)
    assert 'pass its shape, with the batch first: --example "x=(32,700)"' in wrong.stderr
    wrong = ran(tmp_path, *words[:4], "--params", "nothing", *words[-2:], code=2)
    assert "--params nothing, which read_jax.py has not" in wrong.stderr
