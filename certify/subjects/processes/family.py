"""The processes that a subject has started: which there are, and an end to all of them.

A `warden` adopts orphans, so everything that a subject starts is below its warden, in whatever session and with
whatever environment. Where there is no ``/proc``, the session is all there is. Imports little: a warden waits for it.
"""

from __future__ import annotations

import contextlib
import os
import signal

ROUNDS = 50  # of stopping what is new: a stopped process starts nothing, so a bomb is out of breath soon


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


def end(pid: int, *, reaped: bool = False, under: int | None = None) -> None:
    """Kill a process, the group that it leads, and everything below it.

    Parameters
    ----------
    pid : the process.
    reaped : whether its end has been waited for, so that its number may be another's by now.
    under : an ancestor that stays, and whose other descendants are killed too.
    """
    if not reaped:
        _signal(pid, signal.SIGSTOP)
    stopped: set[int] = set()
    for _ in range(ROUNDS):
        found = [] if reaped else below(pid)
        found += [] if under is None else below(under)
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
