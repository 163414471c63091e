"""An interrupt ends the processes of a pool at once, and without a word."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from gradcert.reference.workers import pool

WORK = """
import sys, time
from gradcert.reference.workers import pool

if __name__ == "__main__":
    with pool(2, sys.argv[1]) as working:
        print("begun", flush=True)
        list(working.map(time.sleep, [30, 30, 30]))
"""


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("wait", [0.0, 0.3, 2.0])  # while the processes come, and while they work
@pytest.mark.parametrize("method", ["forkserver", "spawn"])
@pytest.mark.parametrize("all_hear", [True, False])
def test_workers_are_silent(tmp_path, method, wait, all_hear):
    (tmp_path / "work.py").write_text(WORK)
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "work.py", method],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heard,
        start_new_session=True,
    )
    process.stdout.readline()
    time.sleep(wait)
    begun = time.monotonic()
    (os.killpg if all_hear else os.kill)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=25)
    assert time.monotonic() - begun < 20
    assert errors.count("Traceback") == 1 and "KeyboardInterrupt" in errors  # this one's own


def test_a_worker_that_has_begun_hears_interrupts():  # it is started deaf
    with pool(1, "spawn") as working:
        blocked = working.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()
    assert signal.SIGINT not in blocked


def test_processes_of_somebody_else_are_left_alone():
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    other.start()
    with pytest.raises(KeyboardInterrupt), pool(1, "spawn") as working:
        working.submit(abs, -1).result()
        raise KeyboardInterrupt
    alive = other.is_alive()
    other.terminate()
    other.join()
    assert alive
