"""What was found in libraries is still there: each replay runs in the environment of its library (``make peers``)."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FINDINGS = sorted((ROOT / "examples" / "findings").glob("*.py"))
PEERS = {"norse": "torch", "snntorch": "torch", "spikingjelly": "torch", "braintrace": "jax", "nest": "nest"}


def interpreter(library):
    """An environment that has the library: this one, or one of the peers'."""
    if find_spec(library) is not None:
        return Path(sys.executable)
    return ROOT / f".venv-peers-{PEERS[library]}" / "bin" / "python"


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_replay(path):
    library = path.stem.partition("_")[0]
    python = interpreter(library)
    if not python.is_file():
        pytest.skip(f"needs {library}: make peers")
    done = subprocess.run([python, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_replay_is_on_the_page():
    page = (ROOT / "docs" / "findings.md").read_text()
    assert [path.stem for path in FINDINGS if f"findings/{path.name}" not in page] == []
