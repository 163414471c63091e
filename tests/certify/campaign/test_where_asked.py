"""Where a subject is wrong is said where it was asked for alone, in every profile; and its cause before that."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.campaign import certify
from gradcert.certify.diagnosis.direct import transformations
from gradcert.reference import RULES
from gradcert.reference.engines import reverse
from gradcert.reference.networks import Form


def right(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"])


def softmax_less(o, y, numbers):
    e = np.exp(o - o.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) - y


SOFTMAX = Form("softmax less y", lambda o, y, n: (o * y).sum(axis=-1), softmax_less)


def without_the_sum(rule):
    """Return a learner whose error is softmax(o) - y, whatever the targets sum to."""

    def subject(problem):
        network = problem.network
        if network.loss.kind == "cross_entropy":
            network = replace(network, loss=replace(network.loss, kind=SOFTMAX))
        given = (network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=RULES[rule])

    return subject


@pytest.mark.long(keep=1)
@pytest.mark.parametrize(("rule", "cell"), [("e-prop", "lif"), ("ostl", "leaky_rnn"), ("tbptt", "rnn")])
def test_a_softmax_without_the_sum_of_the_targets_is_named_whatever_else_its_cases_have_in_common(rule, cell):
    found = certify(without_the_sum(rule), rule=rule, cells=cell)
    assert f"it equals {rule} with softmax(o) - y for the error" in found.reason
    assert "right only where the targets of a step sum to 1" in found.reason


def test_and_where_it_is_wrong_is_asked_for_alone(monkeypatch):
    monkeypatch.setattr(transformations, "_summed", lambda network: network)  # as if nothing knew of it
    found = certify(without_the_sum("e-prop"), rule="e-prop", cells="lif", depths=1)
    where = "wrong exactly where loss: cross_entropy, targets: any sum, a step without or above 1e5"
    assert where in found.reason and "above 5" not in found.reason


def test_of_two_cases_that_differ_in_size_and_depth_the_depth_is_named():
    def subject(problem):
        out = dict(right(problem))
        if problem.network.depth > 1:
            out["layers.0.W"] = (
                out["layers.0.W"] + 0.125 * np.arange(out["layers.0.W"].size).reshape(out["layers.0.W"].shape) ** 2
            )
        return out

    found = certify(subject, rule="bptt", cells="rnn", depths=(1, 2), profile="quick")
    assert "wrong exactly where depth: 2" in found.reason and "sizes" not in found.reason


def test_what_depends_on_the_numbers_is_in_no_circumstance():
    """Half of all cases are wrong, whatever they are like."""

    def subject(problem):
        out = dict(right(problem))
        bits = np.frexp(np.abs(problem.inputs).sum())[0]
        return {k: g + g**2 if bits > 0.75 else g for k, g in out.items()}

    for seed in range(3):
        assert "exactly" not in certify(subject, rule="bptt", cells="rnn", profile="quick", seed=seed).reason
