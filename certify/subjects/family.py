"""The processes that a subject has started: how many there are, and an end to all of them.

A subject's process adopts its orphans (`confine`), so as long as it lives everything it started is below it, in
whatever session. Once it is gone a mark in the environment finds what is left; a forked callable has no such mark, and
there the session is what is known. Where there is no ``/proc``, the session is all there is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import uuid

MARK = "GRADCERT_SUBJECT"
ROUNDS = 50  # of stopping what is new: a stopped process starts nothing, so a bomb is out of breath soon


def mark() -> str:
    """Return a value of the environment variable `MARK` that no other subject has."""
    return uuid.uuid4().hex


def below(pid: int) -> list[int]:
    """Return the living descendants of a process, parents before children; none where the system does not tell."""
    children: dict[int, list[int]] = {}
    for other, (parent, state) in _table().items():
        if state != "Z":
            children.setdefault(parent, []).append(other)
    out, waiting = [], [pid]
    while waiting:
        found = children.get(waiting.pop(), [])
        out += found
        waiting += found
    return out


def _table() -> dict[int, tuple[int, str]]:
    """Return pid -> (parent, state) of every process."""
    out = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b")")[2].split()[:2]  # a name may hold spaces and brackets
                    out[int(name)] = int(parent), state.decode()
    return out


def marked(value: str) -> list[int]:
    """Return the processes that inherited a mark."""
    wanted, out = f"{MARK}={value}".encode(), []
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                    if wanted in file.read().split(b"\0"):
                        out.append(int(name))
    return out


def end(pid: int, value: str | None = None, *, reaped: bool = False) -> None:
    """Kill a process that leads a session, everything below it, and everything that bears its mark.

    Parameters
    ----------
    pid, value : the process and its mark.
    reaped : whether its end has been waited for, so that its number may be another's by now.
    """
    if not reaped:
        _signal(pid, signal.SIGSTOP)
    stopped: set[int] = set()
    for _ in range(ROUNDS):
        found = [*(() if reaped else below(pid)), *(marked(value) if value else ())]
        fresh = [other for other in found if other not in stopped]
        if not fresh:
            break
        for other in fresh:
            _signal(other, signal.SIGSTOP)
        stopped.update(fresh)
    for other in stopped - {pid}:
        _signal(other, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    if not reaped:
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
