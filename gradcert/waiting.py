"""A plain line now and then on standard error, where that is no terminal: what a long command is at, and for how long.

A terminal shows a bar (`gradcert.commands.common.progress`). A log shows nothing until the end, and who reads it cannot
tell long work from a hang. `saying` is around every command; whoever knows how far the work is tells it with `told`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

EVERY = 30.0  # seconds of silence; what is done sooner says nothing
LONG = 5.0  # seconds that one thing takes before it is said how long it has taken


@dataclass
class _State:
    """What is known of the work.

    Attributes
    ----------
    done, total : of which things, `unit`; a total of 0 is not known.
    what : what is being done.
    began, last : when the command began, and when anything was said.
    since : when what is being done began.
    """

    done: int = 0
    total: int = 0
    unit: str = ""
    what: str = ""
    began: float = field(default_factory=time.monotonic)
    last: float = field(default_factory=time.monotonic)
    since: float = field(default_factory=time.monotonic)

    def line(self) -> str:
        """Return the sentence.

        Examples
        --------
        >>> _State(40, 60, "problems", "rnn/1/long/0", began=time.monotonic() - 95).line()
        'gradcert: 40 of 60 problems, 95 s: rnn/1/long/0'
        >>> _State(1, 2, "problems", "the cause", since=time.monotonic() - 61, began=time.monotonic() - 95).line()
        'gradcert: 1 of 2 problems, 95 s: the cause, for 61 s'
        >>> _State(began=time.monotonic() - 30).line()
        'gradcert: at work, 30 s'
        """
        count = f"{self.done} of {self.total} {self.unit}".strip() if self.total else "at work"
        now = time.monotonic()
        taken = f", for {now - self.since:.0f} s" if now - self.since >= LONG else ""
        return f"gradcert: {count}, {now - self.began:.0f} s" + (f": {self.what}{taken}" if self.what else "")


_STATE = _State()


def told(done: int, total: int, what: str, unit: str = "") -> None:
    """Take down how far the work is, in printable words: the line is written by a thread, which imports nothing."""
    if (done, what) != (_STATE.done, _STATE.what):
        _STATE.since = time.monotonic()
    _STATE.done, _STATE.total, _STATE.what, _STATE.unit = done, total, what, unit


def said() -> None:
    """Take down that somebody else has just said how far it is."""
    _STATE.last = time.monotonic()


@contextmanager
def saying() -> Iterator[None]:
    """Say a line whenever nothing was said for `EVERY` seconds, until the work is done; on a terminal nothing."""
    global _STATE
    _STATE, done = _State(), threading.Event()
    if sys.stderr is None or sys.stderr.isatty():
        yield
        return
    thread = threading.Thread(target=_say, args=(done,), name="gradcert-waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(1.0)


def _say(done: threading.Event) -> None:
    while not done.wait(max(0.01, _STATE.last + EVERY - time.monotonic())):
        if time.monotonic() - _STATE.last >= EVERY:
            said()
            with suppress(OSError, ValueError):  # nobody reads it, or it is closed
                print(_STATE.line(), file=sys.stderr, flush=True)
