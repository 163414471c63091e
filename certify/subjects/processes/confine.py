"""What a subject's process is told about itself before it starts: how much data and how many processes it may have.

Nothing but the standard library is imported, since a program's process is confined by an interpreter of its own.
"""

from __future__ import annotations

import contextlib
import os

SPARE = 1024  # processes and threads beyond those that the user has now; a bomb ends there, a thread pool does not


def confine(mebibytes: int | None = None) -> None:
    """Limit the data and the processes of this process; the data of its whole family is for the judge to watch."""
    no_core()
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        if mebibytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (mebibytes * 2**20, mebibytes * 2**20))
        now, hard = _running(), resource.getrlimit(resource.RLIMIT_NPROC)[1]
        if now is not None:  # counted per user; the superuser is exempt, and is watched like everybody else
            most = now + SPARE if hard == resource.RLIM_INFINITY else min(now + SPARE, hard)
            resource.setrlimit(resource.RLIMIT_NPROC, (most, hard))


def no_core() -> None:
    """Leave no file behind when a signal ends this process."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _running() -> int | None:
    """Return how many threads this user has, or None where the system does not tell."""
    total, user = 0, os.getuid()
    try:
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    if os.stat(f"/proc/{name}").st_uid == user:
                        total += len(os.listdir(f"/proc/{name}/task"))
    except OSError:
        return None
    return total
