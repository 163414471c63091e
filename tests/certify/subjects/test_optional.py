"""Optional arrays reach a subject in its own process, a learner step by step; they are told apart, and are watched."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.subjects import Subject
from gradcert.certify.subjects.learner import start_of
from gradcert.certify.subjects.subject import opaque
from gradcert.reference import RULES, GradcertError, reverse
from gradcert.reference.networks import Layer, Lif, Network, Problem

SUBJECT = """
from gradcert.reference import RULES, reverse

def gradients(problem):
    p = problem
    return reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES["bptt"], **p.data)

def spoils(problem):
    problem.masks["layers.0"][0] = 2
    return gradients(problem)
"""
NETWORK = Network(layers=(Layer(Lif(threshold=0.3), inputs=2, units=3),))
RNG = np.random.default_rng(0)
PROBLEM = Problem(
    NETWORK,
    NETWORK.parameters(seed=1),
    RNG.standard_normal((4, 2, 2)),
    RNG.standard_normal((4, 2, 3)),
    initial={"layers.0.v": RNG.standard_normal((2, 3))},
    weights=np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0], [1.0, 1.0]]),
    begins=np.array([[False, False], [True, False], [False, False], [False, True]]),
    masks={"layers.0": RNG.random((4, 2, 3))},
)


@pytest.mark.parametrize("function", ["gradients", "spoils"])
def test_a_subject_is_given_them_to_the_last_bit_and_may_not_write_to_them(tmp_path, function):
    (tmp_path / "subject.py").write_text(SUBJECT)
    worker = Subject(f"{tmp_path / 'subject.py'}:{function}").start()
    answer = worker.ask(PROBLEM)
    worker.stop()
    p = PROBLEM
    want = reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES["bptt"], **p.data)
    same = all(np.array_equal(answer.gradients[name], g) for name, g in want.items())
    assert (same, answer.changed) == ((True, ()) if function == "gradients" else (False, ("masks.layers.0",)))


def test_problems_that_differ_in_them_alone_have_other_names():
    others = [
        replace(PROBLEM, weights=None),
        replace(PROBLEM, begins=~PROBLEM.begins),
        replace(PROBLEM, masks={}),
        replace(PROBLEM, initial={"layers.0.v": np.zeros(3)}),
    ]
    assert len({opaque(p) for p in (PROBLEM, *others)}) == 5


class Recorder:
    """A learner that answers with what it was given of every step."""

    def start(self, start):
        self.seen = {k: np.array(v) for k, v in start.initial.items()} | {"asked": np.array(start.initial_gradient)}

    def step(self, x, y, *, weights, begins, masks):
        for name, value in {"weights": weights, "begins": begins, **masks}.items():
            self.seen[name] = np.concatenate([self.seen.get(name, value[None][:0]), value[None]])

    def gradients(self):
        return {name: value.astype(float) for name, value in self.seen.items()}


def test_a_stepwise_learner_is_told_them_step_by_step():
    asked = replace(PROBLEM, initial_gradient=True)
    worker = Subject(Recorder()).start()
    given = worker.ask(asked).gradients
    worker.stop()
    assert given["asked"] == 1 and np.array_equal(given["layers.0.v"], PROBLEM.initial["layers.0.v"])
    for name in ("weights", "begins"):
        assert np.array_equal(given[name], getattr(PROBLEM, name))
    assert np.array_equal(given["layers.0"], PROBLEM.masks["layers.0"])


def test_a_stepwise_learner_is_not_asked_for_what_is_known_at_the_end():
    with pytest.raises(GradcertError, match=r"a stepwise learner with the loss .*when='sum'"):
        start_of(replace(PROBLEM, begins=None).with_loss(when="sum"))
