"""Candidates run in children of the subject's process: each with a limit on time and memory, and with no way back.

A child tries one candidate after another and writes down what came of each. One that loops for ever is interrupted,
and its child is ended if it does not heed; one that takes the process with it costs that child alone.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

HUNG, DIED = "hung", "died"
SLACK = 3.0  # seconds in which a child has to heed the interruption
SPARE = 1024  # MiB that a candidate may hold beyond what the subject does


class TooLong(BaseException):
    """Raised inside a candidate that runs for too long."""


@dataclass(frozen=True)
class Runner:
    """How candidates are run.

    Attributes
    ----------
    each : seconds of the processor for one candidate.
    close : file descriptors that are the parent's alone.
    """

    each: float
    close: tuple[int, ...] = ()

    def run(self, jobs: Sequence[Any], do: Callable[[Any], Any]) -> Iterator[tuple[Any, Any]]:
        """Yield every job with what came of it: what `do` returned, as JSON has it, `HUNG` or `DIED`."""
        done = 0
        while done < len(jobs):
            for outcome in self._child(jobs[done:], do):
                yield jobs[done], outcome
                done += 1

    def _child(self, jobs: Sequence[Any], do: Callable[[Any], Any]) -> Iterator[Any]:
        """Yield outcomes in order; ends after one that was `HUNG` or `DIED`."""
        here, there = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._body(jobs, do, there, here)
        os.close(there)
        rest, count = b"", 0
        try:
            while count < len(jobs):
                deadline = time.monotonic() + 4 * self.each + SLACK
                while b"\n" not in rest:
                    ready, _, _ = select.select([here], [], [], max(0.0, deadline - time.monotonic()))
                    data = os.read(here, 1 << 16) if ready else None
                    if not data:
                        yield HUNG if data is None else DIED
                        return
                    rest += data
                line, _, rest = rest.partition(b"\n")
                count += 1
                yield json.loads(line)
        finally:
            os.close(here)
            for signal_to in (os.killpg, os.kill):
                with contextlib.suppress(OSError):
                    signal_to(pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitpid(pid, 0)

    def _body(self, jobs: Sequence[Any], do: Callable[[Any], Any], out: int, here: int) -> NoReturn:
        with contextlib.suppress(BaseException):
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(nothing, fd)
            for fd in (here, *self.close):
                os.close(fd)
            _spare()
            gc.disable()
            signal.signal(signal.SIGPROF, _interrupt)
            for job in jobs:
                outcome = self._tried(job, do)
                os.write(out, (json.dumps(outcome) + "\n").encode())
        os._exit(0)

    def _tried(self, job: Any, do: Callable[[Any], Any]) -> Any:
        try:
            signal.setitimer(signal.ITIMER_PROF, self.each)
            try:
                return do(job)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        except TooLong:
            return HUNG
        except BaseException as error:
            return {"raised": f"{type(error).__name__}: {error}"[:300]}


def _interrupt(*_: Any) -> NoReturn:
    raise TooLong


def _spare() -> None:
    """Limit the data of this process to what it has now, and some more."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            data = int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = data + SPARE * 2**20
        most = most if soft == resource.RLIM_INFINITY else min(most, soft)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
