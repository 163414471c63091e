"""The parent of a subject's process: it adopts what the subject leaves behind, and takes everything with it.

The judge starts a warden, the warden starts the subject. Whatever the subject starts is below the warden for as long as
the warden lives, in whatever session and with whatever environment, since the warden adopts orphans (Linux). When the
subject ends, the warden ends what is left of its family and then itself, in the same way as the subject did. When the
judge ends, its end of the lifeline, a pipe, is closed by the system, and the warden does the same. When the warden is
killed, the subject's process dies with it (Linux).

Run as a file: ``python warden.py LIFELINE MEBIBYTES COMMAND...``. Nothing but the standard library is imported, and of
that little, since every subject that is judged waits for it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys

TYPE_CHECKING = False  # which a type checker takes for true; importing typing takes longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

if __name__ == "__main__":  # run as a file, by an interpreter that need not have gradcert
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import confine  # type: ignore[import-not-found]
    import family  # type: ignore[import-not-found]

    del sys.path[0]
else:
    from gradcert.certify.subjects.processes import confine, family

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def keep(body: Callable[[], Any], lifeline: int, *, others: Iterable[int] = ()) -> NoReturn:
    """Run a body in a child, and watch over it until it, or the judge, has ended.

    Parameters
    ----------
    body : what the child does; it leaves its exit status to `os._exit`, or becomes another program.
    lifeline : a file descriptor that can be read from when the judge is gone, or says so.
    others : file descriptors beside standard input, output and error that are the child's alone.
    """
    _control(PR_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    warden = os.getpid()
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _control(PR_SET_PDEATHSIG, signal.SIGKILL)
        for fd in (lifeline, woken, wake):
            os.close(fd)
        if os.getppid() == warden:
            os.setsid()
            body()
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # the subject alone holds its pipes: they end when it does
        os.dup2(nothing, fd)
    for fd in others:
        os.close(fd)
    status = None
    while status is None:
        readable, _, _ = select.select([lifeline, woken], [], [])
        with contextlib.suppress(BlockingIOError):
            os.read(woken, 4096)
        status = _reap(child)
        if lifeline in readable and status is None:
            break
    if status is None or not _alone():
        family.end(child, reaped=status is not None, under=warden)
    _leave(status)


def _control(option: int, value: int) -> None:
    """Set an attribute of this process, where the system has it."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _alone() -> bool:
    """Return whether nothing is left below this process; only where it adopts orphans, no child means no descendant."""
    if sys.platform != "linux":
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _reap(child: int) -> int | None:
    """Wait for every child that has ended, adopted ones too; return the subject's status, if it is among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == child:
                found = status
    return found


def _leave(status: int | None) -> NoReturn:
    """End as the subject did."""
    if status is not None and os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
        confine.no_core()
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if status is not None and os.WIFEXITED(status) else 1)


def main() -> None:
    """Watch over the command on the command line, which is confined."""
    lifeline, memory, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    os.set_inheritable(lifeline, False)

    def become() -> None:
        confine.confine(memory or None)
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]} does not start: {error.strerror}\n".encode())

    keep(become, lifeline)


if __name__ == "__main__":
    main()
