"""The tie: on the engine's own tapes the extracted programs give what both engines, BPTT and the residual give."""

from dataclasses import replace

import pytest

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import CELLS, RULES, Edge, Layer, Lif, Network, Snu
from gradcert.theorems.tie.cases import TRIANGLE, cells, field_cases, rational_cases, rows, stacks
from gradcert.theorems.tie.compare import Case, compare, prepare
from gradcert.theorems.tie.inside import source
from gradcert.theorems.tie.rule import truth
from gradcert.theorems.toolchain import CoqError

FIELD = {}
for label, case in field_cases():
    FIELD.setdefault(label, []).append(case)
SMALL = Network(
    layers=(
        Layer(Lif(leak=0.5, threshold=0.25, surrogate=TRIANGLE, recurrent=True), inputs=1, units=2),
        Layer(Lif(leak=0.75, threshold=0.25, surrogate=TRIANGLE, reset="hard"), inputs=2, units=1),
    )
)
NETWORK = Network(
    layers=(
        Layer(Lif(recurrent=True, train=("leak", "threshold")), inputs=1, units=2),
        Layer(Lif(recurrent=True, reset="hard"), inputs=2, units=2),
    )
)


def test_every_cell_and_every_row_is_run():
    assert {label.split()[0] for label in cells()} == set(CELLS)
    for label in cells():
        assert {case.rule.name.partition("(")[0] for case in FIELD[label]} == set(RULES), label


@pytest.mark.long(keep=2)
@pytest.mark.parametrize("label", FIELD)
def test_in_the_prime_field(program, label):
    found = compare(program, FIELD[label])
    assert [one.different[:1] for one in found if one.different] == []
    assert all(one.numbers == 4 * one.parameters for one in found)
    assert any(one.nonzero for one in found)


def test_in_rationals_walk_by_walk(program):
    cases = [case for _, case in rational_cases()]
    assert {case.rule.name.partition("(")[0] for case in cases} == set(RULES)
    found = compare(program, cases)
    assert [one.different[:1] for one in found if one.different] == []
    assert all(one.numbers == 6 * one.parameters for one in found)
    assert sum(one.nonzero for one in found) > 100


@pytest.mark.parametrize("name", ["ottt", "ostl-random", "tbptt-chunks"])
def test_inside_coq_without_extraction(workshop, name):
    """Coq computes the numbers of a recorded network itself; of a damaged one it does not find the engines'."""
    case = Case(SMALL, rows()[name], steps=3, numbers=RATIONALS)
    assert prepare(case).question.parameters
    workshop.coq(f"Recorded_{name.replace('-', '_')}", source(prepare(case)))
    if name == "ottt":
        with pytest.raises(CoqError, match="Unable to unify"):
            workshop.coq(
                "Damaged", source(prepare(case, lambda graph: raise_coefficient(graph, *edges(graph, Edge.STATE)[0])))
            )


# --- what is damaged is seen -----------------------------------------------------------------------------------------
def edges(graph, kind):
    """(node, position) of the edges of a kind that lie between a use of a parameter and a loss."""
    return [(n, k) for n, node in enumerate(graph.nodes) for k, edge in enumerate(node.edges) if edge[2][0] == kind]


def raise_coefficient(graph, node, k):
    source, value, label = graph.nodes[node].edges[k]
    graph.nodes[node].edges[k] = (source, value + 1, label)


def drop(graph, node, k):
    del graph.nodes[node].edges[k]


def relabel(graph, node, k):
    source, value, label = graph.nodes[node].edges[k]
    other = Edge.STATE if label[0] is Edge.RESET else Edge.RESET
    graph.nodes[node].edges[k] = (
        source,
        value,
        (other, *label[1:]) if isinstance(label[0], Edge) else (other, 1, False),
    )


def shift(graph, node, k):
    source, value, label = graph.nodes[node].edges[k]
    graph.nodes[node].edges[k] = (source - 1, value, label)


@pytest.mark.parametrize("damage", [raise_coefficient, drop, relabel, shift])
@pytest.mark.parametrize("kind", [Edge.STATE, Edge.RESET, Edge.RECURRENT, "input", "within"])
def test_one_damaged_edge_is_seen(program, damage, kind):
    def edit(graph):
        found = edges(graph, kind)
        damage(graph, *found[len(found) // 2])

    # under ottt STATE is kept and RESET is not, and nothing at all in the layer above
    found = [
        compare(program, [Case(NETWORK, rows()[name], steps=3)], edit)[0] for name in ("ottt", "bptt-detached-reset")
    ]
    assert any(one.different for one in found)


@pytest.mark.parametrize("name", ["ostl-random", "osttp", "e-prop-random", "decolle"])
def test_a_damaged_feedback_edge_is_seen(program, name):
    def edit(graph):
        for kind in ("feedback", "projection"):
            if found := edges(graph, kind):
                raise_coefficient(graph, *found[0])

    assert compare(program, [Case(NETWORK, rows()[name], steps=3)], edit)[0].different


def test_a_charge_and_an_immediate_derivative_are_seen(program):
    def charge(graph):
        node = next(node for node in graph.nodes if node.credit != 0)
        node.credit = node.credit + 1

    def immediate(graph):
        uses = next(iter(graph.immediate.values()))
        uses[min(uses)] = uses[min(uses)] + 1

    for edit in (charge, immediate):
        assert compare(program, [Case(NETWORK, rows()["bptt"], steps=3)], edit)[0].different


@pytest.mark.parametrize("change", [{"window": 1}, {"window": 3}])
def test_another_window_is_seen(program, change):
    from gradcert.theorems.tie.compare import settle
    from gradcert.theorems.tie.program import ask

    prepared = prepare(Case(NETWORK, rows()["tbptt"], steps=4))
    other = replace(prepared, question=replace(prepared.question, **change))
    assert settle(other, ask(program, [other.question])[0]).different


def test_a_site_that_is_not_closed_is_seen(program):
    def edit(graph):
        for node in graph.nodes:
            if node.site[0] == "unit":
                node.site = ("open",)

    assert compare(program, [Case(NETWORK, rows()["snap-1"], steps=3)], edit)[0].different


def test_every_edge_has_its_own_label(program):
    graph = prepare(Case(stacks(Snu(train=("leak", "threshold")))[0], rows()["ostl"], steps=2)).question.graph
    assert {label[0] for label in graph.labels()} == {"open", "within", "input", Edge.STATE, Edge.RESET, Edge.RECURRENT}
    assert all(truth(label) for label in graph.labels())
