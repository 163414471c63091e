"""Standard output and error, as every command has them: what has no code is escaped, and a reader may leave."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

GONE = 141  # what shells say of a program that SIGPIPE ended


class _Raw(io.FileIO):
    """A stream of the process that ends it, without a word, where whoever read it has enough.

    It is done here, below whatever writes: libraries that print make another status of a closed pipe.
    """

    def write(self, data: Any) -> int:
        """Write bytes."""
        try:
            return super().write(data)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())  # what is flushed from now on
            raise SystemExit(GONE) from None


def prepare() -> None:
    """Make the interpreter's own streams such; what somebody has put in their place stays."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:  # closed: no file that is opened later may have its number, nor a subject's pipe
            mode = "w" if number else "r"
            setattr(sys, name, open(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8", closefd=False))
    if sys.stdout is sys.__stdout__:
        sys.stdout = _prepared(sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _prepared(sys.stderr)


def _prepared(stream: Any) -> Any:
    stream.reconfigure(errors="backslashreplace")  # as Python has it for standard error
    unbuffered = isinstance(stream.buffer, io.RawIOBase)
    if not isinstance(stream.buffer if unbuffered else stream.buffer.raw, io.FileIO):  # a console of Windows
        return stream
    stream.flush()
    raw = _Raw(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
