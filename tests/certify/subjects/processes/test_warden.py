"""A warden above every subject: nothing outlives the run or the judge, and nothing tells a subject of being judged."""

import json
import mmap
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gradcert.certify.subjects import THREADS, Ahead, Failure, Limits, Subject, Worker
from gradcert.certify.subjects.processes import family, usage
from gradcert.certify.subjects.subject import opaque
from gradcert.reference.networks import Layer, Network, Problem, Rnn

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
NETWORK = Network(layers=(Layer(Rnn(), inputs=2, units=2),))
PROBLEM = Problem(NETWORK, NETWORK.parameters(), np.ones((2, 1, 2)), np.zeros((2, 1, 2)), id="rnn/1/bounded/0")
DAEMON = """
import os, sys, time

def daemon(problem):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        with open(PIDS, "a") as file:
            file.write(f"{os.getpid()}\\n")
        os.execve("/bin/sleep", ["sleep", "60"], {})  # an environment of its own: empty
    time.sleep(0.5)
    END
    return {}
"""


def gone(*pids):
    """Whether processes end within a moment."""
    for _ in range(250):
        if not any(running(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def left(path):
    """The processes that a subject has written down."""
    for _ in range(250):
        if path.exists() and path.read_text().endswith("\n"):
            return [int(line) for line in path.read_text().split()]
        time.sleep(0.02)
    raise AssertionError("nothing was started: the test shows nothing")


def subject(folder, text, name, **options):
    path = folder / "subject.py"
    path.write_text(text.replace("PIDS", repr(str(folder / "pids"))))
    return Subject(f"{path}:{name}", **options)


@pytest.mark.parametrize("end", ["pass", "os._exit(3)", "os.kill(os.getpid(), 11)"])
def test_a_daemon_that_cleared_its_environment_goes_when_its_parent_does(tmp_path, end):
    worker = subject(tmp_path, DAEMON.replace("END", end), "daemon").start()
    answer = worker.ask(PROBLEM)
    pids = left(tmp_path / "pids")
    worker.stop()
    assert gone(*pids)
    if end != "pass":
        said = {"os._exit(3)": "exit status 3", "os.kill(os.getpid(), 11)": "signal SIGSEGV"}[end]
        assert answer.failure.reason == f"the process ended: {said}"  # the warden ends as the subject did


JUDGE = """
import sys, time
from gradcert.certify.subjects import Subject
from gradcert.certify.subjects.processes import family
def closure():
    return lambda problem: {}
worker = Subject(sys.argv[1] if len(sys.argv) > 1 else closure()).start()
print(*family.below(worker.process.child.pid), worker.process.child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["named", "forked"])
def test_a_subject_dies_with_the_judge(tmp_path, kind):
    name = subject(tmp_path, "def right(problem): return {}", "right").name
    words = [sys.executable, "-c", JUDGE, *([name] if kind == "named" else [])]
    judge = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    with judge.stdout:
        pids = [int(word) for word in judge.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(running, pids))
        judge.kill()
        judge.wait()
    assert gone(*pids)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
def test_a_subject_dies_with_its_warden(tmp_path):
    worker = subject(tmp_path, "def right(problem): return {}", "right").start()
    (pid,) = family.below(worker.process.child.pid)
    os.kill(worker.process.child.pid, signal.SIGKILL)
    assert gone(pid)
    worker.stop()


SEES = """
import json, os, sys

def sees(problem):
    told = [sorted(os.environ), problem.id, dict(os.environ).get("OMP_NUM_THREADS")]
    raise RuntimeError(json.dumps(told))
"""


@pytest.mark.parametrize("ordinary", [False, True])
def test_no_mark_tells_a_subject_that_it_is_judged(tmp_path, monkeypatch, ordinary):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    worker = subject(tmp_path, SEES, "sees").start(ordinary=ordinary)
    reason = worker.ask(PROBLEM).failure.reason
    worker.stop()
    names, told, threads = json.loads(reason.removeprefix("it raised RuntimeError: "))
    assert set(names) - {"LC_CTYPE"} <= {*os.environ, *(() if ordinary else THREADS)}
    assert threads == (None if ordinary else "1")
    assert "/" not in told
    assert told == opaque(PROBLEM)


KEEPS = """
import numpy as np
shared = np.zeros((2, 2))

def keeps(problem):
    shared[:] += 1
    return {"layers.0.W": shared}
"""


def test_what_is_said_of_a_problem_names_the_case(tmp_path):
    worker = subject(tmp_path, KEEPS, "keeps").start()
    worker.ask(PROBLEM)
    assert worker.ask(PROBLEM).rewritten == ("layers.0.W of rnn/1/bounded/0",)
    worker.stop()


HOLDS = {  # 4 x 80 MB, each process below the limit: how they are held
    "children": "for _ in range(4):\n    if os.fork() == 0:\n        kept = b'x' * 80_000_000\n        time.sleep(60)",
    "shared pages": "kept = [mmap.mmap(-1, 80_000_000) for _ in range(4)]\nfor m in kept: m.write(b'x' * 80_000_000)",
    "a file in memory": "f = os.memfd_create('kept')\nfor _ in range(4): os.write(f, b'x' * 80_000_000)",
}


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no proportional sizes")
@pytest.mark.parametrize("how", HOLDS)
def test_memory_is_a_total(tmp_path, how):
    body = "".join(f"    {line}\n" for line in HOLDS[how].split("\n"))
    text = f"import mmap, os, time\ndef holds(problem):\n{body}    time.sleep(20)\n    return {{}}"
    worker = subject(tmp_path, text, "holds", limits=Limits(memory=256)).start()
    assert isinstance(worker, Worker), worker
    failure = worker.ask(PROBLEM).failure
    assert failure.kind == "flooded"
    assert failure.reason.startswith("more than 256 MiB in all its processes, shared pages")


def test_pages_that_are_shared_count_once():
    """64 MiB that both have touched, on top of what a fork shares until one of them writes."""
    with mmap.mmap(-1, 2**26) as shared:
        shared.write(b"x" * 2**26)
        alone = usage.pages([os.getpid()])
        child = os.fork()
        if child == 0:
            touched = sum(shared[place] for place in range(0, 2**26, 4096))
            time.sleep(60 if touched else 0)
            os._exit(0)
        try:
            time.sleep(0.5)
            both = usage.pages([os.getpid(), child])
            assert both is None or both < alone + 2**25
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def test_a_program_that_prints_is_told_so():
    worker = Subject(["sh", "-c", "read line; echo hello; sleep 5"]).start()
    failure = worker.ask(PROBLEM).failure
    assert isinstance(failure, Failure)
    assert "it begins with 'hello'" in failure.reason
    assert failure.reason.endswith("what a program prints for people belongs on standard error")


def test_what_is_asked_beside_the_rest_ends_with_it_and_so_does_the_thread_that_waits(tmp_path):
    text = 'open(PIDS, "w").write(f"{os.getpid()}\\n"); time.sleep(600)'
    asked = Ahead.of(subject(tmp_path, f"import os, time\ndef f(problem):\n    {text}\n", "f"), PROBLEM)
    pids = left(tmp_path / "pids")
    assert not asked.future.done()
    asked.stop()
    assert asked.future.result().failure.kind == "died"
    assert gone(*pids)
