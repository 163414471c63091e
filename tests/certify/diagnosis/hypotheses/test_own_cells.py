"""Cells of somebody's own: what a name means in gradcert's it does not mean in them, and edits hold for any of them."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.certify.claims import Claim
from gradcert.certify.diagnosis import Evidence, causes
from gradcert.certify.diagnosis.direct import transformations
from gradcert.certify.diagnosis.hypotheses import all_of, tried
from gradcert.certify.diagnosis.hypotheses.backward import slopes
from gradcert.certify.diagnosis.unrolled import Arc, CircleError, Edit, edited, graph_of, on_floats
from gradcert.certify.problems import Spec, generate, plan
from gradcert.reference import RULES, reverse

# k acts on the current u, not on the threshold; v fires at 1 + w in the one cell, and at 0 in the other
SLOW = """from gradcert.models.equations import define

EDGES = {"u -> u": "state", "u -> w": "state", "w -> w": "state", "z -> k": "adaptation", "k -> k": "state"}
CONSTANTS = {"leak": 0.9, "threshold": 1.0, "omega": 0.2, "eps": 0.1, "rho": 0.8, "beta": 0.3}
EQUATIONS = {
    "a": "W @ x + b",
    "k": "rho*k_prev + z_prev",
    "u": "leak*u_prev + a - beta*k",
    "w": "omega*u_prev + leak*w_prev",
    "v": "u + eps*w",
    "z": "spike(v - threshold)",
}
Slow = define("slow", EQUATIONS, edges=EDGES, constants=CONSTANTS)
AtZero = define(
    "at_zero", {**EQUATIONS, "v": "u + eps*w - threshold", "z": "spike(v)"}, edges=EDGES, constants=CONSTANTS
)
"""


@pytest.fixture
def cases(tmp_path):
    file = tmp_path / "cells.py"
    file.write_text(SLOW, encoding="utf-8")

    def made(cell):
        claim = Claim(
            "bptt", f"{file}:{cell}", (1,), losses="squared_error", when="every", options={"surrogate": "atan"}
        )
        return [case for spec in plan(claim, "quick") if (case := generate(spec, claim)) is not None]

    return made


def without(target, source):
    def edit(graph, tape, whole):
        return graph.arcs_as(lambda a: None if (a.target, a.source, a.lag) == (target, source, 1) else a)

    return lambda bench: edited(bench, Edit(own=edit, down=edit))


def test_a_cause_is_named_where_an_adaptation_acts_on_a_current(cases, monkeypatch):
    monkeypatch.setenv("GRADCERT_STRICT", "1")  # a fault of the diagnosis is a failure
    found = causes.find(
        [Evidence(c, without("w", "u")(on_floats(c.problem, c.rule))) for c in cases("Slow")], RULES["bptt"]
    )
    assert found.keys == ("arc:w<-u' dropped",)


@pytest.mark.parametrize("cell", ["Slow", "AtZero"])
def test_every_hypothesis_can_be_tried(cases, cell):
    bench = on_floats(cases(cell)[0].problem, RULES["bptt"])
    for hypothesis in all_of(bench):
        tried(hypothesis, bench)


def test_psi_is_taken_elsewhere_only_where_it_is_taken_at_v_less_the_threshold(cases):
    for cell, differs in (("Slow", True), ("AtZero", False)):
        bench = on_floats(cases(cell)[0].problem, RULES["bptt"])
        mine = {
            h.what: tried(h, bench)
            for h in slopes.make(bench)
            if h.what in ("at the potential", "at the old threshold")
        }
        right = bench.gradients()
        # the same sums of fewer than a thousand terms, in another order: a rounding each, of the largest entry
        room = {n: 1000 * 2.0**-53 * np.abs(right[n]).max() for n in right}
        changed = {w: any(np.abs(g[n] - right[n]).max() > room[n] for n in right) for w, g in mine.items() if g}
        assert changed["at the potential"] is differs
        assert not changed.get("at the old threshold", False)  # k is in no threshold


def test_nodes_of_an_edited_graph_are_computed_in_an_order_that_there_is(cases):
    tape = on_floats(cases("Slow")[0].problem, RULES["bptt"]).tape.layers[0]
    graph = graph_of(tape, RULES["bptt"].own)
    assert graph.in_order() is graph
    (way,) = [a for a in graph.arcs if (a.target, a.source) == ("k", "z")]
    turned = replace(graph, nodes=graph.nodes[::-1])
    assert turned.in_order().nodes.index("a") < turned.in_order().nodes.index("u")
    with pytest.raises(CircleError, match=r"within a step: k, u, v"):
        replace(graph, arcs=(*graph.arcs, Arc("k", "v", 0, way.origin))).in_order()


def test_a_number_is_said_where_the_cases_do_not_tell_it_from_a_size():
    claim = Claim("bptt", "rnn", (1,), losses="squared_error", when="every", sizes=(3, 4))

    def said(*families):
        all_cases = [generate(Spec("rnn", 1, "squared_error", "every", family), claim) for family in families]
        evidence = []
        for case in all_cases:
            p = case.problem
            right = reverse.gradients(p.network, p.parameters, p.inputs, p.targets, rule=case.rule)
            evidence.append(Evidence(case, {k: g / 4 for k, g in right.items()}))
        return str(causes.find(evidence, RULES["bptt"]))

    assert said("bounded") == "it equals bptt divided by 4 (in every case divided by the number of outputs)"
    case = generate(Spec("rnn", 1, "squared_error", "every", "bounded"), claim)
    other = generate(Spec("rnn", 1, "squared_error", "every", "bounded"), replace(claim, sizes=(3, 5)))
    label = "divided by the number of outputs"
    assert transformations.told(label, [Evidence(case, {}), Evidence(other, {})]) == label
    assert transformations.FACTORS[label](Evidence(other, {})) == 1 / 5
