"""Finding and running the RTL tools (Debian: iverilog, verilator, yosys), one clear sentence where one is missing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from gradcert.reference.errors import GradcertError


def missing(*tools: str) -> list[str]:
    """Return the tools that are not on the path.

    Examples
    --------
    >>> missing("a-tool-that-nobody-has")
    ['a-tool-that-nobody-has']
    """
    return [tool for tool in tools if shutil.which(tool) is None]


def run(command: Sequence[str], *, cwd: Path, seconds: float = 120) -> str:
    """Run a tool and return what it printed; its own message is the error where it fails."""
    absent = missing(command[0])
    if absent:
        raise GradcertError(f"{command[0]} is not installed", do="run scripts/install_debian.sh (as root)")
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise GradcertError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
