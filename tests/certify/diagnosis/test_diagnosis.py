"""A refuted claim is explained: which edges are missing, which factor, which convention."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.claims.claim import Claim
from gradcert.reference import RULES, Edge, Floats, record, rule_named
from gradcert.reference.engines import forward, reverse
from gradcert.reference.numbers.surrogates import Surrogate


def computed(problem, rule, *, network=None, engine=reverse, targets=None):
    network = network or problem.network
    targets = problem.targets if targets is None else targets
    numbers = Floats(problem.dtype)
    given = (network, problem.parameters, problem.inputs, targets)
    found = engine.gradients(*given, rule=rule, numbers=numbers, feedback=problem.feedback)
    outputs = record(network, problem.parameters, problem.inputs, numbers=numbers).outputs
    return network.loss.value(outputs, problem.targets, numbers), found, outputs


def verdict(subject, rule, cell, **options):
    claim = Claim(rule=rule, cells=cell, **options)
    return certify(subject, claim=claim, profile="quick")


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(("engine", "dtype"), [(reverse, "float64"), (forward, "float64"), (forward, "float32")])
@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_row_is_certified_in_both_engines(rule, dtype, engine):
    def subject(problem):
        return computed(problem, RULES[rule], engine=engine)

    found = verdict(subject, rule, "snu", dtype=dtype)
    assert found.verdict == "certified", found.reason
    assert 0 < found.worst <= 1


def cut(rule, *, own=(), upper=()):
    row = RULES[rule]
    return replace(row, own=row.own ^ set(own), upper=row.upper ^ set(upper))


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("claimed", "row", "cause"),
    [
        ("ostl", cut("ostl", own=[Edge.RESET]), "it equals ostl without RESET (own: STATE, RECURRENT; above: none)"),
        (
            "ostl",
            cut("ostl", own=[Edge.RECURRENT]),
            "it equals ostl without RECURRENT (own: STATE, RESET; above: none)",
        ),
        ("ostl", RULES["sltt"], "it equals sltt: ostl without STATE, without RESET, without RECURRENT"),
        (
            "bptt",
            RULES["ostl"],
            "it equals ostl: bptt without STATE in the layers above, without RESET in the layers above",
        ),
        ("bptt", cut("bptt", upper=[Edge.RESET]), "it equals bptt without RESET in the layers above"),
        ("ostl", RULES["bptt"], "it equals bptt: ostl with STATE in the layers above"),
        ("ottt", cut("ottt", own=[Edge.RESET]), "it equals ottt with RESET (own: STATE, RESET; above: none)"),
        ("ottt", RULES["sltt"], "it equals ottt without STATE, which is sltt (own: none; above: none)"),
        ("bptt", replace(RULES["tbptt"], window=2), "it equals tbptt(2)"),
        ("ostl", RULES["snap-1"], "it equals snap-1"),
        (
            "tbptt(3) - reset - recurrent",
            rule_named("tbptt(2) - reset - recurrent"),
            "it equals tbptt(3) - reset - recurrent with a window of 2 steps (own: STATE",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_another_row_is_named(claimed, row, cause):
    found = verdict(lambda problem: computed(problem, row), claimed, "snu")
    assert found.verdict == "refuted"
    assert cause in found.reason


def factor(name):
    return {
        "divided by T": lambda p: 1 / len(p.inputs),
        "divided by B": lambda p: 1 / p.inputs.shape[1],
        "divided by 2": lambda p: 0.5,
        "times 2": lambda p: 2.0,
        "opposite sign": lambda p: -1.0,
    }[name]


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("name", ["divided by T", "divided by B", "divided by 2", "times 2", "opposite sign"])
def test_a_factor_is_named(name):
    def subject(problem):
        return {k: v * factor(name)(problem) for k, v in computed(problem, RULES["ostl"])[1].items()}

    assert name in verdict(subject, "ostl", "snu").reason


@pytest.mark.long
def test_one_parameter_is_named():
    def subject(problem):
        _, found, _ = computed(problem, RULES["ostl"])
        return {**found, "layers.0.H": found["layers.0.H"].T}

    found = verdict(subject, "ostl", "snu")
    assert "layers.0.H: equals ostl, the gradient transposed" in found.reason
    assert found.findings[0].where["wrong"] == ["layers.0.H"]


def test_float32_inside_is_named():
    def subject(problem):
        return {k: np.float64(np.float32(v)) for k, v in computed(problem, RULES["bptt"])[1].items()}

    assert "float32 arithmetic, where float64 is claimed" in verdict(subject, "bptt", "rnn").reason


def test_targets_one_step_late_are_named():
    def subject(problem):
        late = np.concatenate([problem.targets[:1], problem.targets[:-1]])
        return computed(problem, RULES["bptt"], targets=late)[1]

    assert "targets one step late" in verdict(subject, "bptt", "rnn", when="every").reason


def changed(problem, **options):
    layers = tuple(replace(layer, cell=replace(layer.cell, **options)) for layer in problem.network.layers)
    return replace(problem.network, layers=layers)


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"strict": True}, "strict=True"),
        ({"reset": "hard"}, "reset='hard'"),
        ({"reset": "subtract_after_leak"}, "reset='subtract_after_leak'"),
        ({"gain": "one_minus_leak"}, "gain='one_minus_leak'"),
        ({"gain": "one_minus_leak", "reset": "hard"}, "gain='one_minus_leak'"),
    ],
    ids=str,
)
def test_another_convention_is_seen_in_the_outputs_first(options, cause):
    found = verdict(lambda p: computed(p, RULES["bptt"], network=changed(p, **options)), "bptt", "lif")
    assert found.verdict == "refuted"
    assert found.findings[0].check == "outputs"
    assert cause in found.findings[0].cause


def test_outputs_one_step_late_are_named():
    def subject(problem):
        loss, found, outputs = computed(problem, RULES["bptt"])
        return loss, found, np.concatenate([0 * outputs[:1], outputs[:-1]])

    assert verdict(subject, "bptt", "lif").findings[0].cause == "the outputs come one step late"


def test_another_pseudo_derivative_is_named():
    other = Surrogate("atan", scale=2.0)
    found = verdict(lambda p: computed(p, RULES["bptt"], network=changed(p, surrogate=other))[1], "bptt", "lif")
    assert "with the pseudo-derivative atan(scale=2.0)" in found.reason


def test_what_nothing_explains_is_said():
    def subject(problem):
        _, found, _ = computed(problem, RULES["bptt"])
        rng = np.random.default_rng(len(problem.id))
        return {k: v + rng.standard_normal(v.shape) for k, v in found.items()}

    found = verdict(subject, "bptt", "rnn")
    assert found.verdict == "refuted"
    assert "no row of the rule table" in found.reason
