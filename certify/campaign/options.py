"""How a campaign is to be run: what its options may be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gradcert.certify.subjects import Limits
from gradcert.reference.checks import check_number, check_size
from gradcert.reference.errors import GradcertError


def check_options(
    *, limits: Any, progress: Any, jobs: Any, cluster: Any, python: Any, repair: Any, resume: Any
) -> Path | None:
    """Return the file of a journal, if there is one.

    Raises
    ------
    GradcertError : for an option of another kind than `gradcert.certify.campaign.certify` takes.

    Examples
    --------
    >>> plain = {"progress": None, "jobs": 1, "cluster": None, "python": None, "repair": 0, "resume": None}
    >>> check_options(limits=Limits(), **{**plain, "resume": "run.journal"}).name
    'run.journal'
    >>> check_options(limits=3, **plain)
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: limits=3; allowed: gradcert.Limits(call=30.0, start=120.0, ...
    """
    if not isinstance(limits, Limits):
        raise GradcertError(f"limits={limits!r}", allowed=f"gradcert.{Limits()}")
    for name in ("call", "start"):
        check_number(f"limits.{name}", getattr(limits, name), above=0.0)
    if limits.memory is not None:
        check_size("limits.memory", limits.memory)
    check_size("limits.processes", limits.processes)
    check_size("jobs", jobs)
    if progress is not None and not callable(progress):
        raise GradcertError(f"progress={progress!r}", allowed="a function (done, total, what), or None")
    if cluster is not None and not isinstance(cluster, str):
        raise GradcertError(f"cluster={cluster!r}", allowed="the address of a Dask scheduler, a text, or None")
    if python is not None and not isinstance(python, (str, os.PathLike)):
        raise GradcertError(f"python={python!r}", allowed="the path of an interpreter, or None")
    if resume is not None and not (isinstance(resume, (str, os.PathLike)) and os.fspath(resume)):
        raise GradcertError(f"resume={resume!r}", allowed="the path of a journal, or None")
    number = isinstance(repair, (int, float)) and not isinstance(repair, bool)
    if not number or not 0 <= repair < float("inf"):
        raise GradcertError(f"repair={repair!r}", allowed="a number of seconds", do="repair=0 looks for none")
    return None if resume is None else Path(resume)
