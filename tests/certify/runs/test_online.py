"""Stepwise learners and the word "online": what is right passes, all else is refuted with its reason."""

import contextlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from junitparser import JUnitXml

from gradcert.certify.campaign.asked import judge
from gradcert.certify.campaign.campaign import certify
from gradcert.certify.campaign.verify import verify
from gradcert.certify.certificates import seal
from gradcert.certify.certificates.certificate import from_dict
from gradcert.certify.claims.claim import Claim
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.generate import generate
from gradcert.certify.report import html, junit
from gradcert.certify.runs.online import CHECKS, causality, prefix, reset
from gradcert.certify.runs.run import Run
from gradcert.certify.subjects.drive import Played, stacked
from gradcert.certify.subjects.subject import Limits, Subject, Worker
from gradcert.reference import GradcertError

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
RIGHT = """
import ctypes, gc, os, sys, time
import numpy as np
import gradcert

STORE = []
LIBC = ctypes.CDLL(None)
LIBC.malloc.restype = ctypes.c_void_p

@gradcert.claim(rule="sltt", cells="rnn", depths=1, losses="squared_error", options={"activation": "tanh"}, online=True)
class Learner:
    def start(self, start):
        START
        self.p = [start.parameters[f"layers.0.{k}"] for k in ("W", "H", "b")]
        self.h = np.zeros((start.batch, len(self.p[2])))
        self.g = [np.zeros_like(p) for p in self.p]

    def step(self, x, y):
        W, H, b = self.p
        before, self.h = self.h, np.tanh(x @ W.T + self.h @ H.T + b)
        if y is not None:
            d = (self.h - y) * (1 - self.h**2)
            self.g = [g + c for g, c in zip(self.g, (d.T @ x, d.T @ before, d.sum(axis=0)))]
        STEP
        return self.h

    def gradients(self):
        GRADIENTS
        return {f"layers.0.{k}": g for k, g in zip(("W", "H", "b"), self.g)}
"""


def text(*, start="pass", step="pass", gradients="pass"):
    out = RIGHT
    for word, body in (("START", start), ("STEP", step), ("GRADIENTS", gradients)):
        out = out.replace(f"        {word}\n", "".join(f"        {line}\n" for line in body.split("\n")))
    return out


def written(tmp_path, **parts):
    path = tmp_path / "subject.py"
    path.write_text(text(**parts))
    return f"{path}:Learner"


def built(**parts):
    """A learner that lives in no file: its process is forked, which is quicker."""
    found = {"__name__": "hostile"}
    exec(text(**parts), found)
    return found["Learner"]


def test_a_right_learner_is_certified(tmp_path):
    certificate = certify(written(tmp_path), profile="quick")
    assert certificate.verdict == "certified", certificate.reason
    assert certificate.reason.endswith("online: causal, constant memory, every prefix, every reset")
    assert [(c.id, c.verdict) for c in certificate.checks] == [(f"online/{n}/rnn/1", "passed") for n in CHECKS]
    assert certificate.checks[2].facts["arrays"] == "constant"
    data = seal.write(certificate)
    assert from_dict(json.loads(data)).checks == certificate.checks
    assert verify(data, run=True).outcome == "verified"
    assert JUnitXml.fromstring(junit.write(certificate)).tests == len(certificate.cases) + 4
    assert "What “online” means" in html.write(certificate)


def test_without_the_word_the_gradients_alone_are_judged(tmp_path):
    certificate = certify(written(tmp_path, step="STORE.append(x)"), online=False, profile="quick")
    assert certificate.verdict == "certified", certificate.reason
    assert certificate.checks == ()
    assert "checks" not in certificate.to_dict()


@pytest.mark.long
def test_written_out_by_hand():
    certificate = certify(f"{EXAMPLES}/online_ostl.py:Learner", profile="quick")
    assert certificate.verdict == "certified", certificate.reason


@pytest.mark.long
def test_right_gradients_from_stored_inputs_are_not_online():
    certificate = certify(f"{EXAMPLES}/online_in_name.py:Learner", profile="quick")
    assert certificate.verdict == "refuted"
    assert certificate.reason == "memory: what the learner holds in NumPy arrays grows with every step"
    assert {c.id: c.verdict for c in certificate.checks}["online/prefix/rnn/1"] == "passed"
    suite = next(iter(JUnitXml.fromstring(junit.write(certificate))))
    assert {(t.classname, t.name) for t in suite if not t.is_passed} == {("bptt.online", "memory/rnn/1")}
    assert certificate.reason.removeprefix("memory: ") in html.write(certificate)
    assert verify(seal.write(certificate), run=True).outcome == "verified"


