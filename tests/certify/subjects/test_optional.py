"""Optional arrays reach a subject in its own process, are told apart, and are watched; a stepwise learner has none."""

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


def test_a_stepwise_learner_is_not_asked_what_it_is_not_told():
    with pytest.raises(GradcertError, match="a stepwise learner with initial, weights, begins, masks"):
        start_of(PROBLEM)
