"""What does not fit in a test file is said in a sentence with its place: a traceback through gradcert says no more."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any


def at(path: str | Path, line: int, root: Path) -> str:
    """Return a place as it is shown: relative to the root of the session."""
    return f"{Path(os.path.relpath(path, root)).as_posix()}:{line}"


def sentence_of(error: BaseException, path: Path | None, root: Path) -> str:
    """Return what is said of an error that came while a file was collected, or "" for one that is not of gradcert.

    A word that is no option is a TypeError, as of Python's own functions.

    Parameters
    ----------
    path : the file; its innermost line on the way to the error is the place.
    """
    errors = sys.modules.get("gradcert.reference.errors")  # not imported: then nothing of it was raised
    frames = traceback.extract_tb(error.__traceback__)
    ours = errors is not None and isinstance(error, errors.GradcertError)
    if path is None or not (ours or (isinstance(error, TypeError) and frames and frames[-1].name == "check_keywords")):
        return ""
    line = next((f.lineno for f in reversed(frames) if f.lineno and Path(f.filename).absolute() == path), 1)
    return f"{at(path, line, root)}: {error}"


def shorten(report: Any, error: BaseException | None, path: Path | None, root: Path) -> None:
    """Have a report of what was collected show the sentence alone."""
    if error is not None and (said := sentence_of(error, path, root)):
        report.longrepr = said
