"""The forms in which a certificate tells itself; what writes one is named here, and loaded when it is asked for.

A certificate is a record and knows no report: reports know certificates. As the command line names its commands
(`gradcert.cli`), this names the writers.
"""

from __future__ import annotations

import importlib
import io
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from gradcert.reference.errors import GradcertError

if TYPE_CHECKING:
    from gradcert.certify.certificates.certificate import Certificate

WRITERS = "gradcert.certify.report"
FORMS = ("html", "junit", "markdown", "badge")
WIDTH = 100  # columns of a summary


def told(certificate: Certificate, form: str, path: str | PathLike[str] | None = None) -> str:
    """Return a certificate in one of `FORMS`, and write it to a file where one is named.

    Raises
    ------
    GradcertError : for a file that cannot be written.
    """
    made = importlib.import_module(f"{WRITERS}.{form}").write(certificate)
    text = made.decode() if isinstance(made, bytes) else str(made)
    if path is not None:
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise GradcertError(f"{path} cannot be written: {error.strerror}") from None
    return text


def summary(certificate: Certificate) -> str:
    """Return what a terminal shows, without colours."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=WIDTH, color_system=None, highlight=False)
    importlib.import_module(f"{WRITERS}.terminal").write(certificate, console)
    return out.getvalue()
