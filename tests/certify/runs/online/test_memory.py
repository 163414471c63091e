"""Constant memory: learners that store everything, wherever they put it, and right ones, whose readings are noisy."""

import contextlib
import random
import shutil
import sys
from pathlib import Path

import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.problems import Spec, generate
from gradcert.certify.runs.online import growth, memory, state
from gradcert.certify.runs.run import Run
from gradcert.certify.subjects import Subject
from gradcert.reference.engines import forward

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
CLAIM = Claim(rule="sltt", cells="rnn", depths=1, options={"activation": "tanh"}, online=True)
LEARNER = """
import ctypes, gc, mmap, os, subprocess, sys, tempfile
import numpy as np

STORE = []
LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p
HOARD = "import sys\\nkept = []\\nwhile data := sys.stdin.buffer.read(4096): kept.append(data)"
IMPORT

class Learner:
    def start(self, start):
        self.p = [start.parameters[f"layers.0.{k}"] for k in ("W", "H", "b")]
        self.h = np.zeros((start.batch, len(self.p[2])))
        self.g = [np.zeros_like(p) for p in self.p]
        self.n = 0
        START

    def step(self, x, y):
        W, H, b = self.p
        before, self.h = self.h, np.tanh(x @ W.T + self.h @ H.T + b)
        d = (self.h - y) * (1 - self.h**2)
        self.g = [g + c for g, c in zip(self.g, (d.T @ x, d.T @ before, d.sum(axis=0)))]
        self.n += 1
        STEP
        return self.h

    def gradients(self):
        return {f"layers.0.{k}": g for k, g in zip(("W", "H", "b"), self.g)}
"""
pages = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs /proc")


@pytest.fixture(scope="module")
def case():
    return generate(Spec("rnn", 1, "squared_error", "every", "bounded"), CLAIM)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(memory, "STEPS", 64)


def written(folder, *, start="pass", step="pass", before=""):
    text = LEARNER.replace("IMPORT", before)
    for word, body in (("START", start), ("STEP", step)):
        text = text.replace(f"        {word}\n", "".join(f"        {line}\n" for line in body.split("\n")))
    path = folder / "subject.py"
    path.write_text(text)
    return Subject(f"{path}:Learner")


def checked(subject, case):
    return memory.check(Run(subject, CLAIM), case)


GROWS = {  # what is kept of every step, and where it is seen
    "self.seen = [*getattr(self, 'seen', ()), x]": "NumPy arrays",
    "Learner.seen = (getattr(Learner, 'seen', None), x[0, 0])": "Python objects",
    "STORE.append(None)": "Python objects",
    "self.bits = (getattr(self, 'bits', 1) << x.size) + 1": "Python objects",
    "gc.disable(); loop = [x]; loop.append(loop); STORE.append(loop)": "NumPy arrays",
    "LIBC.memset(ctypes.c_void_p(LIBC.malloc(x.nbytes)), 1, x.nbytes)": "the C heap",
}


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("step", GROWS)
def test_what_is_kept_of_every_step_is_found(tmp_path, case, step):
    outcome = checked(written(tmp_path, step=step), case)
    assert (outcome.verdict, outcome.what) == (
        "failed",
        f"what the learner holds in {GROWS[step]} grows with every step",
    )


STORES = {  # learners that store everything, none of which was found: how, and where it is seen now
    "a buffer set aside": (
        {"start": "self.kept = np.zeros((10000, start.batch, 64))", "step": "self.kept[self.n] = x"},
        "NumPy arrays is more than the state of any rule",
    ),
    "a buffer set aside, and written to, for all sequences": (
        {"before": "KEPT = np.ones((1000, 64, 64))", "step": "KEPT[self.n] = x"},
        "pages that it uses one after the other grows",
    ),
    "a buffer that grows 16-fold": (
        {
            "start": "self.kept = np.zeros((1, start.batch, 64))",
            "step": "if self.n > len(self.kept): self.kept = np.resize(self.kept, (16 * len(self.kept), *x.shape))\n"
            "self.kept[self.n - 1] = x",
        },
        "NumPy arrays is more than the state of any rule",
    ),
    "a file": (
        {"start": "self.kept = tempfile.TemporaryFile()", "step": "self.kept.write(x.tobytes())"},
        "files grows",
    ),
    "a file that is closed": ({"step": "open(os.environ['KEPT'], 'ab').write(x.tobytes())"}, "files grows"),
    "a child process": (
        {
            "start": "self.child = subprocess.Popen([sys.executable, '-c', HOARD], stdin=subprocess.PIPE)",
            "step": "self.child.stdin.write(x.tobytes())",
        },
        "the pages of its processes grows",
    ),
    "an anonymous map": (
        {"start": "self.kept = mmap.mmap(-1, 10**8)", "step": "self.kept.write(x.tobytes())"},
        "the pages of its processes grows",
    ),
    "an anonymous map that was written to": (
        {
            "before": "KEPT = mmap.mmap(-1, 10**7)\nKEPT.write(b'x' * 10**7)",
            "start": "KEPT.seek(0)",
            "step": "KEPT.write(x.tobytes())",
        },
        "pages that it uses one after the other grows",
    ),
}


