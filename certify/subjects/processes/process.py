"""A process with limits on time, output and processes of its own, spoken to in lines."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradcert.certify.subjects.processes import family, usage, warden
from gradcert.reference.printable import printable

FLOOD = 16 * 2**20  # bytes on standard output and error in one call
REPLY = 256 * 2**20  # bytes of one reply
KEPT = 4000  # bytes of output that a finding quotes
LINES = 12  # of it
PROCESSES = 64  # that a subject may have at once
WATCH = 0.1  # seconds between two looks at them
PATIENT = 10  # times the limit at most, where others have the processor
FLUSH = "; a program has to flush its output after every line (fflush(stdout) in C)"
# what allocators and languages say when they get no more memory
FULL = re.compile(
    r"MemoryError|bad_alloc|out of memory|not enough memory|memory allocation|allocate memory|Unable to allocate"
    r"|std::alloc::handle_alloc_error|heap limit|OutOfMemoryError",
    re.IGNORECASE,
)
HEED = 2.0  # seconds in which a warden has to end what it watches over


@dataclass(frozen=True)
class Failure:
    """Why no reply came.

    Reason and output are made printable: they are a stranger's words.

    Attributes
    ----------
    kind : ``died``, ``hung`` or ``flooded``.
    reason : one sentence.
    output : the end of what the process printed.
    limit : whether it is for the memory that the judge allows: that says nothing of what the subject computes.
    """

    kind: str
    reason: str
    output: str = ""
    limit: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", printable(self.reason))
        object.__setattr__(self, "output", printable(self.output[-2 * KEPT :], most=2 * KEPT, lines=True))

    @property
    def where(self) -> dict[str, Any]:
        """What a finding keeps of it: the last lines of the output, and that a limit was reached, where it was."""
        text = self.output.strip()
        lines = {"output": text.splitlines()[-LINES:]} if text else {}
        return {**lines, **({"limit": "memory"} if self.limit else {})}


class Forked:
    """A forked child, with the part of `subprocess.Popen` that is needed here; its parent is a warden, as a program's.

    Parameters
    ----------
    body : called in the child with two file descriptors, of requests and replies.
    lifeline : the end of the pipe that the warden listens at.
    """

    def __init__(self, body: Callable[[int, int], None], lifeline: int) -> None:
        (self._in, to_child), (from_child, self._out) = os.pipe(), os.pipe()
        errors, self._err = os.pipe()
        self.returncode: int | None = None
        with warnings.catch_warnings():
            # a thread of the parent may hold a lock for ever in the child: then the time limit ends the call
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                os.setsid()
                os.dup2(self._err, 2)
                os.dup2(self._err, 1)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                for fd in (to_child, from_child, errors, self._err):
                    os.close(fd)
                warden.keep(lambda: self._child(body), lifeline, others=(self._in, self._out))
            os._exit(1)
        for fd in (self._in, self._out, self._err):
            os.close(fd)
        self.stdin, self.stdout, self.stderr = (
            os.fdopen(to_child, "wb"),
            os.fdopen(from_child, "rb"),
            os.fdopen(errors, "rb"),
        )

    def _child(self, body: Callable[[int, int], None]) -> None:
        status = 1
        with contextlib.suppress(BaseException):
            body(self._in, self._out)
            status = 0
        os._exit(status)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit status, or minus the signal."""
        deadline = time.monotonic() + (timeout or 0)
        while self.returncode is None:
            pid, status = os.waitpid(self.pid, 0 if timeout is None else os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            else:
                time.sleep(0.01)
        return self.returncode


class Process:
    """A child that answers one line with one line.

    Parameters
    ----------
    child : its warden's process; the child itself is the first below it.
    lifeline : the end of the pipe that keeps the warden from ending it all.
    """

    def __init__(self, child: Any, lifeline: int) -> None:
        self.child, self.lifeline, self.most = child, lifeline, PROCESSES
        self.memory: int | None = None  # MiB of the whole family
        self.hint = ""  # what may be the reason where no answer comes
        self.look, self.received = 0.0, 0
        self.buffer, self.output, self.printed = bytearray(), bytearray(), 0
        for pipe in (child.stdin, child.stdout, child.stderr):
            os.set_blocking(pipe.fileno(), False)

    @classmethod
    def spawn(
        cls, command: Sequence[str], *, environment: dict[str, str] | None = None, memory: int | None = None
    ) -> Process:
        """Start a program in a session of its own, with at most so many MiB of data."""
        if shutil.which(command[0]) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
        listened, lifeline = os.pipe()
        pipe, words = subprocess.PIPE, (str(listened), str(memory or 0), *command)
        try:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", warden.__file__, *words],
                start_new_session=True,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                bufsize=0,
                env=environment,
                pass_fds=(listened,),
            )
        finally:
            os.close(listened)
        return cls(child, lifeline)

    @classmethod
    def fork(cls, body: Callable[[int, int], None]) -> Process:
        """Fork; the child calls ``body(requests, replies)`` with two file descriptors."""
        listened, lifeline = os.pipe()
        try:
            return cls(Forked(body, listened), lifeline)
        finally:
            os.close(listened)

    def exchange(self, line: str | None, *, timeout: float) -> str | Failure:
        """Send a line, if any, and return the line that comes back."""
        begun, waited = time.monotonic(), -1.0
        deadline = begun + timeout
        pending = memoryview((line + "\n").encode() if line is not None else b"")
        replies, errors, requests = (p.fileno() for p in (self.child.stdout, self.child.stderr, self.child.stdin))
        self.printed, listening = 0, [replies, errors]
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if waited < 0 and left < timeout / 2:  # most answers come earlier: looking takes time
                waited = self._waited()
            if left <= 0:  # time in which others had the processor is not its own
                deadline = min(begun + timeout + self._waited() - waited, begun + PATIENT * timeout)
                left = deadline - time.monotonic()
            if left <= 0:
                return self.failure("hung", f"no answer within {timeout:g} s{self.hint}")
            if (excess := self._excess()) is not None:
                return self.failure("flooded", excess[0], limit=excess[1])
            readable, writable, _ = select.select(listening, [requests] if pending else [], [], min(left, WATCH))
            if writable:
                try:
                    pending = pending[os.write(requests, pending[:65536]) :]
                except BrokenPipeError:
                    pending = memoryview(b"")
            if errors in readable and not self._drain(errors):
                listening.remove(errors)
            if self.printed > FLOOD:
                return self.failure("flooded", f"more than {FLOOD // 2**20} MiB printed in one call")
            if replies in readable:
                data = os.read(replies, 1 << 20)
                self.buffer += data
                self.received += len(data)
                if not data:
                    return self.failure("died", f"the process ended: {self._end()}")
                if len(self.buffer) > REPLY:
                    return self.failure("flooded", f"an answer of more than {REPLY // 2**20} MiB")
        reply, _, rest = bytes(self.buffer).partition(b"\n")
        self.buffer = bytearray(rest)
        return reply.decode("utf-8", "replace")

    def _waited(self) -> float:
        """Return for how many seconds any one process of the family has waited for a processor."""
        return max(map(usage.waited, family.below(self.child.pid)), default=0.0)

    def _excess(self) -> tuple[str, bool] | None:
        """Return what the whole family has too much of, and whether that is memory, if it is time to look again."""
        if time.monotonic() < self.look:
            return None
        self.look = time.monotonic() + WATCH
        members = family.below(self.child.pid)
        if len(members) > self.most + 1:
            return f"more than {self.most} processes at once", False
        if self.memory is not None and usage.exceeds(members, self.memory * 2**20):
            what = "in all its processes, shared pages and files in memory included"
            return f"more than {self.memory} MiB {what}", True
        return None

    def held(self, first: bool) -> dict[str, int | None]:
        """Return what the whole family holds (`usage`); the first time, what it touches is counted from there on."""
        members = family.below(self.child.pid)
        if first:
            usage.forget(members)
        return {"pages": usage.pages(members), "files": usage.files(members), "touched": usage.touched(members)}

    def _drain(self, errors: int) -> bool:
        data = os.read(errors, 1 << 16)
        self.received += len(data)
        self.printed += len(data)
        self.output = (self.output + data)[-KEPT:]
        return bool(data)

    def _end(self) -> str:
        try:
            status = self.child.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return "its pipe was closed"
        if status < 0:
            with contextlib.suppress(ValueError):
                return f"signal {signal.Signals(-status).name}"
        return f"exit status {status}"

    def unasked(self) -> str:
        """Return the beginning of what has come before anything was asked: nothing, of whatever keeps to the lines."""
        with contextlib.suppress(OSError, ValueError):  # its pipes may be closed
            self.buffer += os.read(self.child.stdout.fileno(), 1 << 16)
        if not self.buffer.strip():
            self.buffer.clear()  # an empty line says nothing
        return self.buffer[:KEPT].decode("utf-8", "replace").strip()

    def failure(self, kind: str, reason: str, *, limit: bool = False) -> Failure:
        """Collect the last output, kill the process and say why."""
        with contextlib.suppress(OSError):
            while self._drain(self.child.stderr.fileno()) and self.printed <= FLOOD:
                pass
        self.kill()
        output = self.output.decode("utf-8", "replace")
        full = kind == "died" and self.memory is not None and FULL.search(output) is not None
        if full:
            reason += f", for want of memory: {self.memory} MiB are allowed"
        return Failure(kind, reason, output, limit or full)

    def kill(self) -> None:
        """End the process and everything it started, and close its pipes."""
        self.end()
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            with contextlib.suppress(OSError):
                pipe.close()

    def end(self) -> None:
        """End the process and everything it started: its warden is told, and ended itself if it does not listen.

        Its pipes stay: a thread that waits for an answer finds them closed at the other end.
        """
        if self.lifeline >= 0:
            with contextlib.suppress(OSError):
                os.write(self.lifeline, b"\n")
            os.close(self.lifeline)
            self.lifeline = -1
        with contextlib.suppress(subprocess.TimeoutExpired, ChildProcessError):
            self.child.wait(timeout=HEED)
        family.end(self.child.pid, reaped=self.child.returncode is not None)
        with contextlib.suppress(subprocess.TimeoutExpired, ChildProcessError):
            self.child.wait(timeout=5)
