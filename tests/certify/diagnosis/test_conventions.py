"""Wrong outputs on any cell end as a refutation that names the convention, and a fault of ours is a sentence."""

from dataclasses import replace

import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis import forward
from gradcert.certify.diagnosis.explain import NOT_LOOKED_FOR, STRICT
from gradcert.reference import RULES, Floats, record, reverse
from gradcert.reference.networks import CELLS, alternatives, with_convention


def judged(subject, cells, **claim):
    claim = Claim(rule="bptt", cells=cells, depths=1, losses="squared_error", when="every", **claim)
    return certify(subject, claim=claim, profile="quick")


def computed(problem, network):
    given = (network, problem.parameters, problem.inputs, problem.targets)
    numbers = Floats(problem.dtype)
    outputs = record(*given[:3], numbers=numbers).outputs
    gradients = reverse.gradients(*given, rule=RULES["bptt"], numbers=numbers)
    return network.loss.value(outputs, problem.targets, numbers), gradients, outputs


def under(option, value):
    """A subject that follows another convention than the one it claims, in every layer that knows it."""

    def subject(problem):
        layers = tuple(replace(x, cell=with_convention(x.cell, option, value)) for x in problem.network.layers)
        return computed(problem, replace(problem.network, layers=layers))

    return subject


def doubled(problem):
    loss, gradients, outputs = computed(problem, problem.network)
    return loss, gradients, 2 * outputs + 1


@pytest.mark.parametrize(
    ("cell", "claimed", "does"),
    [
        ("gru", {"reset": "before"}, ("reset", "after")),
        ("alif", {"reset": "threshold"}, ("reset", "none")),
        ("integrator", {"gain": "one"}, ("gain", "one_minus_kappa")),
        ("lif", {"reset": "hard"}, ("reset", "subtract_before_leak")),
    ],
)
def test_the_convention_is_named(cell, claimed, does):
    found = judged(under(*does), cell, options=claimed)
    assert found.verdict == "refuted"
    assert f"the outputs are those of {does[0]}={does[1]!r}" in found.findings[0].cause


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("cell", ["alif", "gru", "integrator", "lstm", "ltc"])
def test_wrong_outputs_on_any_cell_are_a_refutation(cell):
    found = judged(doubled, cell)
    assert found.verdict == "refuted"
    assert found.findings[0].check == "outputs"


def test_wrong_outputs_under_a_leaky_readout_are_a_refutation():
    assert judged(doubled, "lif", readout="integrator").verdict == "refuted"


@pytest.mark.parametrize("kind", sorted(CELLS.values(), key=lambda kind: kind.name))
def test_every_alternative_of_a_cell_is_one_that_it_takes(kind):
    for option, value in alternatives(kind()):
        assert getattr(with_convention(kind(), option, value), option) == value


def test_a_diagnosis_that_raises_leaves_the_verdict_standing(monkeypatch):
    def broken(*_):
        raise RuntimeError("planted")

    monkeypatch.setattr(forward, "explain", broken)
    monkeypatch.delenv(STRICT)
    found = judged(doubled, "rnn")
    assert found.verdict == "refuted"
    assert found.findings[0].cause == f"{NOT_LOOKED_FOR} (RuntimeError: planted)"


def test_here_a_diagnosis_that_raises_is_a_failure(monkeypatch):
    monkeypatch.setattr(forward, "explain", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        judged(doubled, "rnn")


def in_the_code(*, kind=None, outputs=False, **constants):
    """A subject whose constants, or whose loss, stand in its code: the problem draws them."""

    def subject(problem):
        layers = tuple(replace(x, cell=replace(x.cell, **constants)) for x in problem.network.layers)
        network = replace(problem.network, layers=layers)
        if kind is not None:
            network = replace(network, loss=replace(network.loss, kind=kind, when="every"))
        loss, gradients, seen = computed(problem, network)
        return (loss, gradients, seen) if outputs else gradients

    return subject


@pytest.mark.parametrize(
    ("does", "cause"),
    [
        ({"leak": 0.9}, "it equals bptt with leak = 0.9 in the code, whatever the problem says"),
        ({"threshold": 1.0, "leak": 0.9}, "it equals bptt with leak = 0.9, threshold = 1 in the code"),
        ({"threshold": 1.0, "outputs": True}, "the outputs are those of bptt with threshold = 1 in the code"),
        ({"kind": "squared_error"}, "it equals bptt with a squared error at every step, whatever the problem says"),
    ],
)
def test_what_stands_in_the_code_is_named(does, cause):
    options = {"train": [], "rest": 0.0, "reset": "subtract_before_leak"}
    claim = Claim(rule="bptt", cells="lif", depths=1, options=options)
    found = certify(in_the_code(**does), claim=claim, profile="quick")
    assert found.verdict == "refuted"
    assert cause in found.findings[0].cause
