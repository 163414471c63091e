"""Auxiliary losses in a claim: their readouts are drawn, reach subjects and learners, are cut, reordered, and shown."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify import certify
from gradcert.certify.claims import Claim
from gradcert.certify.counterexample.smaller import batch, rounded, sizes, steps
from gradcert.certify.judging import acceptance
from gradcert.certify.problems import Spec, generate, scale
from gradcert.certify.problems.budget.envelope import ordered
from gradcert.certify.report.counterexample import given
from gradcert.certify.subjects import Subject
from gradcert.certify.subjects.learner import from_json, start_of
from gradcert.certify.subjects.subject import opaque
from gradcert.reference import RULES, forward, rule_named
from gradcert.reference.engines import gamma, objective, run
from gradcert.reference.networks import problem_from_json

LOCAL = ({"kind": "cross_entropy", "strength": 0.25, "layers": [1]}, {"kind": "squared_error", "layers": [0]})
CLAIM = Claim("bptt", "lif", 3, local=LOCAL, losses="squared_error", when="every", targets="one-hot")
CASE = generate(Spec("lif", 3, "squared_error", "every", "bounded"), CLAIM)
SUBJECT = """
from gradcert.reference import RULES, Learner, reverse

def gradients(problem):
    p = problem
    return reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=RULES["bptt"], **p.data)

def spoils(problem):
    problem.readouts["layers.0"][0] = 2
    return gradients(problem)

class Online:
    def start(self, start):
        given = {"readouts": start.readouts, "feedback": start.feedback}
        self.learner = Learner(start.network, start.parameters, rule=RULES["ostl"], steps=1, batch=start.batch, **given)

    def step(self, x, y):
        return self.learner.step(x, y)

    def gradients(self):
        return self.learner.gradients()

class Spoils(Online):
    def start(self, start):
        self.given = start.readouts
        super().start(start)

    def step(self, x, y):
        self.given["layers.0"][0] = 2
        return super().step(x, y)
"""


def test_every_hidden_layer_that_has_a_loss_of_its_own_has_a_readout():
    layers = CASE.problem.network.layers
    assert {k: v.shape for k, v in CASE.problem.readouts.items()} == {
        f"layers.{m}": (layers[2].units, layers[m].units) for m in (0, 1)
    }
    one = generate(CASE.spec, replace(CLAIM, local=LOCAL[:1]))
    assert list(one.problem.readouts) == ["layers.1"]
    for other in (replace(CLAIM, rule="decolle"), replace(CLAIM, local=())):
        assert not generate(CASE.spec, other).problem.readouts
    told = dict(acceptance.variants(CASE, CLAIM))
    assert told["layers' own losses not read"] is True


def test_they_are_part_of_the_problem(tmp_path):
    problem = CASE.problem
    again = problem_from_json(problem.to_json())
    assert all((again.readouts[k] == v).all() for k, v in problem.readouts.items()) and again.network == problem.network
    assert {f"readouts.layers.{m}" for m in (0, 1)} <= set(problem.arrays) & set(dict(given(problem.to_dict())))
    moved = {k: v + 1 for k, v in problem.readouts.items()}
    assert opaque(problem) != opaque(replace(problem, readouts=moved))
    start = from_json(json.dumps(start_of(problem).to_dict()))
    assert all((start.readouts[k] == v).all() for k, v in problem.readouts.items())
    (tmp_path / "subject.py").write_text(SUBJECT)
    for name, changed in (("gradients", ()), ("spoils", ("readouts.layers.0",)), ("Spoils", ("layers.0",))):
        worker = Subject(f"{tmp_path / 'subject.py'}:{name}").start()
        assert worker.ask(problem).changed == changed
        worker.stop()


def test_smaller_problems_keep_what_they_have():
    problem = CASE.problem
    found = [p for way in (steps, batch) for p in way(problem)] + list(sizes(problem, RULES["bptt"]))
    found += list(rounded(problem, targets=True))
    for p in found:
        units = [layer.units for layer in p.network.layers]
        assert {k: v.shape for k, v in p.readouts.items()} == {f"layers.{m}": (units[2], units[m]) for m in (0, 1)}
    small = [p for p in sizes(problem, RULES["bptt"]) if p.network.layers[2].units < problem.network.layers[2].units]
    rows = {v.tobytes() for v in problem.readouts["layers.0"]}
    assert small and all(v.tobytes() in rows for p in small for v in p.readouts["layers.0"])


def test_they_go_with_the_units_and_the_outputs():
    problem, rng = CASE.problem, np.random.default_rng(1)
    sizes = [problem.network.layers[0].inputs, *(layer.units for layer in problem.network.layers)]
    other = ordered(problem, [rng.permutation(n)[::-1] for n in sizes], rng.permutation(problem.inputs.shape[1]))
    assert any((other.readouts[k] != v).any() for k, v in problem.readouts.items())
    found, moved = (float(objective(run(p), p.targets)) for p in (problem, other))
    assert abs(found - moved) <= gamma(1000) * abs(found)  # a few hundred terms, in another order


def test_at_scale_they_go_with_the_units():
    case = scale.generate(Spec("lif", 3, "squared_error", "every", "scale", scale.KINDS.index("wide")), CLAIM)
    assert acceptance.sound(case, CLAIM)


ROWS = ("bptt", "osttp", "ostl-random", "ottt", "sltt", "tbptt-chunks(2)", "e-prop")


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(("rule", "dtype"), [(rule, ("float64", "float32")[k % 2]) for k, rule in enumerate(ROWS)])
def test_both_engines_keep_the_claim(rule, dtype):
    """The forward engine here: what it answers is judged against the reverse one, on balls."""
    claim = replace(CLAIM, rule=rule, depths=(2,), local=LOCAL[1:], dtype=dtype, when=("every", "last"))

    def gradients(problem):
        p, row = problem, rule_named(rule)
        return forward.gradients(p.network, p.parameters, p.inputs, p.targets, rule=row, feedback=p.feedback, **p.data)

    found = certify(gradients, claim=claim, profile="quick")
    assert found.verdict == "certified", found.reason


@pytest.mark.long
def test_a_learner_is_online_with_them(tmp_path):
    (tmp_path / "learner.py").write_text(SUBJECT)
    claim = replace(CLAIM, rule="ostl", depths=(2,), local=LOCAL[1:], online=True)
    found = certify(f"{tmp_path / 'learner.py'}:Online", claim=claim, profile="quick")
    assert found.verdict == "certified", found.reason
