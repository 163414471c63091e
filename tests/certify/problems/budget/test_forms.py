"""Right programs that keep a leak, a loss or a threshold in another form: covered, or told so; exact where exact."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim
from gradcert.certify.judging import judge, judge_all
from gradcert.certify.problems import Spec, expect, generate
from gradcert.properties.numbers import Precision, balls
from gradcert.properties.numbers.element import constant, decay
from gradcert.reference import RULES, Layer, Lif, Loss, Network, Rnn, Surrogate
from gradcert.reference.engines import reverse
from gradcert.reference.networks import Problem
from gradcert.reference.numbers import Floats
from scripts.attack.ways import backwards, kept_as, logarithm, logit, rescaled, time_constant

EXACT = {"name": "triangle", "scale": 1.0, "width": 1.0}
FORMS = (logit, time_constant, logarithm)


def inside(gradients, expected):
    return all(verdict.ok for verdict in judge_all(gradients, expected.gradients).values())


def three_quarters(dtype="float32"):
    """OTTT at a leak of 3/4, as a problem without a spike near its threshold."""
    claim = Claim(rule="ottt", cells="lif", dtype=dtype, options={"leak": 0.75, "recurrent": False, "surrogate": EXACT})
    return generate(Spec("lif", 1, "squared_error", "every", "bounded"), claim)


def test_a_leak_kept_in_another_form_is_inside(monkeypatch):
    made = three_quarters()
    for form in FORMS:
        assert inside(kept_as(form)(made.problem, made.rule), made.expected)
    # as it was: an exact constant is exact in every form
    layer = Layer(Lif(leak=0.75, threshold=0.5, surrogate=Surrogate(**EXACT), bias=False), inputs=1, units=1)
    one = np.ones((4, 1, 1), dtype="float32")
    problem = Problem(Network((layer,)), {"layers.0.W": np.full((1, 1), 0.375, "float32")}, 0.5 * one, 0 * one)
    found = kept_as(lambda x: np.nextafter(x, np.float32(1)))(problem, RULES["ottt"])  # torch.sigmoid(torch.logit(x))
    assert inside(found, expect(problem, RULES["ottt"], "float32"))
    monkeypatch.setattr(balls, "decay", constant)
    assert not inside(found, expect(problem, RULES["ottt"], "float32"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_form_of_every_leak_is_inside_its_ball(dtype):
    precision = Precision({"float32": 24, "float64": 53}[dtype], slack=2)
    for leak in np.linspace(0.0, 1.0, 401).astype(dtype):
        element = decay(float(leak), precision)
        for form in FORMS:
            back = float(form(leak))
            if np.isfinite(back):
                assert abs(back - float(leak)) <= element.budget(), (form, leak)
        assert element.exact is (leak in (0, 0.5, 1))


def test_a_leak_that_survives_every_form_keeps_its_exact_cases():
    claim = Claim(rule="ottt", cells="lif", dtype="float32", options={"recurrent": False, "surrogate": EXACT})
    made = generate(Spec("lif", 1, "squared_error", "every", "dyadic"), claim)
    assert made.expected.exact
    for form in FORMS:
        found = kept_as(form)(made.problem, made.rule)
        assert all(np.array_equal(found[k], b.value) for k, b in made.expected.gradients.items())


def linear(outputs, seed, steps=4):
    rng = np.random.default_rng(seed)
    network = Network((Layer(Rnn(activation="identity", recurrent=False), inputs=2, units=outputs),), Loss())
    parameters = {k: rng.integers(1, 4, s) / 4 for k, s in network.shapes().items()}
    signals = (rng.integers(0, 3, (steps, 2, n)) / 2 for n in (2, outputs))
    return Problem(network, parameters, *signals)


def test_a_mean_rescaled_to_a_sum():
    # n = 40: 1 / 20 is no float, and 3 (1 / 20) 20 is not 3; n = 32: everything is exact
    differs = {5: False, 4: False}
    for outputs, seed, exact in ((5, 0, False), (5, 1, False), (4, 0, True)):
        problem = linear(outputs, seed)
        expected = expect(problem, RULES["bptt"], "float64")
        found = rescaled(problem, RULES["bptt"])
        assert expected.exact is exact
        assert expected.loss.exact is exact
        assert expected.outputs.exact
        assert inside(found, expected)
        plain = backwards(problem, RULES["bptt"])[1]
        differs[outputs] |= any((found[k] != plain[k]).any() for k in plain)
    assert differs == {5: True, 4: False}


def test_dyadic_cases_have_counts_that_a_mean_divides_exactly():
    for readout in (None, "rnn", "integrator"):
        claim = Claim(rule="tbptt(3)", cells="snu", options={"surrogate": EXACT}, readout=readout)
        for depth in (1, 2):
            shape = generate(Spec("snu", depth, "squared_error", "every", "dyadic"), claim).problem.targets.shape
            assert all(n & (n - 1) == 0 for n in shape)


@pytest.mark.parametrize("reset", ["subtract_before_leak", "hard"])
def test_a_threshold_scaled_to_one(reset):
    # weights over the threshold, and psi(threshold u) threshold as pseudo-derivative: thresholds are powers of two
    claim = Claim(rule="bptt", cells="lif", options={"surrogate": EXACT, "reset": reset, "bias": False, "train": ()})
    drawn = set()
    for seed in range(4):
        made = generate(Spec("lif", 1, "squared_error", "every", "dyadic"), claim, seed=seed)
        (layer,), p = made.problem.network.layers, made.problem
        theta = layer.cell.threshold
        drawn.add(theta)
        scaled = replace(layer.cell, threshold=1.0, surrogate=Surrogate("triangle", scale=theta, width=1 / theta))
        network = replace(p.network, layers=(replace(layer, cell=scaled),))
        given = {"layers.0.W": p.parameters["layers.0.W"] / theta}
        found = reverse.gradients(network, given, p.inputs, p.targets, rule=made.rule)["layers.0.W"] / theta
        assert made.expected.exact
        assert np.array_equal(found, made.expected.gradients["layers.0.W"].value)
    assert drawn != {1.0}


def test_a_trace_computed_as_a_scan():
    """e[t] = leak^t sum_s x[s] / leak^s, at a leak of 3/4."""
    made = three_quarters("float64")
    p, (layer,) = made.problem, made.problem.network.layers
    steps = np.arange(len(p.inputs))[:, None, None]
    power = layer.cell.leak**steps
    trace = power * np.cumsum(p.inputs / power, axis=0)
    tape = reverse.record(p.network, p.parameters, p.inputs)
    signal = (tape.outputs - p.targets) * tape.layers[0].factors[layer.cell.links[-1]]
    found = {"layers.0.W": np.einsum("tbi,tbj->ij", signal, trace), "layers.0.b": reverse.gradients(
        p.network, p.parameters, p.inputs, p.targets, rule=made.rule)["layers.0.b"]}  # fmt: skip
    assert inside(found, made.expected)


def test_one_rounding_away_is_said():
    """A subject that is a rounding off where nothing can be rounded is refuted, and told what it is."""

    def subject(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        found = reverse.gradients(*given, rule=RULES["ostl"], numbers=Floats(problem.dtype))
        return {k: v * (1 + 2.0**-52) for k, v in found.items()}

    claim = Claim(rule="ostl", cells="lif", depths=1, losses="squared_error", options={"surrogate": EXACT})
    found = certify(subject, claim=claim)
    assert found.verdict == "refuted"
    assert found.reason == "gradient: one rounding away from exact"
    assert "kept in another form" in found.findings[0].reason


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_logits_beyond_the_range_of_exp(dtype):
    """A softmax that is shifted by the largest output, or by a log-sum-exp, is inside, and the balls are finite."""
    rng = np.random.default_rng(0)
    network = Network((Layer(Rnn(activation="identity", recurrent=False), inputs=2, units=3),), Loss("cross_entropy"))
    parameters = {k: rng.standard_normal(s).astype(dtype) for k, s in network.shapes().items()}
    x, y = (2000 * rng.standard_normal((4, 2, 2))).astype(dtype), np.eye(3, dtype=dtype)[rng.integers(0, 3, (4, 2))]
    problem = Problem(network, parameters, x, y)
    expected = expect(problem, RULES["bptt"], dtype)
    loss, found, outputs = backwards(problem, RULES["bptt"])
    assert abs(outputs).max() > 710
    assert inside(found, expected)
    assert judge(np.asarray(loss), expected.loss).ok
    largest = outputs.max(axis=-1, keepdims=True)
    total = np.log(np.exp(outputs - largest).sum(axis=-1, keepdims=True)) + largest
    error = np.exp(outputs - total) - y
    assert inside({"layers.0.W": np.einsum("tbi,tbj->ij", error, x), "layers.0.b": error.sum(axis=(0, 1))}, expected)
    for name, b in expected.gradients.items():
        assert b.relative < {"float64": 1e-10, "float32": 1e-2}[dtype], name
