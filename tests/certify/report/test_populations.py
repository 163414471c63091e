"""The picture of a graph's edges: what is claimed of every population and connection, and what was found."""

import re

import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.figures.graph import graph
from gradcert.certify.problems import Spec, generate
from gradcert.certify.report import populations

NETWORK = {
    "inputs": ["x"],
    "populations": [
        {"name": "low", "cell": "lif"},
        {"name": "high", "cell": "rnn"},
        {"name": "out", "cell": "integrator"},
    ],
    "connections": [
        {"source": "x", "target": "low"},
        {"source": "low", "target": "high"},
        {"source": "high", "target": "low", "lag": 1},
        {"source": "low", "target": "low", "lag": 2},
        {"source": "high", "target": "out"},
        {"source": "low", "target": "out", "lag": 3},
    ],
}


def record(rule, *, refuted=False):
    options = {"recurrent": False, "surrogate": {"name": "triangle", "scale": 0.5}, "reset": "subtract_before_leak"}
    claim = Claim(rule=rule, network=NETWORK, losses="squared_error", when="every", options=options)
    case = generate(Spec("graph", 2, "squared_error", "every", "bounded"), claim)
    (found,) = graph([case], [], claim.claimed, refuted=refuted)
    return found


def drawn(found, target):
    """The words of the picture with the state that each is shown in."""
    text = str(populations.draw(found, target))
    assert "--" not in text and "nan" not in text and text.count("<svg") == text.count("</svg>") == 1
    return sorted(re.findall(r'class="word (\w*)"[^>]*>([^<]*)<', text))


def test_a_record_names_populations_in_their_order_and_the_edges_on_every_connection():
    found = record("ostl")
    assert [(p["name"], p["layer"], p["edges"]) for p in found["populations"]] == [
        ("low", 0, ["STATE", "RESET"]),
        ("high", 0, []),
        ("out", 1, ["STATE"]),
    ]
    edges = {(c["source"], c["target"], c["lag"]): c["edges"] for c in found["connections"]}
    assert edges == {
        ("x", "low", 0): [],
        ("low", "high", 0): [],
        ("high", "low", 1): ["FEEDBACK"],
        ("low", "low", 2): ["RECURRENT", "DELAY"],
        ("high", "out", 0): [],
        ("low", "out", 3): ["DELAY"],
    }


@pytest.mark.parametrize(
    ("rule", "low"),
    [
        ("bptt", {"kept": ["delay, 3 steps", "feedback", "lateral, 2 steps", "reset", "state", "state"]}),
        (
            "e-prop",
            {"kept": ["state", "state"], "dropped": ["delay, 3 steps", "feedback", "lateral, 2 steps", "reset"]},
        ),
        ("ostl", {"kept": ["feedback", "lateral, 2 steps", "reset", "state"], "dropped": ["delay, 3 steps", "state"]}),
    ],
)
def test_kept_and_cut_edges_are_those_of_the_row(rule, low):
    found = record(rule)
    words = drawn(found, 0)
    assert {how: sorted(w for h, w in words if h == how) for how, _ in words} == low
    above = drawn(found, 1)  # the readout's own: edges of the layer below are not drawn
    assert {w for _, w in above} == {"state", "delay, 3 steps"}


def test_what_could_not_be_told_is_said():
    words = drawn(record("bptt", refuted=True), 0)
    assert {how for how, _ in words} == {"unknown"} and len(words) == 6
