"""What does not fit is refused at the edge with the one error type, before anything is computed."""

import numpy as np
import pytest

from gradcert.reference import ESTIMATORS, RULES, GradcertError, Layer, Lif, Network, Rnn, Snu, Surrogate
from gradcert.reference.engines import Learner, forward, reverse
from gradcert.reference.engines.residual import residual
from gradcert.reference.networks import Problem, problem_from_json
from gradcert.reference.procedures import accumulate, fptt, online
from gradcert.reference.rules import draw_feedback, rule_named

NETWORK = Network(layers=(Layer(Snu(train=("threshold",)), inputs=2, units=3),))
STACK = Network(layers=(Layer(Lif(), inputs=2, units=3), Layer(Lif(), inputs=3, units=2)))
X, Y = np.ones((4, 1, 2)), np.zeros((4, 1, 3))
P = NETWORK.parameters()
ENGINES = {
    "forward": lambda **k: forward.gradients(**k, rule=RULES["ostl"]),
    "reverse": lambda **k: reverse.gradients(**k, rule=RULES["ostl"]),
    "residual": lambda **k: residual(**k, rule=RULES["ostl"]),
    "online": lambda **k: online(**k, rule=RULES["ostl"], rate=0.1),
    "accumulate": lambda **k: accumulate(**k, rule=RULES["ostl"], rate=0.1),
    "fptt": lambda **k: fptt(**k, parts=2, alpha=0.5, rate=0.1),
    "problem": lambda **k: Problem(**k),
    "uoro": lambda **k: ESTIMATORS["uoro"].gradients(**k, rng=np.random.default_rng(0)),
    "sltt-k": lambda **k: ESTIMATORS["sltt-k"].gradients(**k, rng=np.random.default_rng(0)),
}
WRONG = {
    "whole numbers": lambda a: np.ones_like(a, dtype=int),
    "a list": lambda a: a.tolist(),
    "complex": lambda a: a.astype(complex),
    "object": lambda a: a.astype(object),
    "strings": lambda a: a.astype(str),
    "None": lambda a: None,
    "NaN": lambda a: np.full_like(a, np.nan),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("what", ["layers.0.threshold", "inputs", "targets"])
def test_arrays_that_do_not_fit(engine, wrong, what):
    given = {"network": NETWORK, "parameters": dict(P), "inputs": X, "targets": Y}
    ENGINES[engine](**given)
    place = given["parameters"] if what in P else given
    place[what] = WRONG[wrong](place[what])
    with pytest.raises(GradcertError, match=what):
        ENGINES[engine](**given)


@pytest.mark.parametrize("seed", [None, 0, 7])
def test_a_problem_keeps_its_seed_on_the_way_through_json(seed):
    assert problem_from_json(Problem(NETWORK, P, X, Y, seed=seed).to_json()).seed == seed


@pytest.mark.parametrize("wrong", WRONG)
def test_a_stepwise_learner_looks_at_what_it_is_given(wrong):
    make = WRONG[wrong]
    learner = Learner(NETWORK, P, rule=RULES["ostl"], steps=4, batch=1)
    if wrong != "NaN":  # a step looks at shapes and kinds alone
        for x, y in ((make(X[0]), Y[0]), (X[0], make(Y[0]))):
            with pytest.raises(GradcertError, match="of step 1"):
                learner.step(x, y)
    with pytest.raises(GradcertError, match=r"layers\.0\.threshold"):
        Learner(NETWORK, {**P, "layers.0.threshold": make(np.ones(3))}, rule=RULES["ostl"], steps=4, batch=1)
    with pytest.raises(GradcertError, match=r"initial layers\.0\.v"):
        initial = {"layers.0.v": make(np.zeros((1, 3)))}
        Learner(NETWORK, P, rule=RULES["ostl"], steps=4, batch=1, initial=initial)
    with pytest.raises(GradcertError, match=r"initial layers\.0\.v"):
        reverse.gradients(NETWORK, P, X, Y, rule=RULES["ostl"], initial=initial)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Layer(Lif(), inputs=2, units="4"),
        lambda: Layer(Lif(), inputs=2.0, units=4),
        lambda: Layer(Lif(), inputs=2, units=True),
        lambda: Layer(Lif(threshold="1"), inputs=2, units=4),
        lambda: Layer(Lif(threshold=float("nan")), inputs=2, units=4),
        lambda: Layer(Lif(threshold=None), inputs=2, units=4),
        lambda: Layer(Lif(threshold=(1.0, 2.0)), inputs=2, units=4),
        lambda: Layer(Lif(strict="no"), inputs=2, units=4),
        lambda: Layer(Lif(surrogate="atan"), inputs=2, units=4),
        lambda: Layer(Rnn(recurrent=0), inputs=2, units=4),
        lambda: NETWORK.parameters(seed=-1),
        lambda: NETWORK.parameters(seed="0"),
        lambda: NETWORK.parameters(scale=float("inf")),
        lambda: draw_feedback(STACK, RULES["osttp"], seed=-1),
        lambda: Problem(NETWORK, P, X, Y, seed=-1),
        lambda: Surrogate("triangle", width=0.0),
        lambda: Surrogate("triangle", width=float("nan")),
        lambda: Surrogate("triangle", scale="0.3"),
        lambda: Surrogate("piecewise_leaky_relu", width=-1.0),
        lambda: Surrogate(["triangle"]),
        lambda: reverse.gradients(NETWORK, P, X, Y, rule="ostl"),
        lambda: forward.gradients(NETWORK, P, X, Y, rule=None),
        lambda: reverse.gradients(NETWORK, P, X, Y, rule=RULES["ostl"], numbers="float64"),
        lambda: reverse.gradients("network", P, X, Y, rule=RULES["ostl"]),
        lambda: reverse.gradients(NETWORK, None, X, Y, rule=RULES["ostl"]),
        lambda: reverse.gradients(NETWORK, P, X, Y, rule=RULES["ostl"], initial={"layers.0.u": np.zeros((1, 3))}),
        lambda: Learner(NETWORK, P, rule=RULES["ostl"], steps=0, batch=1),
        lambda: Learner(NETWORK, P, rule=RULES["ostl"], steps=4, batch="1"),
        lambda: online(NETWORK, P, X, Y, rule=RULES["ostl"], rate="fast"),
        lambda: ESTIMATORS["uoro"].gradients(NETWORK, P, X, Y, rng=0),
        lambda: ESTIMATORS["sltt-k"].gradients(NETWORK, P, X, Y, k=2.0, rng=np.random.default_rng(0)),
        lambda: ESTIMATORS["etlp"].gradients(STACK, STACK.parameters(), X, Y[..., :2], feedback={}, rng=None),
        lambda: ESTIMATORS["s-tllr"].gradients(STACK, STACK.parameters(), X, Y[..., :2], lq=None),
    ],
)
def test_single_values_that_do_not_fit(make):
    with pytest.raises(GradcertError):
        make()


NAMES = [
    "tbptt( 3 )",
    "tbptt(-1)",
    "tbptt(1e9)",
    "tbptt(3);x",
    "tbptt(3",
    "tbptt(3))",
    "tbptt()",
    "tbptt(0)",
    "tbptt(03)",
]
NAMES += [
    "tbptt(\u0663)",
    "tbptt(\u00b3)",
    "tbptt(3)\n",
    " tbptt",
    "TBPTT",
    "tbptt-chunks(x)",
    "snap-1.5",
    "snap-03",
    "snap-0",
]
NAMES += ["snap-2 ", "ostl(3)", "", None, 3, ["tbptt"], b"tbptt", "tbptt(99999999999999999999)"]


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_is_named_as_a_whole_or_not_at_all(name):
    with pytest.raises(GradcertError):
        rule_named(name)


def test_rules_with_numbers():
    assert [rule_named(n).window for n in ("tbptt", "tbptt(3)", "tbptt(120)")] == [5, 3, 120]
    assert rule_named("tbptt-chunks(4)").chunk == 4
    assert [rule_named(n).reach for n in ("snap-1", "snap-2", "snap-7", "snap-1(4)")] == [1, 2, 7, 4]