CLAIM = Claim(rule="sltt", cells="rnn", depths=1, options={"activation": "tanh"}, online=True)


@pytest.fixture(scope="module")
def case():
    return generate(Spec("rnn", 1, "squared_error", "every", "bounded"), CLAIM)


@contextlib.contextmanager
def running(name, **options):
    worker = Subject(name, **options).start()
    assert isinstance(worker, Worker)
    try:
        yield Run(None, CLAIM, worker=worker)
    finally:
        worker.stop()


HOSTILE = {  # part and body: checks that refute it, and the beginning of a reason
    ("step", "x[0] = 0"): ("inputs", "the subject changed its inputs: inputs"),
    ("step", "y is None or y.fill(0)"): ("inputs", "the subject changed its inputs: targets"),
    ("step", "self.p[0] += 0.1"): ("inputs", "the subject changed its inputs: layers.0.W"),
    ("step", "return self.h.T"): ("structure", "outputs has shape"),
    ("step", "return 'soon'"): ("structure", "outputs is an array of dtype <U4 at step 1"),
    ("step", "if x[0, 0] > 0.5: return None"): ("structure", "outputs is nothing at step"),
    ("step", "raise RuntimeError('out of luck')"): ("call", "step 1: it raised RuntimeError: out of luck"),
    ("step", "os._exit(3)"): ("call", "step 1: the process ended: exit status 3"),
    ("step", "self.g[0] = self.g[0][:1]"): ("structure", "gradient layers.0.W has shape"),
    ("start", "start.inputs"): (
        "call",
        "start(): it raised AttributeError: a learner is given no inputs to begin with",
    ),
    ("start", "start.targets"): ("call", "start(): it raised AttributeError: a learner is given no targets"),
    ("gradients", "return None"): ("structure", "gradients() returned a NoneType in place of a mapping"),
    ("gradients", "raise ValueError('no')"): ("call", "gradients() after step 6: it raised ValueError: no"),
    ("gradients", "self.g = [2 * g for g in self.g]"): ("gradient", "the gradient of"),
}


@pytest.mark.parametrize(("part", "body"), HOSTILE)
def test_misbehaviour_is_refuted_with_its_reason(case, part, body):
    check, reason = HOSTILE[part, body]
    with running(built(**{part: body})) as run:
        judge(run, case, run.ask(case))
    finding = run.findings[0][1]
    assert (finding.check, finding.reason[: len(reason)]) == (check, reason)
    assert not any("stepped.py" in str(line) for line in finding.where.get("output", ()))


def test_a_step_that_hangs_is_ended(case):
    with running(built(step="time.sleep(60)"), limits=Limits(call=0.3)) as run:
        assert run.ask(case).failure.reason == "step 1: no answer within 0.3 s"
        assert run.worker is None


def test_there_is_no_future_to_look_at(tmp_path, case):
    # no array of the process is larger than a step's, and the input of a step is no part of one
    step = "big = [o for o in gc.get_objects() if isinstance(o, np.ndarray) and o.ndim == 3]\n"
    step += "assert not big and x.base is None and (y is None or y.base is None), 'the future is here'"
    with running(written(tmp_path, step=step)) as run:
        assert run.ask(case).failure is None


def test_state_kept_between_sequences_is_found(case):
    start = "self.kept = getattr(self, 'h', None)"
    step = "if self.kept is not None and self.kept.shape == self.h.shape: self.h, self.kept = self.h + self.kept, None"
    with running(built(start=start, step=step)) as run:
        outcome = reset.check(run, case)
    assert outcome.verdict == "failed"
    assert outcome.what.startswith("after sequences left half way, the same sequence ends with another layers.0.")


def test_a_gradient_that_is_not_cleared_is_found(case):
    gradients = "Learner.total = [getattr(Learner, 'total', [0] * 3)[i] + g for i, g in enumerate(self.g)]\n"
    gradients += "self.g = Learner.total if not self.h.any() else self.g"
    with running(built(gradients=gradients)) as run:
        outcome = reset.check(run, case)
    assert outcome.what.startswith(
        "before the first step, the gradient of layers.0.W, layers.0.H, layers.0.b is not zero"
    )


def test_gradients_that_are_not_of_the_prefix_are_found(case):
    # right at the end of 6 steps, held back before: credit that comes in one piece
    step = "self.n = getattr(self, 'n', 0) % 6 + 1"
    held = "if self.n < 6: return {f'layers.0.{k}': 0 * g for k, g in zip('WHb', self.g)}"
    with running(built(step=step, gradients=held)) as run:
        outcome = prefix.check(run, case)
    assert outcome.what.startswith("after step 1 of 6: the gradient of")