@pytest.mark.long(keep=2)
@pages
@pytest.mark.parametrize("how", STORES)
def test_none_that_stores_everything_holds_constant_memory(tmp_path, case, how, monkeypatch):
    monkeypatch.setenv("KEPT", str(tmp_path / "kept"))
    parts, where = STORES[how]
    outcome = checked(written(tmp_path, **parts), case)
    assert outcome.verdict == "failed", outcome
    assert outcome.what.startswith(f"what the learner holds in {where}"), outcome


def test_a_right_learner_passes_and_what_is_not_seen_is_said(tmp_path, case):
    outcome = checked(written(tmp_path), case)
    assert outcome.verdict == "passed", outcome
    assert "not seen: what is kept on other machines" in outcome.what
    assert {outcome.facts[kind] for kind in ("arrays", "objects")} == {"constant"}
    assert outcome.facts["rate"] == growth.RATE < 1e-8


def test_what_happens_once_is_no_growth(tmp_path, case):
    once = "if self.n == 40: STORE.append(np.zeros(10**4))"
    assert checked(written(tmp_path, step=once), case).verdict == "passed"


def test_a_state_of_the_largest_rule_passes(tmp_path, case):
    """Real-time recurrent learning's: a derivative of every node by every parameter, made anew at every step."""
    start = "self.m = np.zeros((start.batch, 2, sum(p.size for p in self.p)))"
    assert checked(written(tmp_path, start=start, step="self.m = self.m * 0.5 + 1"), case).verdict == "passed"


@pytest.mark.parametrize("noise", ["steps", "saw", "walk within bounds", "one jump", "late jump"])
def test_noise_is_not_growth(noise):
    rng = random.Random(5)
    series = {
        "steps": lambda: [rng.choice((0, 10**6)) for _ in range(growth.READINGS)],
        "saw": lambda: [(7 * t + rng.randrange(13)) % 13 * 10**5 for t in range(growth.READINGS)],
        "walk within bounds": lambda: [int(1e6 * rng.random() ** 3) for _ in range(growth.READINGS)],
        "one jump": lambda: [0] * (at := rng.randrange(growth.READINGS)) + [10**8] * (growth.READINGS - at),
        "late jump": lambda: [0] * 24 + [10**8] * 8,
    }[noise]
    assert not any(growth.rises(series(), 1000) for _ in range(2000))


def test_slow_growth_under_noise_is_growth():
    rng = random.Random(5)
    for _ in range(500):
        assert growth.rises([1000 * t + rng.randrange(2000) for t in range(growth.READINGS)], 5000)


class Noisy:
    """A program that counts for itself, garbage included: `held` says what it holds after a step."""

    program = True

    def __init__(self, held):
        self.held, self.played = held, []

    def measure(self):
        return {}

    def play(self, problem, *, ask, measure):
        from gradcert.certify.subjects import Played

        self.played.append(len(problem.inputs))
        told = {t: {"told": self.held(t, len(self.played)), "pages": 10**9 * t} for t in measure}
        return Played(measured=told, steps=len(problem.inputs))


def test_growth_has_to_be_seen_twice(case):
    one = Noisy(lambda t, number: t * 10**6 if number == 1 else 5 * 10**6)
    assert memory._checked(case, one).verdict == "passed"
    assert one.played == [64, 128]
    both = Noisy(lambda t, number: t * 10**6)
    assert memory._checked(case, both).what == "what the learner holds by its own count grows with every step"


def test_a_collector_of_garbage_is_no_growth(case):
    """Used to be refuted: two of four readings, up by a few kilobytes each, under load."""
    rng = random.Random(3)
    for _ in range(300):
        noisy = Noisy(lambda t, number: 5_000_000 + rng.randrange(200_000) + 100_000 * (t > 20))
        assert memory._checked(case, noisy).verdict == "passed"


@pytest.mark.parametrize(("more", "found"), [(0, {}), (1, {"pages": "too much"})])
def test_room_set_aside_before_the_first_step_is_seen_in_pages(case, more, found):
    from gradcert.certify.subjects import Played

    problem = memory.state.long(case, memory.STEPS)
    held = 10**6 + memory.allowed(problem) + memory.SETUP + more
    played = Played(measured={t: {"pages": held} for t in memory.growth.points(memory.STEPS)}, steps=memory.STEPS)
    assert memory.seen(problem, played, {"pages": 10**6}, program=False) == found


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_a_right_program_that_collects_garbage_passes(case):
    subject = Subject(["node", str(EXAMPLES / "rtrl.mjs")], stepwise=True)
    assert checked(subject, case).verdict == "passed"


