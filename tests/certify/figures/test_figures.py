"""Figures of a certificate: where in time, along which edges, and beside which rules a gradient lies."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.problems.cases.generate import NOISE
from gradcert.certify.report import html
from gradcert.certify.runs.steps import prefix
from gradcert.reference import RULES, Layer, Network, Rnn
from gradcert.reference.engines import reverse
from gradcert.reference.networks import Problem


def subject(rule, change=lambda gradients: gradients):
    def gradients(problem):
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return change(reverse.gradients(*given, rule=rule))

    return gradients


def test_a_prefix_is_the_first_steps():
    network = Network(layers=(Layer(Rnn(), inputs=2, units=3),))
    x, y = np.arange(8.0).reshape(4, 1, 2), np.arange(12.0).reshape(4, 1, 3)
    part = prefix(Problem(network, network.parameters(), x, y, id="p"), 2)
    assert part.inputs.tolist() == x[:2].tolist()
    assert part.targets.tolist() == y[:2].tolist()
    assert part.id == "p/first-2"


@pytest.mark.parametrize("window", [1, 2, 3])
def test_a_truncation_shows_at_the_step_that_it_cuts(window):
    rule = replace(RULES["tbptt"], name="cut", window=window)
    certificate = certify(subject(rule), rule="bptt", cells="rnn", depths=1, profile="quick")
    assert certificate.verdict == "refuted"
    (figure,) = certificate.figures["steps"]
    wrong = [t for t in range(figure["steps"]) if any(row[t]["worst"] > 1 for row in figure["parameters"].values())]
    assert wrong == list(range(window, figure["steps"]))  # t counts from 0: the first window steps are whole
    assert f"wrong from step {window + 1} on" in html.write(certificate)


def test_a_right_subject_is_right_at_every_step():
    certificate = certify(subject(RULES["ostl"]), rule="ostl", cells="snu", depths=2, profile="quick")
    (figure,) = certificate.figures["steps"]
    assert all(entry["worst"] <= 1 for row in figure["parameters"].values() for entry in row)
    assert max(entry["worst"] for case in certificate.cases for entry in case.parameters.values()) == certificate.worst


def test_the_graph_says_what_is_claimed_and_what_is_found():
    certificate = certify(subject(RULES["bptt-detached-reset"]), rule="ostl", cells="snu", depths=2, profile="quick")
    (figure,) = certificate.figures["graph"]
    below, above = figure["layers"]
    assert {e["edge"]: (e["claimed"], e["found"]) for e in below["own"]} == {
        "STATE": (True, True),
        "RESET": (True, False),
        "RECURRENT": (True, True),
    }
    assert {e["edge"]: (e["claimed"], e["found"]) for e in above["upper"]} == {
        "STATE": (False, True),
        "RESET": (False, False),
        "RECURRENT": (False, True),
    }
    assert below["upper"] == []
    page = html.write(certificate)
    assert 'class="edge extra"' in page
    assert "extra in layer 1: STATE, RECURRENT" in page


def test_what_cannot_be_told_is_not_told():
    def reversed_entries(gradients):
        return {k: np.flip(v).copy() for k, v in gradients.items()}

    certificate = certify(subject(RULES["bptt"], reversed_entries), rule="bptt", cells="rnn", depths=1, profile="quick")
    (figure,) = certificate.figures["graph"]
    assert figure["found"] is None
    assert {edge["found"] for edge in figure["layers"][0]["own"]} == {None}
    assert 'class="edge unknown"' in html.write(certificate)


def test_alignment_with_every_row():
    double = subject(RULES["ottt"], lambda gradients: {k: 2 * v for k, v in gradients.items()})
    certificate = certify(double, rule="ottt", cells="lif", depths=2, profile="quick")
    (figure,) = certificate.figures["alignment"]
    rows = {row["rule"]: row for row in figure["rules"]}
    assert set(rows) == set(RULES)
    ottt = rows["ottt"]
    assert abs(ottt["cosine"] - 1) <= NOISE
    assert abs(ottt["ratio"] - 2) <= NOISE
    assert abs(ottt["error"] - 1) <= NOISE
    assert rows["bptt"]["cosine"] < 1 - NOISE
    assert rows["osttp"]["drawn"]
    assert not rows["bptt"]["drawn"]


def test_a_subject_that_never_answers_has_no_figures():
    def broken(problem):
        raise ValueError

    certificate = certify(broken, rule="bptt", cells="rnn", depths=1, profile="quick")
    assert certificate.figures["steps"] == []
    assert certificate.figures["alignment"] == []
    assert "Refuted" in html.write(certificate)