def test_asking_may_change_nothing(case):
    with running(built(gradients="self.h = np.nextafter(self.h, 2)")) as run:
        outcome = prefix.check(run, case)
    assert outcome.what.startswith("asked after every step, the learner ends with another layers.0.")


def test_before_the_last_step_nothing_counts():
    last = generate(Spec("rnn", 1, "squared_error", "last", "bounded"), CLAIM)
    with running(built()) as run:
        assert prefix.check(run, last).verdict == "passed"
    with running(built(step="self.g[2] = self.g[2] + (y is None)")) as run:
        assert prefix.check(run, last).what.startswith("after step 1 of 6")


class Prophet:
    """What no process can be: a learner that has the whole sequence, and credits its end at the beginning."""

    program = False

    def __init__(self, worker):
        self.worker = worker

    def play(self, problem, **options):
        played = self.worker.play(problem, **options)
        for answer in played.credited.values():
            answer.gradients["layers.0.b"] = answer.gradients["layers.0.b"] + problem.inputs[-1, 0, 0]
        return played


def test_credit_from_the_future_would_be_found(case):
    with running(built()) as run:
        assert causality.check(run, case).verdict == "passed"
        outcome = causality.check(Run(None, CLAIM, worker=Prophet(run.worker)), case)
    assert outcome.verdict == "failed"
    assert outcome.finding.cause == "credit depends on later steps"
    assert outcome.facts == {"step": 1, "arrays": ["layers.0.b"]}


def test_a_learner_gets_a_seed_for_every_draw(case):
    parts = {"start": "self.seed = start.seed", "gradients": "self.g[2] = 0 * self.g[2] + (self.seed or 0)"}
    with running(built(**parts)) as run:
        answers = run.draw(case.problem, [3, 4])
    assert [answer.gradients["layers.0.b"][0] for answer in answers] == [3.0, 4.0]


def test_a_callable_cannot_be_online():
    def gradients(problem):
        return {}

    with pytest.raises(GradcertError, match=r"claims to be online, and is a callable.*allowed: a stepwise learner"):
        certify(gradients, rule="sltt", cells="rnn", online=True)


@pytest.mark.long
def test_an_object_is_a_learner_too():
    class Lost:
        def start(self, start): ...
        def step(self, x, y): ...
        def gradients(self):
            return {}

    certificate = certify(Lost(), rule="sltt", cells="rnn", depths=1, profile="quick", online=True)
    assert certificate.verdict == "refuted"
    assert "structure: the gradient does not fit the parameters: missing" in certificate.reason


def test_outputs_of_another_shape_at_every_step():
    import numpy as np

    assert stacked([np.zeros(2), np.zeros(3)]) == "of another shape from step to step"
    assert Played().failure is None


PROGRAM = """
import json, sys
import numpy as np

def answer(m):
    global p, h, g, held
    if "measure" in m:
        return {"measured": held}
    if "start" in m:
        held = 0
        p = [np.array(m["start"]["parameters"][f"layers.0.{k}"]) for k in "WHb"]
        h, g = np.zeros((m["start"]["batch"], len(p[2]))), [np.zeros_like(v) for v in p]
        return {"measures": True}
    if "gradients" in m:
        return {"gradients": {f"layers.0.{k}": v.tolist() for k, v in zip("WHb", g)}}
    x, before = np.array(m["step"]["input"]), h
    h = np.tanh(x @ p[0].T + h @ p[1].T + p[2])
    if m["step"]["target"] is not None:
        d = (h - np.array(m["step"]["target"])) * (1 - h**2)
        g = [a + b for a, b in zip(g, (d.T @ x, d.T @ before, d.sum(axis=0)))]
    CHANGE
    return {"output": h.tolist()}

for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
"""


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        ("pass", "certified", "2 cases agree with sltt"),
        ("held += 20000", "refuted", "memory: what the learner holds by its own count grows with every step"),
        ("return {'error': 'tired'}", "refuted", "call: step 1: it says: tired"),
        ("return 3", "refuted", "call: step 1: the answer is not the protocol's JSON"),
    ],
)
def test_programs_take_steps_too(tmp_path, change, verdict, reason):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.replace("CHANGE", change))
    claim = replace(CLAIM, losses="squared_error", when="every")
    certificate = certify([sys.executable, str(path)], claim=claim, profile="quick")
    assert certificate.verdict == verdict, certificate.reason
    assert certificate.reason.startswith(reason.replace("2 cases agree", "1 case agrees"))


@pytest.mark.long
@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_javascript_is_online():
    certificate = certify(
        ["node", str(EXAMPLES / "rtrl.mjs")], rule="rtrl", cells="rnn", depths=1, profile="quick", online=True
    )
    assert certificate.verdict == "certified", certificate.reason
