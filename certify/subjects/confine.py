"""What a subject's process is told about itself before it starts: memory, number of processes, whose its orphans are.

Run as a file it confines itself and becomes the command that follows: ``python confine.py MEBIBYTES COMMAND...``. That
keeps the parent out of it, where code between fork and exec is not safe among threads. Nothing but the standard library
is imported, and of that little, since every program that is judged waits for it.
"""

from __future__ import annotations

import contextlib
import os
import sys

SPARE = 1024  # processes and threads beyond those that the user has now; a bomb ends there, a thread pool does not
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def confine(mebibytes: int | None = None) -> None:
    """Limit the data and the processes of this process, and have orphans of its children handed to it."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if mebibytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (mebibytes * 2**20, mebibytes * 2**20))
        now, hard = _running(), resource.getrlimit(resource.RLIMIT_NPROC)[1]
        if now is not None:  # counted per user; the superuser is exempt, and is watched like everybody else
            most = now + SPARE if hard == resource.RLIM_INFINITY else min(now + SPARE, hard)
            resource.setrlimit(resource.RLIMIT_NPROC, (most, hard))
    adopt()


def adopt() -> None:
    """Become the parent of descendants whose own parent ends: a daemon then stays within reach."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


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


def main() -> None:
    """Become the command on the command line, confined."""
    memory, command = int(sys.argv[1]), sys.argv[2:]
    confine(memory or None)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} does not start: {error.strerror}")


if __name__ == "__main__":
    main()