PROGRAM = """
import json, sys
kept = []
for line in sys.stdin:
    KEEP
    message = json.loads(line)
    batch = len(message["step"]["input"]) if "step" in message else 0
    print(json.dumps({"output": [[0.0]] * batch}), flush=True)
"""


@pytest.mark.long
@pages
@pytest.mark.parametrize(("keep", "verdict"), [("pass", "passed"), ("kept.append(line)", "blocked")])
def test_a_programs_pages_show_constant_memory_or_nothing(tmp_path, case, keep, verdict):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.replace("KEEP", keep))
    assert checked(Subject([sys.executable, str(path)], stepwise=True), case).verdict == verdict


@pytest.mark.long
def test_a_program_that_writes_everything_to_a_file_is_found(tmp_path, case):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.replace("KEEP", f"open({str(tmp_path / 'kept')!r}, 'a').write(line)"))
    outcome = checked(Subject([sys.executable, str(path)], stepwise=True), case)
    assert outcome.verdict == "failed", outcome
    assert "in files" in outcome.what


def test_a_long_problem_hands_over_more_than_a_state_takes(case):
    problem = state.long(case, 64)
    assert [(layer.inputs, layer.units) for layer in problem.network.layers] == [(64, 1)]
    assert memory.allowed(problem) < problem.inputs.nbytes / 3
    with contextlib.suppress(StopIteration):
        assert len(next(iter(problem.inputs))) == state.BATCH


DELAYED = {
    "inputs": ["x", "context"],
    "populations": [
        {"name": "low", "cell": "lif", "options": {"train": ["leak"]}, "shared": ["leak"]},
        {"name": "high", "cell": "rnn"},
        {"name": "out", "cell": "rnn", "options": {"recurrent": False}},
    ],
    "connections": [
        {"source": "x", "target": "low"},
        {"source": "context", "target": "high"},
        {"source": "low", "target": "high"},
        {"source": "high", "target": "low", "lag": 1},
        {"source": "high", "target": "out", "lag": 5},
    ],
}


def of_graph(**more):
    claim = Claim(rule="rtrl", network=DELAYED, losses="squared_error", when="every", online=True, **more)
    return generate(Spec("graph", 2, "squared_error", "every", "bounded"), claim)


def test_a_long_problem_of_a_graph_has_one_unit_in_every_population_and_counts_its_registers():
    problem = state.long(of_graph(), 256)  # as many as an ordinary check takes
    graph = problem.network.graph
    assert [p.units for p in graph.populations] == [1, 1, 1] and dict(graph.inputs) == {"x": 64, "context": 64}
    low, high, out = 64 + 1 + 1 + 1, 64 + 1 + 1 + 1, 1 + 1  # W of both sources, b, leak; W of both, H, b; W, b
    parameters = problem.parameters.values()
    assert sum(p.size for p in parameters) == low + high + out
    loop, top = problem.network.layers  # the output of a circuit is a node of its own
    assert set(top.cell.nodes) == {"out.high.now", *(f"out.high.late{k}" for k in range(1, 5)), "out.a", "out.z", "z"}
    numbers = len(loop.cell.nodes) * (1 + low + high) + 8 * (1 + low + high + out)
    assert state.needed(problem) == 8 * (64 * numbers + 2 * (low + high + out))
    assert memory.allowed(problem) < problem.inputs.nbytes / 3


def test_a_long_problem_of_a_graph_has_what_the_claim_names_of_the_new_sizes():
    case = of_graph(initial="trained", weights=True, begins=True, masks=("output", "v"))
    problem = state.long(case, 8)
    assert set(problem.initial) == set(case.problem.initial) and "out.high.late4" in problem.initial
    assert {k: v.shape for k, v in problem.masks.items()} == dict.fromkeys(case.problem.masks, (8, 64, 1))
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    found = forward.gradients(*given, rule=case.rule, feedback=problem.feedback, **problem.data)
    assert found["out.W"].any()


def test_sizes_that_hang_together_are_kept_in_a_graph():
    given = {**DELAYED, "connections": [dict(c) for c in DELAYED["connections"]]}
    given["connections"][0]["synapses"] = [{"kind": "sparse", "present": [[0, 0], [1, 1]]}]
    claim = Claim(rule="rtrl", network=given, losses="squared_error", when="every", online=True)
    case = generate(Spec("graph", 2, "squared_error", "every", "bounded"), claim)
    problem = state.long(case, 8)
    assert problem.network is case.problem.network and problem.parameters is case.problem.parameters
    assert problem.inputs.shape == (8, -(-64 * 64 // problem.network.inputs), problem.network.inputs)
