"""Whether a file that is asked for can be written: said before any work is done for it."""

from __future__ import annotations

import os
from pathlib import Path


def refusal(name: str | Path) -> str:
    """Return why a file cannot be written, or nothing; what is there stays as it is, and no folder is made.

    Only an attempt tells: the rights of a folder of the system's, or of a full disk, say that it could be.

    Examples
    --------
    >>> refusal("nowhere/page.html")
    'there is no folder nowhere'
    """
    path = Path(os.path.realpath(name))
    if path.is_dir():
        return "it is a folder"
    if not path.parent.is_dir():
        return f"there is no folder {Path(name).parent}"
    if path.exists() and not path.is_file():  # a pipe or a device, which an attempt might wait for
        return "" if os.access(path, os.W_OK) else "no right to do so"
    new = not path.exists()
    try:
        with path.open("ab"):
            pass
        if new:
            path.unlink(missing_ok=True)
    except OSError as error:
        return str(error.strerror or error)
    return ""
