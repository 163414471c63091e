"""Processes that work for this one, which an interrupt ends without a word: that is this one's to say."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor


@contextmanager
def _deaf() -> Iterator[None]:
    """Hear of an interrupt afterwards: what is started, and handed its work, is so as a whole; it inherits the mask."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = list[int]()
    handler = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))  # by a thread of a library, say
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def pool(number: int, method: str) -> Iterator[ProcessPoolExecutor]:
    """Give a pool; an interrupt ends its processes, and what they were at.

    Parameters
    ----------
    method : how processes are started.

    Examples
    --------
    >>> with pool(2, "spawn") as working:
    ...     list(working.map(abs, [-1, -2, 3]))
    [1, 2, 3]
    """
    import multiprocessing  # late: it puts a name into sys.modules
    from concurrent.futures import ProcessPoolExecutor

    class Pool(ProcessPoolExecutor):
        """A pool that starts its processes deaf to interrupts: one that is imported when it comes would print where."""

        def submit(self, function: Callable[..., Any], /, *args: Any, **words: Any) -> Future[Any]:
            with _deaf():  # this is where processes are started
                return super().submit(function, *args, **words)

    working = Pool(number, mp_context=multiprocessing.get_context(method), initializer=_begin)
    try:
        yield working
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        for process in [*(working._processes or {}).values()]:  # its own, and nobody else's
            process.terminate()
        raise
    finally:
        working.shutdown(cancel_futures=True)


def _begin() -> None:
    """Hear interrupts, as what is started from here has to, and end by them."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
