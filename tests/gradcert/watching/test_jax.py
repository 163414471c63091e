"""Training loops of JAX (jax_cases.py), watched in an interpreter that has JAX; what is kept is replayed without it."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradcert import cli

ROOT = Path(__file__).parents[3]
PEERS = ROOT / ".venv-peers-jax" / "bin" / "python"
NEEDED = ("jax", "flax", "optax")
PYTHON = sys.executable if all(importlib.util.find_spec(name) for name in NEEDED) else str(PEERS)
CASES = ("compiled", "flax", "eager", "cut", "refused")


def test_the_page_shows_the_example():
    page = (ROOT / "docs" / "howto" / "jax.md").read_text(encoding="utf-8")
    example = {line.strip() for line in (ROOT / "examples" / "watch_optax.py").read_text(encoding="utf-8").splitlines()}
    shown = page.partition("```python\n")[2].partition("```")[0]
    assert [line for line in shown.splitlines() if line.strip() not in example] == []


@pytest.mark.long
@pytest.mark.skipif(not Path(PYTHON).is_file(), reason="needs JAX in .venv-peers-jax: make peers")
def test_training_loops_of_jax(tmp_path):
    made = [sys.executable, ROOT / "scripts" / "package_tree.py", tmp_path / "tree"]
    subprocess.run(list(map(str, made)), check=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "tree"), "JAX_PLATFORMS": "cpu"}
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # compiling is what it takes
    script = Path(__file__).with_name("jax_cases.py")
    lines = script.read_text(encoding="utf-8").splitlines()
    written = [line[9 : line.index("(")] for line in lines if line.startswith("def case_")]
    assert sorted(written) == sorted(CASES)
    command = [PYTHON, "-W", "error", str(script), str(tmp_path), *CASES]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {name: why for name, why in json.loads(done.stdout).items() if why} == {}
    replayed = CliRunner().invoke(cli.gradcert, ["replay", str(tmp_path / "kept.json")])
    assert replayed.exit_code == 1 and "STILL WRONG" in replayed.output, replayed.output
    assert "layer 0 keeps RESET z' -> v (watch_optax.py:" in " ".join(replayed.output.split())
